"""The effect of each level of a grid's factors against the base's level, with intervals that hold together.

For each seed a level is set against the base's in every combination of the other factors in which both have a run that
did not fail, and the differences are averaged; the intervals are those of these averages over seeds. They hold together
over all levels of all factors, by `tune.scoring.effects.simultaneous` with a base for each factor: in a whole grid with
alike noise the differences within two factors have nothing in common.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan, prod
from statistics import fmean, stdev

from tune.scoring.effects.simultaneous import intervals_together
from tune.scoring.intervals import mean_interval
from tune.scoring.paired import Difference
from tune.study.values import same

Runs = Mapping[tuple[tuple[int, ...], int], float]
"""Losses of the runs that did not fail, by the places of their levels and seed."""


@dataclass(frozen=True)
class LevelEffect:
    """What one level of a factor changes against the base's. In units of the metric; positive: the level is better.

    Attributes:
        factor: Its name.
        level: The level.
        against: The base's level.
        seeds: Those with at least one pair.
        mean: Over seeds of the mean over pairs; nan without a pair.
        interval: 95 % interval that holds together with those of the other levels; nan with fewer than two seeds.
        pointwise: 95 % t interval of this level alone; nan with fewer than two seeds.
        pairs: How many pairs of runs there are.
        possible: How many a whole grid has; where there are fewer, runs failed or are missing, and the average may be
            over other combinations for one seed than for another.
    """

    factor: str
    level: object
    against: object
    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float]
    pointwise: tuple[float, float]
    pairs: int
    possible: int

    @property
    def holds_up(self) -> bool:
        """Whether the interval that holds together leaves out zero."""
        return Difference(self.seeds, self.mean, self.interval).holds_up


def level_effects(
    runs: Runs,
    levels: Mapping[str, tuple[object, ...]],
    base: Mapping[str, object],
    confidence: float,
) -> dict[str, tuple[LevelEffect, ...]]:
    """Returns the effect of each level but the base's, by factor.

    Args:
        runs: Losses, see `Runs`.
        levels: By factor, at least two each.
        base: The level by factor that others are set against; where it is none of the grid's, the first one is.
        confidence: With which all intervals hold at once, in (0, 1).
    """
    cells = prod(len(found) for found in levels.values())
    seeds = len({seed for _, seed in runs})
    against = {name: _place_of(base[name], found) if name in base else 0 for name, found in levels.items()}
    gaps = {
        (name, place): _gaps(runs, column, place, against[name])
        for column, (name, found) in enumerate(levels.items())
        for place in range(len(found))
        if place != against[name]
    }
    means = {key: {seed: fmean(found) for seed, found in by_seed.items()} for key, by_seed in gaps.items()}
    together = intervals_together(
        {repr(key): found for key, found in means.items()}, confidence, {repr(key): key[0] for key in means}
    )
    effects: dict[str, list[LevelEffect]] = {name: [] for name in levels}
    for (name, place), by_seed in gaps.items():
        found = means[name, place]
        effects[name].append(
            LevelEffect(
                factor=name,
                level=levels[name][place],
                against=levels[name][against[name]],
                seeds=tuple(found),
                mean=fmean(found.values()) if found else nan,
                interval=together.intervals[repr((name, place))],
                pointwise=_pointwise(list(found.values())),
                pairs=sum(map(len, by_seed.values())),
                possible=cells // len(levels[name]) * seeds,
            )
        )
    return {name: tuple(found) for name, found in effects.items()}


def _place_of(level: object, levels: tuple[object, ...]) -> int:
    """Returns where a level is, the first place where it is not there."""
    return next((place for place, one in enumerate(levels) if same(one, level)), 0)


def _gaps(runs: Runs, column: int, place: int, against: int) -> dict[int, list[float]]:
    """Returns by seed how much better a level is in each combination of the other factors that has both."""
    found: dict[int, list[float]] = {}
    for (at, seed), loss in sorted(runs.items(), key=lambda run: run[0][1]):
        other = (*at[:column], against, *at[column + 1 :])
        if at[column] == place and (other, seed) in runs:
            found.setdefault(seed, []).append(runs[other, seed] - loss)
    return found


def _pointwise(means: list[float]) -> tuple[float, float]:
    return mean_interval(fmean(means), stdev(means), len(means)) if len(means) > 1 else (nan, nan)
