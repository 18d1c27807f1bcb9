"""Runs of Weights & Biases: a run's folder, offline or not, and what `run.history()` or the API was written to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tune.errors import UserMistake
from tune.ledger.imports.columns import Columns, runs_in
from tune.ledger.imports.run import (
    MOST_RUNS,
    ImportedRun,
    flat,
    number_of,
    refuse_large,
    seconds_in,
    seed_in,
    without_seed,
)
from tune.ledger.imports.table import read_table
from tune.ledger.imports.wandb_file import records
from tune.study import document

_HISTORIES = ("history.csv", "history.parquet", "history.json", "history.jsonl", "wandb-history.jsonl")
_OWN = ("config.yaml", "wandb-summary.json")


def holds_wandb(folder: Path) -> bool:
    """Says whether a folder is a run's, or holds such."""
    return next(_runs_below(folder), None) is not None


def read_wandb(folder: Path, source: str, metrics: Sequence[str] = ()) -> list[ImportedRun]:
    """Returns the runs in a folder: `wandb/`, or one run of it.

    The configuration is that of `config.yaml`, the final values those of `wandb-summary.json`. Curves are those of a
    history that was written beside them (`history.csv`, `.json`, `.jsonl`, `.parquet`), else of `run-ID.wandb`, which
    the wandb package reads.

    Raises:
        UserMistake: If a file cannot be read, or there are too many.
    """
    found: list[ImportedRun] = []
    for run in _runs_below(folder):
        if len(found) == MOST_RUNS:
            raise UserMistake(f"{source}: holds more than {MOST_RUNS:,} runs; give a run in it")
        found.append(_run(run, source, metrics))
    return found


def read_json(path: Path, source: str, metrics: Sequence[str] = ()) -> list[ImportedRun]:
    """Returns the runs of a JSON file: `{config, history, summary, name}` or a list of such, or a history by itself.

    A history is a list of a mapping per row, a mapping of columns, or a file with a JSON object per line.

    Raises:
        UserMistake: If it cannot be read, or is something else.
    """
    content = _json(path, source)
    if isinstance(content, Mapping) and isinstance(content.get("log_history"), list):  # the Trainer of transformers
        content = content["log_history"]
    if isinstance(content, Mapping) and ({"config", "history"} & content.keys()):
        content = [content]
    if isinstance(content, list) and content and all(isinstance(one, Mapping) and "config" in one for one in content):
        return [
            _made(
                str(one.get("name") or one.get("id") or at),
                source,
                _mapping(one["config"]),
                _mapping(one.get("summary") or {}),
                _history(one["history"], source, metrics) if one.get("history") else None,
            )
            for at, one in enumerate(content)
        ]
    return runs_in(_columns(content, source), source, metrics)


def _runs_below(folder: Path) -> Iterator[Path]:
    """Yields the folders with a run's own files: `files/`, or one that they were copied into."""
    for place in (folder, *sorted(folder.glob("*run-*"))):
        files = place / "files" if (place / "files").is_dir() else place
        if any((files / name).is_file() for name in _OWN) or next(place.glob("run-*.wandb"), None) is not None:
            yield place


def _run(folder: Path, source: str, metrics: Sequence[str]) -> ImportedRun:
    files = folder / "files" if (folder / "files").is_dir() else folder
    config = _mapping(_yaml(files / "config.yaml"))
    summary = _mapping(_json(files / "wandb-summary.json", source)) if (files / "wandb-summary.json").is_file() else {}
    history = next((path for place in (files, folder) for name in _HISTORIES if (path := place / name).is_file()), None)
    name = folder.parent.name if folder.name == "files" else folder.name
    if history is not None:
        tables = history.suffix in (".csv", ".parquet")
        told = read_table(history, source, metrics) if tables else _history(_json(history, source), source, metrics)
        return _made(name, source, config, summary, told)
    stored = next(iter(sorted(folder.glob("run-*.wandb"))), None)
    if stored is None:
        return _made(name, source, config, summary, None)
    kept = _stored(stored)
    rows = _history(kept["history"], source, metrics) if kept["history"] else None
    return _made(kept["name"] or name, source, config or kept["config"], summary or kept["summary"], rows)


