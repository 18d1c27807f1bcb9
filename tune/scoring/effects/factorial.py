"""What the factors of a grid do, alone and together: shares of the variance, and the effect of each level.

The model has the terms of the grid and, because all arms train the same seeds, one level per seed (seeds are blocks);
what is left is how differently seeds take to the cells. A share of the variance is told in two ways. Eta squared is the
term's share of all squares: in a whole grid it adds up to 1 with that of the seeds and of what is left, and flatters
terms of many levels, for noise alone gives each degree of freedom its part. Omega squared has taken that off.

Runs that failed, and those that are not there, are listed. The model is of the others alone: where a level fails more
often, read that before its effect. With holes the squares are of type II (`tune.scoring.effects.sums_of_squares`), the
shares need not add up, and interactions of more than two factors count as what is left.

Source: Fisher 1935, "The design of experiments", chapter VI; omega squared: Hays 1963, "Statistics for psychologists",
section 12.18, and Olejnik & Algina 2003, Psychological Methods 8, 434-447; Holm 1979, "A simple sequentially rejective
multiple test procedure", Scandinavian Journal of Statistics 6, 65-70.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, isfinite, nan

import numpy as np

from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.scoring.effects.levels import LevelEffect, level_effects
from tune.scoring.effects.sums_of_squares import Decomposition, Squares, Term, squares_of_whole_grid, sums_of_squares
from tune.study.values import same

_MOST_TERMS = 63  # six factors in full; with more of them the largest interactions count as what is left


@dataclass(frozen=True)
class Cell:
    """One setting of a grid.

    Attributes:
        settings: A level by factor.
        values: The scored metric by seed, after as many epochs as in the other cells; not finite where it diverged.
    """

    settings: Mapping[str, object]
    values: Mapping[int, float]


@dataclass(frozen=True)
class Absent:
    """A run that the model does not have.

    Attributes:
        settings: Of its cell.
        seed: Its seed.
        failed: Whether it failed; else it is not there.
    """

    settings: Mapping[str, object]
    seed: int
    failed: bool


@dataclass(frozen=True)
class Share:
    """What one term explains of the variance.

    Attributes:
        factors: One for a main effect, several for their interaction; empty for seeds and for what is left.
        freedom: Degrees of freedom that the runs can tell of it.
        full_freedom: Those that it has in a whole grid: where there are fewer, not all of it is estimable, and where
            there are none, nothing.
        sum_of_squares: In squared units of the metric.
        eta_squared: Of all squares, in [0, 1]; nan where it is not estimable or nothing varies.
        omega_squared: The same without what noise alone would give, in [0, 1]; nan where nothing is left to tell noise.
        p: Of an F test that it is nothing, Holm's correction over all terms in it; nan where nothing is left.
    """

    factors: tuple[str, ...]
    freedom: int
    full_freedom: int
    sum_of_squares: float
    eta_squared: float
    omega_squared: float = nan
    p: float = nan

    @property
    def estimable(self) -> bool:
        """Whether the runs tell all of it."""
        return self.freedom == self.full_freedom


@dataclass(frozen=True)
class Factorial:
    """What a grid says.

    Attributes:
        levels: By factor, in the order of the cells; factors of a single level are left out.
        terms: Main effects first.
        seeds: The blocks' share.
        residual: The share of what is left.
        level_effects: By factor, of each level against that of the base.
        absent: Runs that are not in the model.
        order: How many factors the largest interactions in the model have; larger ones count as what is left.
    """

    levels: Mapping[str, tuple[object, ...]]
    terms: tuple[Share, ...]
    seeds: Share
    residual: Share
    level_effects: Mapping[str, tuple[LevelEffect, ...]]
    absent: tuple[Absent, ...]
    order: int

    @property
    def whole(self) -> bool:
        """Whether every run of the grid is in the model; then all types of squares are the same."""
        return not self.absent

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be said with it, each in a sentence."""
        said = []
        if self.absent:
            failed = sum(one.failed for one in self.absent)
            missing = len(self.absent) - failed
            said.append(
                f"{failed} runs failed and {missing} are missing: squares are of type II, from the others alone"
            )
        if lost := [" x ".join(one.factors) for one in self.terms if not one.estimable]:
            said.append(f"not estimable, or not all of it: {', '.join(lost)}")
        if self.order < len(self.levels):
            said.append(f"interactions of more than {self.order} factors count as what is left")
        if not self.residual.freedom:
            said.append("nothing is left to tell noise by: more seeds are needed")
        return tuple(said)


def factorial(
    cells: Sequence[Cell], base: Mapping[str, object], scale: LossScale = UNSCALED, confidence: float = 0.95
) -> Factorial:
    """Returns what the factors of a grid do.

    Args:
        cells: All of the grid that there are, each setting once. The grid is every combination of the levels in them.
        base: The level by factor that others are set against; where it is none of the grid's, the first one is.
        scale: Of the values: which way is better, and which runs failed.
        confidence: With which the intervals of all levels of all factors hold at once, in (0, 1).

    Raises:
        ValueError: If a cell lacks a factor or is there twice, no factor has two levels, or no run succeeded.
    """
    levels, places = _grid(cells)
    seeds = sorted({seed for cell in cells for seed in cell.values})
    runs = {
        (place, seed): scale.loss(value)
        for place, cell in zip(places, cells, strict=True)
        for seed, value in cell.values.items()
        if not scale.failed(value)
    }
    if not runs:
        raise ValueError("what factors do is seen from runs that succeeded, got none")
    absent = _absent(cells, levels, places, seeds, runs)
    order, found = _decomposed(runs, seeds, levels, whole=not absent)
    total = found.total
    terms = _shares(found, levels)
    left = found.residual
    return Factorial(
        levels=levels,
        terms=terms,
        seeds=Share((), found.seeds.freedom, len(seeds) - 1, found.seeds.sum, _part(found.seeds, total)),
        residual=Share((), left.freedom, left.freedom, left.sum, _part(left, total)),
        level_effects=level_effects(runs, levels, base, confidence),
        absent=absent,
        order=order,
    )


