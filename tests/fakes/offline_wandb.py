"""What an offline W&B wrote, read from its files, by the records in them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tune.ledger.imports.wandb_file import records


@dataclass
class OfflineRun:
    """One run, as its files say it.

    Attributes:
        id, name, project, group, job_type: Whose.
        config: Value by name.
        history: Metrics of each step, in order.
        summary: Value by name, as last told.
        exit_code: None where it was not finished.
    """

    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def offline_runs(folder: Path) -> list[OfflineRun]:
    """Every run below a folder, one for each of W&B's files."""
    return [_run(file) for file in sorted(folder.rglob("run-*.wandb"))]


def _run(file: Path) -> OfflineRun:
    from wandb.proto import wandb_internal_pb2

    run = OfflineRun()
    for data in records(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            told = record.run
            run.id, run.name, run.project = told.run_id, told.display_name, told.project
            run.group, run.job_type = told.run_group, told.job_type
            run.config |= {one.key: json.loads(one.value_json) for one in told.config.update if one.key != "_wandb"}
        elif kind == "history":
            items = {one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in record.history.item}
            run.history.append(items)
        elif kind == "summary":
            for one in record.summary.update:
                run.summary[one.key or ".".join(one.nested_key)] = json.loads(one.value_json)
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run
