"""Settings to begin with, from a table of earlier results or an earlier study (`search.enqueue: PATH`).

What the table says is put into the study as if it had been written there, so the study keeps it, whatever becomes of
the table.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tune.errors import UserMistake
from tune.study.document import Document
from tune.study.settings.conditions import Space, condition_mistakes, existing, with_conditions
from tune.study.settings.constraints import violated
from tune.study.settings.expression import expression
from tune.study.space import Choice, IntRange, Parameter
from tune.study.values import frozen, same

_HERE = ("search", "enqueue")
_SPACE: TypeAdapter[dict[str, Parameter]] = TypeAdapter(dict[str, Parameter])
_PREFIXES = ("", "params_", "config/", "config.")
"""What other tools write before the name of a parameter: Optuna, Ray Tune, Weights & Biases."""

_MOST_BYTES, _MOST_SETTINGS, _MOST_TOLD = 10_000_000, 1000, 20


@dataclass(frozen=True)
class EarlierTrial:
    """What was tried before: its name for people, such as `row 3`, and values by column."""

    name: str
    values: Mapping[str, Any]


EarlierTrials = Callable[[Path], Sequence[EarlierTrial]]
"""Returns the trials of an earlier study by its folder, best first; raises UserMistake where that cannot be read."""


def settle_starting_points(file: Document, home: Path, earlier: EarlierTrials | None = None) -> list[str]:
    """Puts into a study what the file or folder holds that `search.enqueue` names; mistakes go to those of the study.

    Args:
        file: Of the study.
        home: The folder from which the path is meant.
        earlier: Reads study folders; None: only CSV files can be named.

    Returns:
        Lines for people: what was read, and what was left out.
    """
    search = file.value.get("search")
    place = search.get("enqueue") if isinstance(search, dict) else None
    if not isinstance(search, dict) or not isinstance(place, str):
        return []
    search["enqueue"] = []
    asked = _Asked.of(file)
    if asked is None:  # what is wrong with the space is said of the space
        return []
    try:
        trials = _trials_at(home / place, earlier)
        columns = asked.columns(trials)
    except UserMistake as mistake:
        file.mistakes.append(file.mistake(_HERE, f"{place}: {mistake}"))
        return []
    settings, wrong = _settings(asked, trials, columns)
    file.mistakes += [file.mistake(_HERE, f"{place}: {message}") for message in wrong[:_MOST_TOLD]]
    if len(wrong) > _MOST_TOLD:
        file.mistakes.append(file.mistake(_HERE, f"{place}: and {len(wrong) - _MOST_TOLD} more like these"))
    search["enqueue"] = settings
    return [f"{place}: {line}" for line in _told(asked, trials, columns, len(settings))]


@dataclass(frozen=True)
class _Asked:
    """What a study says of its settings."""

    space: Space
    fixed: Mapping[str, Any]
    where: Sequence[str]

    @staticmethod
    def of(file: Document) -> "_Asked | None":
        """Returns what a file says; None where that is mistaken."""
        fixed, where = file.value.get("fixed", {}), file.value.get("where", [])
        try:
            space = _SPACE.validate_python(file.value.get("space"))
            names = [name for text in where for name in expression(text).names]
        except (ValidationError, ValueError, TypeError):
            return None
        if not isinstance(fixed, dict) or [*condition_mistakes(space)] or not {*names} <= {*space, *fixed}:
            return None
        return _Asked(space, fixed, where)

    def columns(self, trials: Sequence[EarlierTrial]) -> dict[str, str]:
        """Returns the parameter by column.

        Raises:
            UserMistake: If no column is one.
        """
        found: dict[str, str] = {}
        for column in dict.fromkeys(column for trial in trials for column in trial.values):
            names = [column.removeprefix(prefix) for prefix in _PREFIXES if column.startswith(prefix)]
            name = next((name for name in names if name in self.space), None)
            if name is not None and name not in found.values():
                found[column] = name
        if not found:
            there = ", ".join(dict.fromkeys(column for trial in trials for column in trial.values)) or "none"
            raise UserMistake(f"no column is a parameter; it has {there:.200}, the space has {', '.join(self.space)}")
        return found


def _trials_at(place: Path, earlier: EarlierTrials | None) -> Sequence[EarlierTrial]:
    if place.is_dir():
        if earlier is None:
            raise UserMistake("is a folder; export its trials as CSV and give that file")
        return earlier(place)
    try:
        if place.stat().st_size > _MOST_BYTES:
            raise UserMistake(f"{place.stat().st_size:,} bytes; at most {_MOST_BYTES:,} are read, keep the best rows")
        with place.open(newline="", encoding="utf-8-sig") as lines:
            found = _rows(csv.DictReader(lines, strict=True))
    except FileNotFoundError:
        raise UserMistake(f"no such file or study folder; it is looked for from {place.parent.resolve()}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserMistake(f"cannot be read as CSV: {error}") from None
    if len(found) > _MOST_SETTINGS:
        raise UserMistake(f"holds {len(found):,} rows; at most {_MOST_SETTINGS:,} are tried first, keep the best")
    return found


def _rows(reader: "csv.DictReader[str]") -> list[EarlierTrial]:
    columns = reader.fieldnames or []
    twice = [column for index, column in enumerate(columns) if column in columns[:index]]
    if twice:
        raise UserMistake(f"column {twice[0]!r} stands twice; keep one")
    found = []
    for count, row in enumerate(reader, start=1):
        if None in row:
            raise UserMistake(f"row {count} has more cells than the header; put text with commas in quotes")
        values = {column: value_of_cell(cell) for column, cell in row.items() if cell is not None and cell.strip()}
        found.append(EarlierTrial(f"row {count}", values))
    return found


def value_of_cell(cell: str) -> Any:
    """Returns what a cell says: a number, a truth value, null, a list or mapping as JSON, else text."""
    text = cell.strip()
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for read in (json.loads, float):  # `.5` and `1.` are no JSON
        with suppress(ValueError, RecursionError):
            return read(text)
    return text


def _settings(
    asked: _Asked, trials: Sequence[EarlierTrial], columns: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the settings that trials had, each once, and what is wrong with them."""
    found: dict[Any, dict[str, Any]] = {}
    wrong = []
    for trial in trials:
        setting = {}
        for column, value in trial.values.items():
            name = columns.get(column)
            if name is not None:
                try:
                    setting[name] = _fitted(asked.space[name], value)
                except ValueError:
                    said = f"{trial.name}: {name} {value!r:.60} is outside of what is searched"
                    wrong.append(f"{said}; widen space.{name}, or take the row out")
        setting = existing(asked.space, with_conditions(asked.space, setting))
        broken = violated(asked.where, {**asked.fixed, **setting})
        wrong += [f"{trial.name}: violates `where`, {text}: {why}" for text, why in broken.items()]
        if setting:
            found.setdefault(frozenset((name, frozen(value)) for name, value in setting.items()), setting)
    return list(found.values()), wrong


