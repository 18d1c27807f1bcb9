"""Runs that MLflow keeps in files: `mlruns/EXPERIMENT/RUN/` with `params/`, `metrics/` and `tags/`."""

from collections.abc import Iterator
from math import isfinite, nan
from pathlib import Path
from typing import Any

from tune.errors import UserMistake
from tune.ledger.imports.names import role
from tune.ledger.imports.run import (
    MOST_RUNS,
    ImportedRun,
    from_one,
    refuse_large,
    seconds_in,
    seed_in,
    whole,
    without_seed,
)
from tune.study import document
from tune.study.settings.starting_points import value_of_cell

_MOST_FILES, _MOST_VALUE = 10_000, 100_000


def holds_mlflow(folder: Path) -> bool:
    """Says whether a folder is one of MLflow's: a run, an experiment, or all of them."""
    return next(_runs_below(folder), None) is not None


def read_mlflow(folder: Path, source: str) -> list[ImportedRun]:
    """Returns the runs in a folder of MLflow's.

    Raises:
        UserMistake: If a file cannot be read, or there are too many.
    """
    found: list[ImportedRun] = []
    for run in _runs_below(folder):
        if len(found) == MOST_RUNS:
            raise UserMistake(f"{source}: holds more than {MOST_RUNS:,} runs; give an experiment or a run in it")
        found.append(_run(run, source))
    return found


def _runs_below(folder: Path) -> Iterator[Path]:
    for place in (folder, *sorted(folder.glob("*")), *sorted(folder.glob("*/*"))):
        if (place / "meta.yaml").is_file() and ((place / "metrics").is_dir() or (place / "params").is_dir()):
            yield place


def _run(folder: Path, source: str) -> ImportedRun:
    meta = document.read(folder / "meta.yaml").value
    told = {name: _value(path) for name, path in _files(folder / "params", source)}
    steps: dict[str, list[tuple[int, int, float]]] = {}
    for name, path in _files(folder / "metrics", source):
        steps[name] = sorted(_lines(path))
    curves = {name: {step: value for step, _, value in lines} for name, lines in steps.items() if len(lines) > 1}
    finals = {name: lines[-1][2] for name, lines in steps.items() if len(lines) == 1}
    several = max((len(curve) for curve in curves.values()), default=1)
    counted = from_one(_by_epoch(curves))
    began, ended = meta.get("start_time"), meta.get("end_time")
    lasted = (ended - began) / 1000 if isinstance(began, int) and isinstance(ended, int) else None
    named = folder / "tags" / "mlflow.runName"
    return ImportedRun(
        _text(named).strip() if named.is_file() else str(meta.get("run_name") or folder.name),
        source,
        without_seed(told),
        seed=seed_in(told),
        curves=counted,
        finals=finals,
        seconds=lasted if lasted is not None else seconds_in(counted, finals),
        axis="epoch" if _consecutive(counted, several) else "step",
    )


def _by_epoch(curves: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    """Returns curves by the metric `epoch` where that is told at their steps, else by their steps."""
    epochs = next((curve for name, curve in curves.items() if role(name) == "epoch"), None)
    if epochs is None:
        return curves
    return {
        name: {whole(epochs[step]): value for step, value in curve.items() if isfinite(epochs.get(step, nan))}
        for name, curve in curves.items()
        if curve is not epochs
    }


def _consecutive(curves: dict[str, dict[int, float]], several: int) -> bool:
    """Says whether steps are counted by one, as epochs are."""
    return several < 2 or any(max(curve) - min(curve) == len(curve) - 1 for curve in curves.values() if curve)


def _files(folder: Path, source: str) -> Iterator[tuple[str, Path]]:
    for count, path in enumerate(sorted(folder.rglob("*")) if folder.is_dir() else ()):
        if count >= _MOST_FILES:
            raise UserMistake(f"{source}: {folder} holds more than {_MOST_FILES:,} files, which is no run of MLflow's")
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


def _lines(path: Path) -> Iterator[tuple[int, int, float]]:
    """Yields step, time and value of each line of a metric: `timestamp value step`."""
    for count, line in enumerate(_text(path).splitlines(), start=1):
        parts = line.split()
        try:
            yield int(parts[2]) if len(parts) > 2 else count, int(parts[0]), float(parts[1])
        except (ValueError, IndexError):
            raise UserMistake(
                f"{path}, line {count}: must be `timestamp value step`, as MLflow writes it; got {line!r:.60}"
            ) from None


def _value(path: Path) -> Any:
    if path.stat().st_size > _MOST_VALUE:
        raise UserMistake(f"{path}: {path.stat().st_size:,} bytes is no value of a parameter; at most {_MOST_VALUE:,}")
    text = _text(path).strip()
    value = value_of_cell(text)
    return value if isinstance(value, bool | int | float) else text


def _text(path: Path) -> str:
    refuse_large(path)
    return path.read_text(encoding="utf-8", errors="backslashreplace")
