"""What an offline W&B wrote, read from its files: records of protobuf in LevelDB's log format."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HEAD, _BLOCK, _RECORD = 7, 32768, struct.Struct("<IHB")  # of the file; of a record: checksum, length, kind
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


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
    for data in _records(file.read_bytes()):
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


def _records(data: bytes) -> Iterator[bytes]:
    at, whole = _HEAD, b""
    while at + _RECORD.size <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _RECORD.size:
            at += left
            continue
        _, length, kind = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        whole += data[at : at + length]
        at += length
        if kind in (_FULL, _LAST):
            yield whole
            whole = b""
        elif kind not in (_FIRST, _MIDDLE):
            return
