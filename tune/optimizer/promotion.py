"""The promotion rule: which trials at a rung may climb.

Asynchronous successive halving, promotion type: Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning", algorithm 2.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from typing import Literal

Fate = Literal["waits", "climbed", "ended"]
"""What became of a trial at a rung: it may be promoted, it was, or it trains no more."""


class Contest:
    """The trials at one rung, kept in order as they come and go, and which of them have earned promotion.

    One in `reduction_factor` of a group may climb. Never more of a group do, even where better ones came later:
    promotions made too early would else be paid twice (Li et al. 2022, "Hyper-Tune: towards efficient hyper-parameter
    tuning at scale", D-ASHA). Where each trial goes on at once or never it is judged by its rank alone: who went on
    before it takes nobody's place, and the first cannot wait for others.

    How its state evolves: `put` when a trial reached the rung, or its score or what became of it has changed; `drop`
    when it died.

    Args:
        reduction_factor: One in so many is promoted.
        at_once: Whether each goes on at once or never.
    """

    def __init__(self, reduction_factor: float, *, at_once: bool = False) -> None:
        self._factor, self._at_once = reduction_factor, at_once
        self._groups: dict[Hashable, _Group] = {}
        self._home: dict[int, tuple[Hashable, _Entry]] = {}

    def put(self, number: int, score: float, group: Hashable = None, fate: Fate = "waits") -> None:
        """Places a trial among those of its group.

        Args:
            number: Its number.
            score: At the rung; lower is better, among equals the older trial comes first.
            group: What it is compared within; each group promotes its own best.
            fate: waits: it may be promoted; climbed: it was; ended: it trains no more, and keeps its rank.
        """
        self.drop(number)
        entry = score, number
        self._home[number] = group, entry
        members = self._groups.setdefault(group, _Group())
        insort(members.order, entry)
        if fate == "waits":
            insort(members.waiting, entry)
        elif fate == "climbed":
            members.climbed.add(number)

    def drop(self, number: int) -> None:
        """Takes a trial out, and gives its place back if it had climbed."""
        group, entry = self._home.pop(number, (None, None))
        if entry is not None:
            self._groups[group].remove(entry)

    def earned(self) -> Iterator[int]:
        """Yields the trials that have earned promotion, best first."""
        if self._at_once and len(self._home) < self._factor:
            first = min((entry for _, entry in self._home.values()), default=None)
            entitled = [[first] for members in self._groups.values() if first is not None and first in members.waiting]
        else:
            entitled = [members.entitled(self._factor, self._at_once) for members in self._groups.values()]
        return (number for _, number in merge(*entitled))

    def waiting(self) -> Iterator[int]:
        """Yields all that wait, best first."""
        return (number for _, number in merge(*(members.waiting for members in self._groups.values())))

    def place(self, number: int) -> tuple[int, int]:
        """Returns a trial's rank in its group, 1 for the best, and how many are in it."""
        group, entry = self._home[number]
        order = self._groups[group].order
        return bisect_left(order, entry) + 1, len(order)


_Entry = tuple[float, int]


@dataclass
class _Group:
    """Trials that are compared with each other, best first: score and number."""

    order: list[_Entry] = field(default_factory=list)
    waiting: list[_Entry] = field(default_factory=list)
    climbed: set[int] = field(default_factory=set)

    def entitled(self, factor: float, at_once: bool) -> list[_Entry]:
        """Returns those of the best one in `factor` that wait, as many as there are places left."""
        places = int(len(self.order) / factor)
        if not places:
            return []
        among_best = bisect_right(self.waiting, self.order[places - 1])
        free = among_best if at_once else max(0, places - len(self.climbed))
        return self.waiting[: min(free, among_best)]

    def remove(self, entry: _Entry) -> None:
        self.order.pop(bisect_left(self.order, entry))
        self.climbed.discard(entry[1])
        at = bisect_left(self.waiting, entry)
        if self.waiting[at : at + 1] == [entry]:
            self.waiting.pop(at)


def ordinal(place: int) -> str:
    """Returns 1st, 2nd, 3rd, 4th and so on."""
    suffix = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{suffix}"
