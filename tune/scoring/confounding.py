"""Which factors cannot be told apart in a set of runs, and the fewest further runs that would separate them.

The model is that of main effects: the metric of a run is a constant plus an effect for the level of each factor, a
level being a value that some run has. Of a factor with L levels L - 1 columns of the design matrix tell whether a run
has each level but the first run's (dummy coding). The effects of a factor can be estimated only if none of its columns
is a combination of the constant and the columns of others. Factors are confounded with each other if some smallest set
of dependent columns (a circuit) holds columns of both; sets of such factors are the connected components of the design
matrix's columns, those of one factor taken together. They are found from the reduced row echelon form, whose columns
without a pivot each have a circuit with the pivots of their entries. A factor that never varies is not confounded:
nothing is said of it at all.

Source: Box, Hunter & Hunter 2005, "Statistics for Experimenters", chapter 6 (aliases); Oxley 2011, "Matroid Theory",
section 4.1 (components from the circuits of any basis).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune.study.values import frozen

_ZERO = 1e-9


@dataclass(frozen=True)
class Aliased:
    """Factors of which nothing can be said one by one.

    Attributes:
        factors: Two or more, in the order in which runs name them.
        together: Whether they always change together: two runs that are alike in one are alike in all.
    """

    factors: tuple[str, ...]
    together: bool


@dataclass(frozen=True)
class Confounding:
    """What a set of runs can say of its factors.

    Attributes:
        clear: Factors whose effects can be estimated.
        aliased: Sets of factors that are confounded with each other.
        constant: Factors that never vary.
        untold: Factors that some runs do not tell, and in which those that do are alike.
    """

    clear: tuple[str, ...]
    aliased: tuple[Aliased, ...]
    constant: tuple[str, ...]
    untold: tuple[str, ...]

    @property
    def confounded(self) -> tuple[str, ...]:
        """All factors of the sets."""
        return tuple(name for one in self.aliased for name in one.factors)


@dataclass(frozen=True)
class Further:
    """A run that is to be made: the first run of the set, but for one factor.

    Attributes:
        factor: Which.
        value: Its value, one that another run has.
    """

    factor: str
    value: Any


@dataclass(frozen=True)
class _Design:
    """The columns of a set of runs.

    Attributes:
        columns: Factor and value of each.
        rows: [runs - 1, columns], 0 or 1: the runs after the first, which has 0 in all.
    """

    columns: tuple[tuple[str, Any], ...]
    rows: "np.ndarray[Any, np.dtype[np.float64]]"


def confounding(runs: Sequence[Mapping[str, Any]]) -> Confounding:
    """Says which factors are confounded.

    Args:
        runs: Value by factor of each. A run that does not have a factor has none of its effects: a parameter with a
            condition is a part of what it depends on.
    """
    names = list(dict.fromkeys(name for run in runs for name in run))
    levels = {name: _levels(runs, name) for name in names}
    design = _design(runs, names)
    sets = _components(design)
    found = tuple(Aliased(one, len({_partition(levels[name]) for name in one}) == 1) for one in sets if len(one) > 1)
    confounded = {name for one in found for name in one.factors}
    coded = {factor for factor, _ in design.columns}
    return Confounding(
        clear=tuple(name for name in names if name in coded and name not in confounded),
        aliased=found,
        constant=tuple(name for name in names if len(set(levels[name])) == 1),
        untold=tuple(name for name in names if len(set(levels[name])) == 2 and None in levels[name]),
    )


def separating_runs(runs: Sequence[Mapping[str, Any]], last: Sequence[str] = ()) -> tuple[Further, ...]:
    """Returns the fewest further runs after which no factor is confounded; each changes one value of the first run.

    A further run adds at most one to the rank of the design matrix, so there must be at least as many as columns are
    missing from its rank. The first run with one other value is a row in which one column alone is 1, and any set of
    rows is made complete by such rows (Steinitz's exchange lemma), so no more are needed, and none with more changes.

    Args:
        runs: As of `confounding`.
        last: Factors to change only where it cannot be avoided.
    """
    found = confounding(runs)
    order = sorted(found.confounded, key=lambda name: name in last)
    design = _design(runs, [*order, *found.clear])
    rows, further = design.rows, []
    rank = _rank(rows)
    for at, (factor, value) in enumerate(design.columns):
        if rank == len(design.columns):
            break
        row = np.zeros((1, len(design.columns)))
        row[0, at] = 1
        more = np.vstack([rows, row])
        if (higher := _rank(more)) > rank:
            rows, rank = more, higher
            further.append(Further(factor, value))
    return tuple(further)


def _levels(runs: Sequence[Mapping[str, Any]], name: str) -> tuple[Hashable, ...]:
    """Returns what stands for the value of a factor in each run: truth values are no numbers; None where absent."""
    return tuple((isinstance(run[name], bool), frozen(run[name])) if name in run else None for run in runs)


def _partition(levels: Sequence[Hashable]) -> tuple[int, ...]:
    """Returns which runs are alike in a factor: for each run the first that has its level."""
    return tuple(levels.index(level) for level in levels)


def _design(runs: Sequence[Mapping[str, Any]], factors: Sequence[str]) -> _Design:
    columns, cells = [], []
    for name in factors:
        levels = _levels(runs, name)
        reference = levels[0] if levels[0] is not None else next(level for level in levels if level is not None)
        there = [level for level in dict.fromkeys(levels) if level not in (None, reference)]
        for level in there:
            columns.append((name, runs[levels.index(level)][name]))
            cells.append([float(one == level) for one in levels[1:]])
    rows = np.array(cells, dtype=np.float64).T if cells else np.zeros((max(0, len(runs) - 1), 0))
    return _Design(tuple(columns), rows)


def _rank(rows: "np.ndarray[Any, np.dtype[np.float64]]") -> int:
    return len(_echelon(rows)[1])


def _echelon(
    rows: "np.ndarray[Any, np.dtype[np.float64]]",
) -> "tuple[np.ndarray[Any, np.dtype[np.float64]], list[int]]":
    """Returns the reduced row echelon form of a matrix, and the columns of its pivots, by row."""
    reduced = np.unique(rows, axis=0)
    pivots: list[int] = []
    for column in range(reduced.shape[1]):
        top = len(pivots)
        if top == len(reduced):
            break
        best = top + int(np.argmax(np.abs(reduced[top:, column])))
        if abs(reduced[best, column]) < _ZERO:
            continue
        reduced[[top, best]] = reduced[[best, top]]
        reduced[top] /= reduced[top, column]
        others = np.arange(len(reduced)) != top
        reduced[others] -= np.outer(reduced[others, column], reduced[top])
        pivots.append(column)
    return reduced, pivots


def _components(design: _Design) -> list[tuple[str, ...]]:
    """Returns the sets of factors that are connected by circuits; one that is in no circuit is a set by itself."""
    reduced, pivots = _echelon(design.rows)
    factors = [factor for factor, _ in design.columns]
    group = {factor: {factor} for factor in factors}
    for column in sorted(set(range(len(factors))) - set(pivots)):
        circuit = [column, *(pivots[row] for row in range(len(pivots)) if abs(reduced[row, column]) > _ZERO)]
        joined = set().union(*(group[factors[one]] for one in circuit))
        for factor in joined:
            group[factor] = joined
    order = list(dict.fromkeys(factors))
    return list(dict.fromkeys(tuple(name for name in order if name in group[factor]) for factor in order))