def _grid(cells: Sequence[Cell]) -> tuple[dict[str, tuple[object, ...]], list[Term]]:
    """Returns the factors with several levels, and each cell's place in the grid."""
    levels: dict[str, list[object]] = {name: [] for cell in cells for name in cell.settings}
    for cell in cells:
        for name, found in levels.items():
            if name not in cell.settings:
                raise ValueError(f"every cell of a grid sets every factor; {name} is not in {dict(cell.settings)}")
            if not any(same(cell.settings[name], one) for one in found):
                found.append(cell.settings[name])
    several = {name: tuple(found) for name, found in levels.items() if len(found) > 1}
    if not several:
        raise ValueError("a grid has a factor with at least two levels, got none")
    places = [
        tuple(
            next(at for at, one in enumerate(found) if same(cell.settings[name], one))
            for name, found in several.items()
        )
        for cell in cells
    ]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise ValueError(f"every cell of a grid is there once, got twice: {_settings(twice, several)}")
    return several, places


def _settings(place: Term, levels: Mapping[str, tuple[object, ...]]) -> dict[str, object]:
    return {name: found[at] for (name, found), at in zip(levels.items(), place, strict=True)}


def _absent(
    cells: Sequence[Cell],
    levels: Mapping[str, tuple[object, ...]],
    places: Sequence[Term],
    seeds: Sequence[int],
    runs: Mapping[tuple[Term, int], float],
) -> tuple[Absent, ...]:
    told = dict(zip(places, cells, strict=True))
    return tuple(
        Absent(_settings(place, levels), seed, failed=place in told and seed in told[place].values)
        for place in product(*(range(len(found)) for found in levels.values()))
        for seed in seeds
        if (place, seed) not in runs
    )


def _decomposed(
    runs: Mapping[tuple[Term, int], float],
    seeds: Sequence[int],
    levels: Mapping[str, tuple[object, ...]],
    *,
    whole: bool,
) -> tuple[int, Decomposition]:
    """Returns the largest order whose model leaves something to tell noise by, and its squares."""
    order = len(levels) if whole else min(2, len(levels))
    while order > 1 and sum(comb(len(levels), size) for size in range(1, order + 1)) > _MOST_TERMS:
        order -= 1
    found = _squares(runs, seeds, levels, order, whole=whole)
    while order > 1 and not found.residual.freedom:
        order -= 1
        found = _squares(runs, seeds, levels, order, whole=whole)
    return order, found


def _squares(
    runs: Mapping[tuple[Term, int], float],
    seeds: Sequence[int],
    levels: Mapping[str, tuple[object, ...]],
    order: int,
    *,
    whole: bool,
) -> Decomposition:
    places = np.array([place for place, _ in runs])
    blocks = np.array([seeds.index(seed) for _, seed in runs])
    values = np.array(list(runs.values()))
    if not whole:
        return sums_of_squares(places, blocks, values, order)
    table = np.empty([*map(len, levels.values()), len(seeds)])
    table[(*places.T, blocks)] = values
    return squares_of_whole_grid(table, order)


def _shares(found: Decomposition, levels: Mapping[str, tuple[object, ...]]) -> tuple[Share, ...]:
    from scipy.special import fdtrc  # takes a while to import, and not every command needs it

    names, counts = list(levels), [len(one) for one in levels.values()]
    left = found.residual
    noise = left.sum / left.freedom if left.freedom else nan
    tests = {
        term: float(fdtrc(one.freedom, left.freedom, one.sum / one.freedom / noise))
        for term, one in found.terms.items()
        if one.freedom and isfinite(noise) and noise > 0
    }
    corrected, highest = {}, 0.0
    for rank, term in enumerate(sorted(tests, key=lambda term: tests[term])):
        highest = max(highest, min(1.0, (len(tests) - rank) * tests[term]))
        corrected[term] = highest
    return tuple(
        Share(
            factors=tuple(names[at] for at in term),
            freedom=one.freedom,
            full_freedom=int(np.prod([counts[at] - 1 for at in term])),
            sum_of_squares=one.sum,
            eta_squared=_part(one, found.total),
            omega_squared=_without_noise(one, found.total, noise),
            p=corrected.get(term, nan),
        )
        for term, one in found.terms.items()
    )


def _part(one: Squares, total: float) -> float:
    return one.sum / total if one.freedom and total > 0 else nan


def _without_noise(one: Squares, total: float, noise: float) -> float:
    if not one.freedom or not isfinite(noise) or total <= 0:
        return nan
    return max(0.0, (one.sum - one.freedom * noise) / (total + noise))
