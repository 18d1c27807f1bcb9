"""Any study as a table of two factors: what is done and what is missing, losses, speed, any metric of the trainer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from operator import itemgetter
from statistics import fmean, median
from typing import Any

import pyarrow as pa

from tune.errors import UserMistake, did_you_mean
from tune.ledger.arms import placed_arms
from tune.ledger.curves.arrays import mask_of, nulls_of
from tune.ledger.reader import LedgerReader
from tune.scoring.score import SeedSummary
from tune.scoring.standings import Standing
from tune.study.values import same
from tune.views import wording
from tune.views.plan.tables import Cells
from tune.views.results import Results

COVERAGE, LOSS, FAILED = "coverage", "loss", "failed"
OWN_VALUES = (COVERAGE, LOSS, FAILED)
"""What may stand in a cell beside a metric of the trainer: what is done; the scored metric; how many seeds failed."""


@dataclass(frozen=True)
class Entry:
    """A trial, or an arm that has none yet, by what a table may be made of.

    Attributes:
        settings: Configuration, epochs of a full training, and of a plan round and arm.
        state: As a coverage table says it.
        summary: Of its losses; None before it reached a rung.
        trial: Its number; None while there is none.
        epochs: Of each seed: as far as it came, or is to train; 0 where it has not reached a rung.
    """

    settings: Mapping[str, Any]
    state: str
    summary: SeedSummary | None
    trial: int | None
    epochs: int


@dataclass(frozen=True)
class Pivot:
    """A table of two factors.

    Attributes:
        rows, columns: Names of the factors; `columns` is empty for a table of one.
        value: What stands in the cells.
        row_values, column_values: Of the factors, in order; one None where there is a single column.
        cells: By place of row and column: the entries there.
        numbers: The same: the value of each entry, nan where there is none.
    """

    rows: str
    columns: str
    value: str
    row_values: Sequence[Any]
    column_values: Sequence[Any]
    cells: Mapping[tuple[int, int], Sequence[Entry]]
    numbers: Mapping[tuple[int, int], Sequence[float]]


def entries_of(ledger: LedgerReader, ranked: Sequence[Standing], of: Collection[str] | None = None) -> list[Entry]:
    """Returns every trial of a study, and every arm of a plan that has none, once each.

    Args:
        ledger: The study.
        ranked: Every trial.
        of: Of which arms of a plan, by round and name; None: of all.
    """
    by_number = {one.number: one for one in ranked}
    if not ledger.study.plan:
        return [_entry(ledger, {**one.trial.parameters}, one) for one in ranked]
    found: list[Entry] = []
    seen: set[Any] = set()
    for placed in placed_arms(ledger):
        if placed.arm.key in seen or (of is not None and placed.arm.full_name not in of):
            continue
        seen.add(placed.arm.key)
        standing = None if placed.trial is None else by_number.get(placed.trial.number)
        settings = {**placed.arm.configuration, "round": placed.arm.round, "arm": placed.arm.full_name}
        found.append(_entry(ledger, {**settings, "epochs": placed.arm.epochs}, standing))
    return found


def pivot(
    results: Results, rows: str, columns: str = "", value: str = COVERAGE, *, of: Collection[str] | None = None
) -> Pivot:
    """Returns a study as a table of one or two factors.

    Args:
        results: Of the study.
        rows: Name of a parameter, fixed values included; of a plan also `round`, `arm`, `epochs`.
        columns: Another one; empty for a single column.
        value: One of `OWN_VALUES`, or a column of the curves: its last known value, mean over seeds; of speeds and
            times, as samples_per_second and seconds, the median over epochs: the first may have compiling in it.
        of: Of which arms of a plan, by round and name; None: of all, each trial once.

    Raises:
        UserMistake: If there is no such factor or value, or no trial.
    """
    ledger = results.ledger
    entries = entries_of(ledger, results.ranked, of)
    if not entries:
        raise UserMistake(f"{ledger.folder}: no trial has begun yet, so there is nothing to tabulate")
    known = list(dict.fromkeys(name for one in entries for name in one.settings))
    for option, name in (("--rows", rows), ("--columns", columns)):
        if name and name not in known:
            raise UserMistake(f"{option} {name}: no factor of {ledger.study.name}{did_you_mean(name, known)}; its "
                              f"factors are {', '.join(known)}")  # fmt: skip
    if rows == columns:
        raise UserMistake(f"--columns {columns}: is what the rows are as well; give another factor, or none")
    told = _told(results.curves, value)
    row_values, column_values = _values(entries, rows), _values(entries, columns) if columns else [None]
    cells: dict[tuple[int, int], list[Entry]] = {}
    for one in entries:
        row = _place(row_values, one.settings.get(rows))
        column = _place(column_values, one.settings.get(columns)) if columns else 0
        if row is not None and column is not None:
            cells.setdefault((row, column), []).append(one)
    numbers = {at: [_number(one, value, told) for one in here] for at, here in cells.items()}
    return Pivot(rows, columns, value, row_values, column_values, cells, numbers)


def pivot_cells(table: Pivot) -> Cells:
    """Returns the table as cells of text."""
    corner = f"{table.rows} \\ {table.columns}" if table.columns else table.rows
    heads = [wording.value(one) for one in table.column_values] if table.columns else [table.value]
    rows = [
        [wording.value(value), *(_text(table, (row, column)) for column in range(len(table.column_values)))]
        for row, value in enumerate(table.row_values)
    ]
    return Cells([corner, *heads], rows, (corner,))


def _entry(ledger: LedgerReader, settings: Mapping[str, Any], standing: Standing | None) -> Entry:
    whole = {**ledger.study.fixed, **settings}
    if standing is None:
        return Entry(whole, "missing", None, None, int(settings["epochs"]))
    summary, trial = standing.summary, standing.trial
    lost = summary is not None and summary.failed == summary.seeds
    dead = standing.state == "failed" or (trial.confirmed and lost)
    state = "failed" if dead else "done" if standing.state == "confirmed" else standing.state
    return Entry(whole, state, summary, trial.number, standing.epochs)


def _values(entries: Sequence[Entry], name: str) -> list[Any]:
    found: list[Any] = []
    for one in entries:
        if name in one.settings and _place(found, one.settings[name]) is None:
            found.append(one.settings[name])
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)
    return sorted(found) if numeric else found


def _place(values: Sequence[Any], value: Any) -> int | None:
    return next((place for place, one in enumerate(values) if same(one, value)), None)


_OVER_EPOCHS = ("samples_per_second", "seconds", "gpu_utilisation")


def _told(curves: pa.Table, value: str) -> Mapping[int, float]:
    """Returns a metric of the trainer by trial."""
    if value in OWN_VALUES:
        return {}
    names = [name for name in curves.column_names if name not in ("trial", "seed", "epoch")]
    if value not in names:
        allowed = ", ".join((*OWN_VALUES, *names))
        raise UserMistake(f"--value {value}: nothing of the kind is known{did_you_mean(value, [*OWN_VALUES, *names])}; "
                          f"give one of {allowed}")  # fmt: skip
    known = curves.select(["trial", "seed", "epoch", value]).filter(mask_of(~nulls_of(curves[value])))
    found: dict[int, dict[int, list[float]]] = {}
    for row in sorted(known.to_pylist(), key=itemgetter("epoch")):
        found.setdefault(row["trial"], {}).setdefault(row["seed"], []).append(row[value])
    usual = value in _OVER_EPOCHS
    return {
        trial: fmean(median(values) if usual else values[-1] for values in seeds.values())
        for trial, seeds in found.items()
    }


def _number(one: Entry, value: str, told: Mapping[int, float]) -> float:
    if one.trial is None:
        return nan
    if value == FAILED:
        return nan if one.summary is None else float(one.summary.failed)
    if value in (COVERAGE, LOSS):
        return nan if one.summary is None else one.summary.mean
    return told.get(one.trial, nan)


def comparable(entries: Sequence[Entry], numbers: Sequence[float]) -> Mapping[int, list[tuple[Entry, float]]]:
    """Returns what stands in a cell by how long it trained: what trained for unequal epochs is never averaged."""
    found: dict[int, list[tuple[Entry, float]]] = {}
    for one, number in zip(entries, numbers, strict=True):
        found.setdefault(one.epochs, []).append((one, number))
    return dict(sorted(found.items()))


def _text(table: Pivot, at: tuple[int, int]) -> str:
    entries = table.cells.get(at, ())
    if not entries:
        return wording.UNKNOWN
    groups = comparable(entries, table.numbers[at])
    everywhere = {one.epochs for here in table.cells.values() for one in here if one.epochs}
    told = len(everywhere) > 1 and "epochs" not in (table.rows, table.columns)
    parts = []
    for epochs, group in groups.items():
        words = _of_equal(table.value, [one for one, _ in group], [number for _, number in group])
        after = f" after {wording.count(epochs, 'epoch')}" if told and epochs else ""
        parts.append(words if words == wording.UNKNOWN else f"{words}{after}")
    return "; ".join(dict.fromkeys(parts))


def _of_equal(value: str, entries: Sequence[Entry], numbers: Sequence[float]) -> str:
    """Returns the text of what trained for equally long."""
    known = [number for number in numbers if isfinite(number)]
    several = f" ({len(entries)})" if len(entries) > 1 else ""
    if value == FAILED:
        seeds = sum(one.summary.seeds for one in entries if one.summary is not None)
        return f"{sum(known):.0f}/{seeds}{several}" if seeds else wording.UNKNOWN
    mean = wording.number(fmean(known)) if known else ""
    if value != COVERAGE:
        return f"{mean}{several}" if known else wording.UNKNOWN
    states = list(dict.fromkeys(one.state for one in entries))
    return " ".join(part for part in (mean, "/".join(states), several.strip()) if part)


def plain_pivot(table: Pivot) -> dict[str, Any]:
    """Returns the table as plain values, for programs: a record per cell that has a trial or an arm."""
    return {
        "rows": table.rows,
        "columns": table.columns or None,
        "value": table.value,
        "cells": [
            {
                table.rows: table.row_values[row],
                **({table.columns: table.column_values[column]} if table.columns else {}),
                "trials": [one.trial for one in here],
                "states": [one.state for one in here],
                "epochs": [one.epochs for one in here],
                "values": [wording.plain(number) for number in table.numbers[row, column]],
            }
            for (row, column), here in sorted(table.cells.items())
        ],
    }