def _fitted(parameter: Parameter, given: Any) -> Any:
    """Returns the value of a parameter that is meant; ValueError where there is none."""
    if isinstance(parameter, Choice):
        for one in parameter.choice:
            if same(one, given) or (isinstance(one, str) and one == str(given)):
                return one
        raise ValueError
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError  # noqa: TRY004 - said by the caller
    value: float = float(given)
    if isinstance(parameter, IntRange) and value.is_integer():
        value = int(given)
    elif parameter.values is not None:
        value = next((one for one in parameter.values if isclose(one, value, rel_tol=1e-9, abs_tol=1e-12)), value)
    if not parameter.holds(value):
        raise ValueError
    return value


def _told(asked: _Asked, trials: Sequence[EarlierTrial], columns: Mapping[str, str], settings: int) -> list[str]:
    count = f"{settings:,} setting{'s' if settings != 1 else ''}"
    lines = [f"{count} of {len(trials):,} trials {'are' if settings != 1 else 'is'} tried first"]
    every = dict.fromkeys(column for trial in trials for column in trial.values)
    if others := [column for column in every if column not in columns and column not in asked.fixed]:
        lines.append(f"left out, because no parameter has that name: {', '.join(others)}")
    if missing := [name for name in asked.space if name not in columns.values()]:
        lines.append(f"not told there, so chosen by the search: {', '.join(missing)}")
    return lines