def _made(
    name: str, source: str, config: Mapping[str, Any], summary: Mapping[str, Any], history: list[ImportedRun] | None
) -> ImportedRun:
    told = {key: value for key, value in flat(config) if not key.startswith(("_wandb", "wandb_version"))}
    numbers = {key: number_of(value) for key, value in flat(summary) if not key.startswith(("_wandb", "_step"))}
    finals = {key: value for key, value in numbers.items() if value is not None}
    if history is not None and len(history) != 1:
        raise UserMistake(f"{source}: the history of {name} holds {len(history)} runs; that of one is wanted")
    rows = history[0] if history else None
    curves = rows.curves if rows else {}
    constant = dict(rows.configuration) if rows else {}
    seconds = seconds_in(curves, finals)
    return ImportedRun(
        name,
        source,
        without_seed({**constant, **told}),
        seed=seed_in(told) if seed_in(told) is not None else rows.seed if rows else None,
        curves=curves,
        finals=finals,
        seconds=seconds,
        axis=rows.axis if rows else "epoch",
    )


def _history(given: Any, source: str, metrics: Sequence[str]) -> list[ImportedRun]:
    return runs_in(_columns(given, source), source, metrics)


def _columns(given: Any, source: str) -> Columns:
    """Returns a history as columns."""
    if isinstance(given, Mapping) and given and all(isinstance(one, list | Mapping) for one in given.values()):
        lists = {str(name): list(one.values() if isinstance(one, Mapping) else one) for name, one in given.items()}
        longest = max(map(len, lists.values()))
        return {name: [*one, *[None] * (longest - len(one))] for name, one in lists.items()}
    if isinstance(given, list) and given and all(isinstance(one, Mapping) for one in given):
        rows = [dict(flat(one)) for one in given]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    raise UserMistake(
        f"{source}: must be a run (config, history, summary), a list of a mapping per row, or a mapping of columns; "
        f"got {given!r:.60}"
    )


def _mapping(given: Any) -> dict[str, Any]:
    """Returns a configuration or a summary; values that stand under `value`, as in config.yaml, by themselves."""
    if not isinstance(given, Mapping):
        return {}
    wrapped = {
        key for key, one in given.items() if isinstance(one, Mapping) and {"value"} <= one.keys() <= {"value", "desc"}
    }
    return {str(key): one["value"] if key in wrapped else one for key, one in given.items()}


def _yaml(path: Path) -> Any:
    return document.read(path).value if path.is_file() else {}


def _json(path: Path, source: str) -> Any:
    refuse_large(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UserMistake(f"{source}: {path.name} cannot be read as JSON: {error!s:.200}") from None


def _stored(path: Path) -> dict[str, Any]:
    """Returns what W&B's own file of a run holds: its name, configuration, summary and history."""
    refuse_large(path)
    try:
        record_type = import_module("wandb.proto.wandb_internal_pb2").Record
    except ImportError:
        raise UserMistake(
            f"{path}: what it holds is described by the wandb package; install it (pip install 'latent-tune[wandb]'), "
            "or write run.history().to_csv('history.csv') into its folder"
        ) from None
    found: dict[str, Any] = {"name": "", "config": {}, "summary": {}, "history": []}
    try:
        for data in records(path.read_bytes()):
            record = record_type.FromString(data)
            found["name"] = record.run.display_name or found["name"]
            found["config"] |= _items([*record.run.config.update, *record.config.update])
            found["summary"] |= _items([*record.run.summary.update, *record.summary.update])
            if record.history.item:
                found["history"].append(_items(record.history.item))
    except (ValueError, RecursionError, DecodeError) as error:
        raise UserMistake(f"{path}: cannot be read as a run of W&B's: {error!s:.200}") from None
    return found


def _items(items: Sequence[Any]) -> dict[str, Any]:
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}
