"""The ladder and the promotion rule.

A rung is so many epochs on so many seeds. A trial climbs rung by rung; at each it is compared with the others that
reached the same rung, and the best `1 / reduction_factor` of them may climb on (asynchronous successive halving,
promotion type: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Annotated

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


def planned(epochs: int, seeds: int, seed_epochs: int | None = None, *, resumes: bool = True) -> list[Rung]:
    """Returns the ladder of a study that gives none: a third of the epochs on one seed, all on one, three, five.

    So each rung costs about three times the one before, as one in three climbs: all get as much of the budget (Li et
    al. 2018, "Hyperband", section 3). On fewer than five seeds where the budget would not pay for sixteen full
    trainings with each: what is spent on seeds cannot be spent on settings, and the final race gives the best few more.

    Args:
        epochs: Of a full training.
        seeds: How many seeds there are.
        seed_epochs: The budget; None: not limited.
        resumes: Whether a training goes on where it was; for one that begins anew, a rung of fewer epochs would be paid
            for again by those who climb.
    """
    most = min(_MOST_SEEDS, seeds)
    if seed_epochs is not None:
        most = min(most, ceil(seed_epochs / (_FULL_TRAININGS * epochs)))
    first = [Rung(epochs=ceil(epochs / 3), seeds=1)] if epochs > 1 and resumes else []
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
