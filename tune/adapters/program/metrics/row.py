"""A row of what a program tells: the numbers of one epoch, or some of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Any, Protocol

from tune.errors import TrainerMistake, did_you_mean

OWN_NAMES = frozenset({"trial", "seed", "epoch", "gpu_seconds", "evaluated", "epochs_redone"})
"""Columns of the curves that are the tuner's own; a program may write such columns for itself."""

_MOST_SEEN = 1000

Value = float | list[Any] | None


@dataclass(frozen=True)
class Row:
    """Numbers of one epoch.

    Attributes:
        number: As the program counts its epochs; None where it does not say.
        seed: Of which run; None where the process has one.
        values: By metric, a number, or a list of one per seed.
    """

    number: int | None
    seed: int | None
    values: Mapping[str, Value]


class Source(Protocol):
    """A place where a program tells its metrics.

    Attributes:
        whole: Whether each row is all that is told of its epoch.
    """

    whole: bool

    def read(self, *, ended: bool) -> list[Row]:
        """Returns the rows that are new, or are again as they were; called again when the program has ended.

        Raises:
            TrainerMistake: If what is there is not what was to be told.
        """
        ...

    @property
    def place(self) -> str:
        """Says where it looks, for messages."""
        ...


@dataclass
class Naming:
    """What the metrics are called where they are told.

    Attributes:
        names: By metric, the name there, dotted where it is nested; empty: all numbers are taken.
        seen: Names that were there, for messages.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)

    def row(self, given: Mapping[str, Any], number: object = None) -> Row:
        """Returns a mapping as a row.

        Args:
            given: As it was told; it may be nested.
            number: Of the epoch, where the mapping does not say.

        Raises:
            TrainerMistake: If a value that is asked for is no number.
        """
        flat = dict(_flat(given))
        if len(self.seen) < _MOST_SEEN:
            self.seen.update(dict.fromkeys(flat))
        told = _number(flat.get(self.names.get("epoch", "epoch")))
        epoch = told if told is not None else _number(number)
        if epoch is not None and (not isinstance(epoch, float) or not isfinite(epoch) or epoch < 0):
            raise TrainerMistake(f"the epoch must be a number from 0 on, got {epoch!r}")
        seed = _number(flat.get("seed"))
        wanted = {metric: name for metric, name in self.names.items() if metric != "epoch"}
        values = self._asked(flat, wanted) if wanted else _all(flat)
        # An epoch that is told as 2.4 is part of the third.
        return Row(None if epoch is None else ceil(epoch), int(seed) if isinstance(seed, float) else None, values)

    def unseen(self) -> list[str]:
        """Returns a message for each name that was never there."""
        return [
            f"program.metrics.names.{metric}: {name!r} is not among what was told{did_you_mean(name, list(self.seen))}"
            for metric, name in self.names.items()
            if metric != "epoch" and name not in self.seen
        ]

    def _asked(self, flat: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for metric, name in wanted.items():
            given = flat.get(name)
            if given is None or given == "":
                continue
            number = _number(given)
            if number is None:
                raise TrainerMistake(f"metric {metric!r} ({name}): must be a number, got {given!r:.60}")
            found[metric] = number
        return found


def _all(flat: Mapping[str, Any]) -> dict[str, Value]:
    found = {name: _number(given) for name, given in flat.items() if name not in OWN_NAMES}
    return {name: number for name, number in found.items() if number is not None}


def _flat(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _number(given: object) -> Value:
    """Returns a number, or a list of them; None of what is none."""
    if isinstance(given, bool | int | float):
        return float(given)
    if isinstance(given, str):
        try:
            return float(given)
        except ValueError:
            return None
    if isinstance(given, Sequence) and given:
        numbers = [_number(one) for one in given]
        return numbers if all(one is None or isinstance(one, float) for one in numbers) else None
    return None
