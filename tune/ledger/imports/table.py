"""CSV and Parquet files, our own exports among them, and what W&B's pages export as CSV."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.errors import UserMistake
from tune.ledger.imports.columns import Columns, runs_in
from tune.ledger.imports.run import ImportedRun, flat, number_of, refuse_large, seconds_in, seed_in, without_seed

_MOST_ROWS, _MOST_HEAD = 5_000_000, 1_000_000
_OWN_TRIALS = ("trial", "state", "rung", "epochs", "seeds", "failed", "score", "mean")
"""How the header of our own trials.csv begins; parameters stand after `reason`."""
_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<end>__(MIN|MAX))?")
"""A column of a chart that W&B's page exports: `run - metric`, and the same with the ends of what it summarises."""


def read_table(path: Path, source: str, metrics: Sequence[str] = ()) -> list[ImportedRun]:
    """Returns the runs in a CSV or Parquet file; see `runs_in` for what its columns are.

    Args:
        path: The file.
        source: As the user named it.
        metrics: Columns that are metrics in any case.

    Raises:
        UserMistake: If it cannot be read, or holds no runs.
    """
    columns: Columns = _columns(path, source)
    if not columns:
        raise UserMistake(f"{source}: is empty; a header and a row per run or epoch are wanted")
    if {"config", "summary"} <= columns.keys():
        return _listed(columns, source)
    if charted := _chart(columns):
        return [run for part in charted for run in runs_in(part, source, metrics)]
    if tuple(columns)[: len(_OWN_TRIALS)] == _OWN_TRIALS:
        return _own_trials(columns, source)
    beside = path.with_name("trials.csv")
    if tuple(columns)[:3] == ("trial", "seed", "epoch") and path.name == "curves.csv" and beside.is_file():
        columns = _with_parameters(columns, _columns(beside, str(beside)))
    return runs_in(columns, source, metrics)


def _columns(path: Path, source: str) -> dict[str, Sequence[Any]]:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    refuse_large(path)
    kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
    try:
        if kind == "Parquet":
            rows = pa.parquet.read_metadata(path).num_rows
            if rows > _MOST_ROWS:
                raise UserMistake(f"{source}: {rows:,} rows; at most {_MOST_ROWS:,} are read")
            table = pa.parquet.read_table(path)
        elif not path.stat().st_size:
            return {}
        else:
            table = pa.csv.read_csv(
                path,
                read_options=pa.csv.ReadOptions(use_threads=False),
                parse_options=pa.csv.ParseOptions(delimiter=_delimiter(path)),
                convert_options=pa.csv.ConvertOptions(
                    null_values=["", "NA", "null", "None", "N/A"], strings_can_be_null=True, timestamp_parsers=["%"]
                ),
            )
        names = table.column_names
        cells = [column.to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserMistake(f"{source}: cannot be read as {kind}: {said:.200}") from None
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise UserMistake(f"{source}: column {twice[0]!r} stands twice; keep one")
    return dict(zip(names, cells, strict=True))


def _delimiter(path: Path) -> str:
    """Returns what stands between the names of the header most often."""
    with path.open("rb") as file:
        head = file.readline(_MOST_HEAD).decode(errors="replace")
    return max((",", ";", "\t"), key=head.count)


def _chart(columns: Columns) -> list[Columns]:
    """Returns the columns of each run of a chart that W&B's page exports; empty where it is none."""
    first, *others = columns
    found = {name: _CHART.fullmatch(name) for name in others}
    if not others or not all(found.values()) or not any(match and match["end"] for match in found.values()):
        return []
    runs: dict[str, dict[str, Sequence[Any]]] = {}
    for name, match in found.items():
        if match and not match["end"]:
            runs.setdefault(match["run"], {})[f"metrics.{match['metric']}"] = columns[name]
    count = len(columns[first])
    return [{first: columns[first], "run": [run] * count, **curves} for run, curves in runs.items()]


def _listed(columns: Columns, source: str) -> list[ImportedRun]:
    """Returns the runs of a table with a row per run of mappings, as W&B's guide has people export them."""
    found = []
    names = columns.get("name") or [str(at) for at in range(len(columns["config"]))]
    for at, (name, config, summary) in enumerate(zip(names, columns["config"], columns["summary"], strict=True)):
        told = dict(flat(_mapping(config, source, at)))
        numbers = {key: number_of(value) for key, value in flat(_mapping(summary, source, at))}
        finals = {key: value for key, value in numbers.items() if value is not None}
        found.append(
            ImportedRun(
                str(name),
                source,
                {key: value for key, value in without_seed(told).items() if not key.startswith("_")},
                seed=seed_in(told),
                finals=finals,
                seconds=seconds_in({}, finals),
            )
        )
    return found


def _mapping(cell: Any, source: str, row: int) -> Mapping[str, Any]:
    """Returns the mapping that a cell shows, as Python writes it; numbers that are not finite are not known."""
    try:
        text = str(cell)[:_MOST_HEAD]  # a mapping that is cut off is none
        found = ast.literal_eval(re.sub(r"(?<=[\s:\[,])-?(nan|inf)(?=[,}\]])", "None", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    if not isinstance(found, dict):
        raise UserMistake(f"{source}: row {row + 1}: config and summary must be mappings, got {str(cell)!r:.60}")
    return found


def _own_trials(columns: Columns, source: str) -> list[ImportedRun]:
    """Returns the trials of our own trials.csv, each as one run: how its seeds differ is in curves.csv."""
    names = list(columns)
    parameters = names[names.index("reason") + 1 :] if "reason" in names else []
    found = []
    for at, trial in enumerate(columns["trial"]):
        if not columns["epochs"][at]:
            continue
        configuration = {name: columns[name][at] for name in parameters if columns[name][at] is not None}
        finals = {name: number_of(columns[name][at]) for name in ("mean", "score", "seconds") if name in columns}
        told = {name: value for name, value in finals.items() if value is not None}
        epochs = {"epochs": columns["epochs"][at]}
        found.append(
            ImportedRun(str(trial), source, {**configuration, **epochs}, finals=told, seconds=told.get("seconds"))
        )
    return found


def _with_parameters(curves: Columns, trials: Columns) -> Columns:
    """Returns the columns of our own curves.csv with the parameters of trials.csv beside it."""
    names = list(trials)
    parameters = names[names.index("reason") + 1 :] if "reason" in names else []
    row = {trial: at for at, trial in enumerate(trials.get("trial", ()))}
    there = [row.get(trial) for trial in curves["trial"]]
    added = {f"config/{name}": [None if at is None else trials[name][at] for at in there] for name in parameters}
    return {**curves, **added}
