"""Runs in columns: which of them are parameters, which are metrics, and which row is of which run."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tune.errors import UserMistake
from tune.ledger.imports.names import EPOCH, RUN, is_derived, looks_like_a_metric, role
from tune.ledger.imports.run import (
    MOST_RUNS,
    Axis,
    ImportedRun,
    from_one,
    is_epochs,
    is_seed,
    number_of,
    seconds_in,
    whole,
)
from tune.study.values import frozen

Columns = Mapping[str, Sequence[Any]]
"""By name, a cell per row; None where it is empty."""

_PARAMETER_HEADS = (
    "config/",
    "config.",
    "params_",
    "params.",
    "params/",
    "param_",
    "hparams/",
    "hparam/",
    "parameter_",
)
_METRIC_HEADS = ("metrics.", "metrics/", "metric/", "summary.", "summary/", "values_")
_OF_THE_LOGGER = re.compile(
    "state|status|tags|notes|user|created|updated|host|hostname|sweep|evaluated|epochs_redone|gpu_seconds|rung|failed|"
    "reason|datetime_start|datetime_complete|duration|date|time|timestamp|wandb|tags_.*|artifact_uri|start_time|end_time|"
    "experiment_id|experiment_tag|run_uuid|user_id|source_.*|pid|node_ip|done|iterations_since_restore|"
    "time_since_restore|should_checkpoint|checkpoint_dir_name"
)
"""What loggers, and our own tables, write beside parameters and metrics."""


@dataclass(frozen=True)
class _Sorted:
    """What each column is, and the rows of each run.

    Attributes:
        epoch: The column that numbers the rows of a curve; None where a row is a whole run.
        seed: The column of the seed.
        groups: Rows by run, in order.
        keys: What each run is called.
        parameters: Name by column.
        metrics: Name by column.
    """

    epoch: str | None
    seed: str | None
    groups: Sequence[Sequence[int]]
    keys: Sequence[str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, str]


def runs_in(columns: Columns, source: str, metrics: Sequence[str] = ()) -> list[ImportedRun]:
    """Returns the runs that columns hold.

    - A column called `epoch` (or training_iteration, step, ...) makes its rows the curve of a run; without it, each row
      is a whole run.
    - A column called `seed` is the seed; one called `run`, `name`, `trial` ... says of which run a row is. Without one,
      a new run begins where the epoch does not rise.
    - What begins with `config/`, `params_`, `hparams/` ... is a parameter, what begins with `metrics.` or
      `summary.` a metric.
    - Of the others, text and truth values are parameters; numbers are metrics where they change within a run. Those
      that do not, as where every run is one row, are metrics if they are called so (loss, accuracy ...), else
      parameters.

    Args:
        columns: The table.
        source: As the user named it.
        metrics: Columns that are metrics in any case.

    Raises:
        UserMistake: If it holds no row or no metric, or too many runs.
    """
    columns = {name.strip(): cells for name, cells in columns.items() if name.strip() not in ("", "Unnamed: 0")}
    rows = len(next(iter(columns.values()), ()))
    if not rows:
        raise UserMistake(f"{source}: holds no row; a header and a row per run or epoch are wanted")
    found = _sorted(columns, rows, source, metrics)
    if not found.metrics:
        there = ", ".join(columns)
        raise UserMistake(
            f"{source}: no column looks like a metric; it has {there:.200}; name it with --metric, or call it "
            "metrics.NAME or with a word such as loss or accuracy"
        )
    return [_run(columns, found, place, source) for place in range(len(found.groups))]


def _sorted(columns: Columns, rows: int, source: str, metrics: Sequence[str]) -> _Sorted:
    epoch = next((name for wanted in EPOCH for name in columns if role(name) == wanted and name not in metrics), None)
    seed = next((name for name in columns if is_seed(_bare(name, _PARAMETER_HEADS))), None)
    run = _run_column([name for wanted in RUN for name in columns if name != epoch and role(name) == wanted], columns)
    groups = _groups(columns, rows, epoch, [name for name in (run, seed) if name is not None])
    if len(groups) > MOST_RUNS:
        raise UserMistake(f"{source}: holds {len(groups):,} runs; at most {MOST_RUNS:,} are read")
    others = [name for name in columns if name not in (epoch, seed, run) and role(name) not in (*EPOCH, *RUN)]
    parameters, measured = {}, {}
    for name in others:
        kind = "metric" if name in metrics else _kind(name, columns[name], groups)
        if kind == "parameter":
            parameters[name] = _bare(name, _PARAMETER_HEADS)
        elif kind == "metric":
            measured[name] = _bare(name, _METRIC_HEADS)
    keys = [_text(columns[run][group[0]]) if run is not None else str(at) for at, group in enumerate(groups)]
    return _Sorted(epoch, seed, groups, keys, parameters, measured)


def _run_column(candidates: Sequence[str], columns: Columns) -> str | None:
    """Returns the column that says of which run a row is: that which tells most apart, else that for people."""
    return max(candidates, key=lambda name: len({repr(cell) for cell in columns[name]}), default=None)


def _groups(columns: Columns, rows: int, epoch: str | None, by: Sequence[str]) -> list[list[int]]:
    """Returns the rows of each run."""
    if epoch is None:
        return [[row] for row in range(rows)]
    found: dict[Hashable, list[int]] = {}
    begun, before = 0, float("-inf")
    for row in range(rows):
        number = number_of(columns[epoch][row])
        if number is None or not isfinite(number):
            continue
        if not by:
            begun += number < before
            before = number
        found.setdefault((begun, *(frozen(columns[name][row]) for name in by)), []).append(row)
    return list(found.values())


def _kind(name: str, cells: Sequence[Any], groups: Sequence[Sequence[int]]) -> str | None:
    """Returns what a column is: a parameter, a metric, or None for what is neither."""
    if name.startswith(_PARAMETER_HEADS):
        return "parameter"
    if name.startswith(_METRIC_HEADS):
        return "metric"
    if _OF_THE_LOGGER.fullmatch(role(name)) or name.startswith("_"):
        return "metric" if role(name) in ("runtime", "timestamp", "duration") else None
    there = [[cells[row] for row in group if cells[row] is not None] for group in groups]
    constant = all(len({repr(cell) for cell in cells_of}) < 2 for cells_of in there)
    if any(number_of(cell) is None for cells_of in there for cell in cells_of):
        return "parameter" if constant else None
    if not any(there):
        return None
    told = role(name) == "learning_rate" and not re.fullmatch(r"(lr|learning_rate)", name)  # as a monitor: lr-Adam
    if is_derived(name) or not constant or told:
        return "metric"
    if is_epochs(name):
        return "parameter"
    return "metric" if looks_like_a_metric(name) else "parameter"


def _run(columns: Columns, found: _Sorted, place: int, source: str) -> ImportedRun:
    group = found.groups[place]
    configuration: dict[str, Any] = {}
    for column, name in found.parameters.items():
        value = next((columns[column][row] for row in group if columns[column][row] is not None), None)
        if value is not None:
            configuration[name] = value
    curves: dict[str, dict[int, float]] = {}
    finals: dict[str, float] = {}
    for column, name in found.metrics.items():
        for row in group:
            value = number_of(columns[column][row])
            if value is None:
                continue
            if found.epoch is None:
                finals[name] = value
            else:
                curves.setdefault(name, {})[whole(columns[found.epoch][row])] = value
    counted = from_one(curves)
    seed = number_of(columns[found.seed][group[0]]) if found.seed is not None else None
    return ImportedRun(
        found.keys[place],
        source,
        configuration,
        seed=int(seed) if seed is not None and isfinite(seed) else None,
        curves=counted,
        finals=finals,
        seconds=seconds_in(counted, finals),
        axis=axis_of(found.epoch),
    )


def axis_of(column: str | None) -> Axis:
    """Returns what a column of that name counts."""
    return "epoch" if column is None or role(column) in EPOCH[:3] else "step"


def _bare(name: str, heads: Sequence[str]) -> str:
    return next((name.removeprefix(head) for head in heads if name.startswith(head)), name)


def _text(cell: Any) -> str:
    number = number_of(cell)
    return str(int(number)) if number is not None and number.is_integer() else str(cell)
