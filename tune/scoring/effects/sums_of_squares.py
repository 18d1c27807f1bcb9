"""Sums of squares of the terms of a grid, by least squares; right for whole grids and for those with holes.

Of type II: what a term adds to a model of all terms that do not contain it (a main effect is asked for given all other
main effects and the interactions that it is not part of). In a whole grid all types are the same. Where cells are
missing, type III would ask for main effects averaged over cells that nobody trained, which an empty cell makes
impossible; type II asks what the runs that there are can tell, and has more power where interactions are small.

Seeds are blocks: each has its own level, and enters every model.

Source: Langsrud 2003, "ANOVA for unbalanced data: use type II instead of type III sums of squares", Statistics and
Computing 13, 163-167; the comparison of nested models is that of Searle 1971, "Linear models", section 3.6.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Places = npt.NDArray[np.int_]

Term = tuple[int, ...]
"""The factors of a main effect or an interaction, by their columns."""


@dataclass(frozen=True)
class Squares:
    """What one term explains.

    Attributes:
        sum: Of squares, in squared units of the values; at least 0.
        freedom: Degrees of freedom that the runs can tell of it; 0 where it is not estimable.
    """

    sum: float
    freedom: int


@dataclass(frozen=True)
class Decomposition:
    """The squares of a grid.

    Attributes:
        terms: By term, of type II.
        seeds: Of the blocks.
        residual: What neither explains.
        total: Sum of squares about the mean. In a whole grid the others add up to it.
    """

    terms: dict[Term, Squares]
    seeds: Squares
    residual: Squares
    total: float


def terms_up_to(factors: int, order: int) -> list[Term]:
    """Returns all terms of at most so many factors: main effects first, then larger ones."""
    return [term for size in range(1, order + 1) for term in combinations(range(factors), size)]


def sums_of_squares(places: _Places, seeds: _Places, values: _Array, order: int) -> Decomposition:
    """Returns what each term up to an order explains.

    Args:
        places: `[runs, factors]`, the level of each factor, from 0.
        seeds: `[runs]`, the seed, from 0.
        values: `[runs]`, finite.
        order: Of the largest interaction in the model, 1 for main effects alone.
    """
    centred = values - values.mean()
    terms = terms_up_to(places.shape[1], order)
    columns = {term: _indicators(places[:, list(term)]) for term in terms}
    ones, blocks = np.ones((len(values), 1)), _indicators(seeds[:, None])
    whole = _fit([ones, blocks, *columns.values()], centred)

    def added(term: Term) -> Squares:
        others = [columns[other] for other in terms if not set(term) <= set(other)]
        return _between(_fit([ones, blocks, *others], centred), _fit([ones, blocks, *others, columns[term]], centred))

    return Decomposition(
        terms={term: added(term) for term in terms},
        seeds=_between(_fit([ones, *columns.values()], centred), whole),
        residual=Squares(whole.sum, len(values) - whole.freedom),
        total=float(centred @ centred),
    )


def squares_of_whole_grid(table: _Array, order: int) -> Decomposition:
    """Returns the same for a grid of which no run is missing, from means about means: large grids take no time.

    Args:
        table: `[levels of the first factor, …, seeds]`, finite.
        order: Of the largest interaction in the model.
    """
    seeds = table.ndim - 1
    terms = {term: _of_means(table, term) for term in terms_up_to(seeds, order)}
    blocks = _of_means(table, (seeds,))
    total = float(((table - table.mean()) ** 2).sum())
    explained = [*terms.values(), blocks]
    left = Squares(
        max(0.0, total - sum(one.sum for one in explained)), table.size - 1 - sum(one.freedom for one in explained)
    )
    return Decomposition(terms, blocks, left, total)


def _of_means(table: _Array, term: Term) -> Squares:
    """Returns the squares of what the means over all other axes have beyond those of the axes that they are made of."""
    others = tuple(axis for axis in range(table.ndim) if axis not in term)
    part = table.mean(axis=others, keepdims=True)
    for axis in term:
        part = part - part.mean(axis=axis, keepdims=True)
    freedom = int(np.prod([table.shape[axis] - 1 for axis in term]))
    return Squares(float((part**2).sum()) * table.size / part.size, freedom)


def _indicators(places: _Places) -> _Array:
    """Returns `[runs, combinations]`: one where a run has that combination of levels."""
    _, which = np.unique(places, axis=0, return_inverse=True)
    return np.eye(int(which.max()) + 1)[which.reshape(-1)]


def _fit(parts: Iterable[_Array], values: _Array) -> Squares:
    """Returns the squares that a model leaves, and its rank in place of degrees of freedom."""
    design = np.column_stack(list(parts))
    found, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    left = values - design @ found
    return Squares(float(left @ left), int(rank))


def _between(smaller: Squares, larger: Squares) -> Squares:
    freedom = larger.freedom - smaller.freedom
    return Squares(max(0.0, smaller.sum - larger.sum) if freedom else 0.0, freedom)
