"""Placement: which seeds of a unit of work train together, and when a unit that was split is whole again.

A unit is split into parts, each some of its seeds, in an actor of its own. Runs are independent of each other, so a
part trains what it would train in the whole. To the optimizer a unit is one: it hears of it when all parts have ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil

from tune.drivers.reports import Death
from tune.optimizer.work import Work


def split(work: Work, most: int) -> list[Work]:
    """Returns the parts of a unit: as few as have no more seeds in the largest than `most` parts would.

    Five seeds in four parts would be 2, 1, 1, 1, which ends no sooner than 2, 2, 1.

    Args:
        work: The unit.
        most: How many parts there may be, 1 or more.
    """
    seeds = work.seeds
    count = _fewest(len(seeds), most)
    edges = [len(seeds) * index // count for index in range(count + 1)]
    return [replace(work, seeds=seeds[start:end]) for start, end in pairwise(edges)]


def split_over_slots(works: Sequence[Work], slots: int) -> list[Work]:
    """Returns units that begin together, split as far as slots are left over: the one that would end last first.

    Args:
        works: The units.
        slots: How many are free; at least as many as there are units.
    """
    counts = [1] * len(works)
    while True:
        longest = sorted(range(len(works)), key=lambda one: -_lasts(works[one], counts[one]))
        for one in longest:
            more = _next_count(len(works[one].seeds), counts[one])
            if more is not None and sum(counts) - counts[one] + more <= slots:
                counts[one] = more
                break
        else:
            return [part for work, count in zip(works, counts, strict=True) for part in split(work, count)]


def _fewest(seeds: int, most: int) -> int:
    """Returns the least number of parts whose largest has as few seeds as with `most` parts."""
    return ceil(seeds / ceil(seeds / min(most, seeds)))


def _next_count(seeds: int, count: int) -> int | None:
    """Returns the next number of parts with which the largest has fewer seeds; None when it has one."""
    largest = ceil(seeds / count)
    return ceil(seeds / (largest - 1)) if largest > 1 else None


def _lasts(work: Work, count: int) -> int:
    """Returns the seed-epochs of the largest part; an evaluation counts as one epoch."""
    return ceil(len(work.seeds) / count) * max(1, work.to_epoch - work.from_epoch)


@dataclass
class Whole:
    """A unit of work and what became of its parts.

    Attributes:
        work: All of it.
        waiting: Parts that no slot has begun.
        training: Parts that some slot trains.
        deaths: Parts that ended without a result, in order, and the logs that say why ("" where none does yet).
        cut_short: Whether a part was handed back before its end.
    """

    work: Work
    waiting: list[Work]
    training: list[Work] = field(default_factory=list)
    deaths: list[tuple[Work, Death, str]] = field(default_factory=list)
    cut_short: bool = False

    @property
    def over(self) -> bool:
        """Whether no part trains, or is still to be begun."""
        return not self.waiting and not self.training

    @property
    def end(self) -> tuple[Work, Death, str] | None:
        """What it died of; None when no part did.

        A unit in one process dies once: the first part that died says of what. Of those that died of the same kind the
        one with the first seeds counts, whichever was faster, because whether it dies again of the same is asked of the
        same seeds. Evaluations that failed in several parts are one failure of all their seeds, and count only where
        nothing else went wrong.
        """
        died = [one for one in self.deaths if one[1].kind != "evaluation"]
        if died:
            alike = [one for one in died if one[1].kind == died[0][1].kind]
            return min(alike, key=lambda one: self.work.seeds.index(one[0].seeds[0]))
        if not self.deaths:
            return None
        part, death, log = self.deaths[0]
        seeds = {seed for one, *_ in self.deaths for seed in one.seeds}
        return replace(part, seeds=tuple(seed for seed in self.work.seeds if seed in seeds)), death, log


class Units:
    """The units of work that are handed out, part by part.

    How its state evolves: `add(work, parts)` → `next_part()` for each free slot → `died(...)` or `ended(part)`, which
    returns the unit when that was its last part.
    """

    def __init__(self) -> None:
        self._units: dict[int, Whole] = {}  # by trial, which has one at a time

    @property
    def busy(self) -> int:
        """How many slots train some part."""
        return sum(len(unit.training) for unit in self._units.values())

    def add(self, work: Work, parts: Sequence[Work]) -> None:
        """Takes a unit that is to be handed out in parts."""
        self._units[work.trial] = Whole(work, list(parts))

    def next_part(self) -> Work | None:
        """Returns a part for a free slot; None when none waits."""
        for unit in self._units.values():
            if unit.waiting:
                unit.training.append(unit.waiting.pop(0))
                return unit.training[-1]
        return None

    def trains(self, part: Work) -> bool:
        """Says whether a part is in training."""
        unit = self._units.get(part.trial)
        return unit is not None and part in unit.training

    def died(self, part: Work, death: Death, log: str) -> Whole | None:
        """Takes note that a part ended without a result; those that wait are not begun. Returns the unit if over."""
        unit = self._units[part.trial]
        unit.deaths.append((part, death, log))
        unit.waiting.clear()
        return self.ended(part)

    def released(self, part: Work) -> Whole | None:
        """Takes note that a part was cut short; those that wait are not begun. Returns the unit if over."""
        unit = self._units[part.trial]
        unit.cut_short = True
        unit.waiting.clear()
        return self.ended(part)

    def ended(self, part: Work) -> Whole | None:
        """Takes note that a part has ended; returns the unit when that was the last one."""
        unit = self._units[part.trial]
        unit.training.remove(part)
        return self._units.pop(part.trial) if unit.over else None
