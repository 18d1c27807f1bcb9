"""Runs as other tools leave them, small and written by hand; and runs that were read."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

from tune.ledger.imports.run import ImportedRun
from tune.views.tensorboard.event_file import append_events, event_file


def curve(*values: float, begin: int = 1) -> dict[int, float]:
    """A curve with these values after epochs 1, 2, 3 ..."""
    return dict(enumerate(values, begin))


def imported(key: str = "0", source: str = "earlier.csv", loss: Sequence[float] = (), **given: Any) -> ImportedRun:
    """A run with a curve of its validation loss."""
    curves = {"validation_loss": curve(*loss)} if loss else {}
    return ImportedRun(key, source, **{"curves": curves | given.pop("more", {}), **given})


def write_events(
    folder: Path,
    scalars: Mapping[str, Mapping[int, float]],
    hparams: Mapping[str, Any] | None = None,
    *,
    ours: bool = False,
) -> None:
    """An event file with scalars by tag and step, a second between steps, and hyperparameters."""
    events = [
        Event(
            step=step,
            wall_time=100 + step,
            summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]),
        )
        for tag, values in scalars.items()
        for step, value in values.items()
    ]
    if hparams is not None:
        told = SessionStartInfo()
        for name, given in hparams.items():
            kind = (
                "string_value"
                if isinstance(given, str)
                else "bool_value"
                if isinstance(given, bool)
                else "number_value"
            )
            setattr(told.hparams[name], kind, given)
        content = HParamsPluginData(session_start_info=told, version=0).SerializeToString()
        plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content)
        value = Summary.Value(tag=metadata.SESSION_START_INFO_TAG, metadata=SummaryMetadata(plugin_data=plugin))
        events.append(Event(wall_time=100, summary=Summary(value=[value])))
    append_events(event_file(folder) if ours else folder / "events.out.tfevents.100.host", events)


def write_mlflow(
    run: Path, params: Mapping[str, Any], metrics: Mapping[str, Mapping[int, float]], name: str | None = None
) -> None:
    """A run of MLflow's file store, which took 90 s."""
    for folder in ("params", "metrics", "tags"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    (run / "meta.yaml").write_text(f"run_id: {run.name}\nstart_time: 1700000000000\nend_time: 1700000090000\n")
    for key, value in params.items():
        (run / "params" / key).write_text(str(value))
    for key, values in metrics.items():
        (run / "metrics" / key).parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{1_700_000_000_000 + step} {value} {step}\n" for step, value in values.items()]
        (run / "metrics" / key).write_text("".join(lines))
    if name is not None:
        (run / "tags" / "mlflow.runName").write_text(name)


def write_wandb(run: Path, config: Mapping[str, Any], summary: Mapping[str, Any], history: str | None = None) -> None:
    """A run folder of W&B's, with the history that `run.history().to_csv()` wrote beside it."""
    files = run / "files"
    files.mkdir(parents=True)
    wrapped = {"_wandb": {"value": {"cli_version": "0.16"}}} | {key: {"value": value} for key, value in config.items()}
    (files / "config.yaml").write_text(json.dumps(wrapped))
    (files / "wandb-summary.json").write_text(json.dumps(summary))
    if history is not None:
        (files / "history.csv").write_text(history)


def wandb_log(records: Sequence[bytes]) -> bytes:
    """A `.wandb` file with records that are split where a block of 32 KiB ends."""
    content = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
    for data in records:
        left, first = data, True
        while first or left:
            room = 32_768 - len(content) % 32_768 - 7
            if room < 0:
                content += bytes(room + 7)
                continue
            part, left = left[:room], left[room:]
            kind = (1 if not left else 2) if first else (4 if not left else 3)
            content += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
    return content
