"""The ladder and the promotion rule.

A rung is so many epochs on so many seeds. A trial climbs rung by rung; at each it is compared with the others that
reached the same rung, and the best `1 / reduction_factor` of them may climb on (asynchronous successive halving,
promotion type: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2).
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import pairwise
from math import ceil
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_MOST_SEEDS = 5
_FULL_TRAININGS = 16
_FOR_A_LONG_RACE = 32  # full trainings that the budget must pay for


class Rung(BaseModel):
    """A stopping point of the ladder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Annotated[int, Field(strict=True, ge=1)] = Field(description="epochs trained by each seed")
    seeds: Annotated[int, Field(strict=True, ge=1)] = Field(description="how many of the study's seeds, from the first")


@dataclass(frozen=True)
class Step:
    """What a trial must train next: these seeds, together, from one epoch to another."""

    seeds: tuple[int, ...]
    from_epoch: int
    to_epoch: int


def planned(epochs: int, seeds: int, seed_epochs: int | None = None) -> list[Rung]:
    """Returns the ladder of a study that gives none: a third of the epochs on one seed, all on one, three, five.

    So each rung costs about three times the one before, as one in three climbs: all get as much of the budget (Li et
    al. 2018, "Hyperband", section 3). On fewer than five seeds where the budget would not pay for sixteen full
    trainings with each: what is spent on seeds cannot be spent on settings, and the final race gives the best few more.

    Args:
        epochs: Of a full training.
        seeds: How many seeds there are.
        seed_epochs: The budget; None: not limited.
    """
    most = min(_MOST_SEEDS, seeds)
    if seed_epochs is not None:
        most = min(most, ceil(seed_epochs / (_FULL_TRAININGS * epochs)))
    first = [Rung(epochs=ceil(epochs / 3), seeds=1)] if epochs > 1 else []
    return [*first, *(Rung(epochs=epochs, seeds=count) for count in sorted({1, min(3, most), most}))]


def race_share(epochs: int, seed_epochs: int) -> float:
    """Returns which share of a budget the final race is to have: a fifth, of a small budget a tenth.

    A small budget is better spent on more settings; docs/search.md has what both are worth.

    Args:
        epochs: Of a full training.
        seed_epochs: The budget.
    """
    return 0.2 if seed_epochs >= _FOR_A_LONG_RACE * epochs else 0.1


def cost(rung: Rung, done: Mapping[int, int] | None = None, seeds: Sequence[int] = ()) -> int:
    """Returns the seed-epochs that remain to reach `rung`, given epochs `done` by each of `seeds`."""
    done = done or {}
    trained = sum(min(done.get(seed, 0), rung.epochs) for seed in seeds[: rung.seeds])
    return rung.epochs * rung.seeds - trained


def expected_cost(rungs: Sequence[Rung], reduction_factor: float) -> float:
    """Returns the seed-epochs that a trial costs on average, if one in `reduction_factor` climbs from each rung."""
    costs = [0, *map(cost, rungs)]
    return sum((after - before) / reduction_factor**index for index, (before, after) in enumerate(pairwise(costs)))


@dataclass(frozen=True)
class Stage:
    """What a rung is expected to ask for: how many trials reach it, and the seed-epochs from the rung before."""

    rung: Rung
    trials: int
    seed_epochs: int


def stages(rungs: Sequence[Rung], trials: int, reduction_factor: float) -> list[Stage]:
    """Returns what each rung is expected to ask for when so many trials start."""
    costs = [0, *map(cost, rungs)]
    counts = [max(1, int(trials / reduction_factor**index)) for index in range(len(rungs))]
    gains = [after - before for before, after in pairwise(costs)]
    return [Stage(rung, count, count * gain) for rung, count, gain in zip(rungs, counts, gains, strict=True)]


def next_step(rung: Rung, seeds: Sequence[int], done: Mapping[int, int], dead: Collection[int] = ()) -> Step | None:
    """Returns the next step of a trial towards `rung`; None when it is there.

    The seeds that are furthest behind train first, up to where the next ones stand; so seeds that join at a
    promotion catch up from epoch 0 and from there on all train together.

    Args:
        rung: The rung aimed at.
        seeds: The study's seeds in the order in which they are used.
        done: Epochs trained so far, by seed; a seed that is missing has trained none.
        dead: Seeds that ended with a non-finite loss; they train no more.
    """
    alive = [seed for seed in seeds[: rung.seeds] if seed not in dead]
    levels = sorted({min(done.get(seed, 0), rung.epochs) for seed in alive} | {rung.epochs})
    if len(levels) < 2:  # every living seed stands at the rung
        return None
    behind = tuple(seed for seed in alive if done.get(seed, 0) == levels[0])
    return Step(behind, levels[0], levels[1])


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
