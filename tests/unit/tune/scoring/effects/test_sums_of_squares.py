"""Sums of squares of the terms of a grid."""

from itertools import product

import numpy as np
import pytest

from tune.scoring.effects.sums_of_squares import squares_of_whole_grid, sums_of_squares, terms_up_to


def grid(*sizes: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """The places and seeds of every run of a whole grid."""
    runs = list(product(*(range(size) for size in sizes), range(seeds)))
    return np.array([run[:-1] for run in runs]), np.array([run[-1] for run in runs])


def test_terms_up_to_an_order() -> None:
    """Main effects come first."""
    assert terms_up_to(3, 2) == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


def test_a_whole_grid_by_its_means() -> None:
    """In a whole grid the squares are those of means about means, as the textbook has them, and add up."""
    places, seeds = grid(3, 2, seeds=4)
    values = np.random.default_rng(0).normal(size=24)
    table = values.reshape(3, 2, 4)
    grand, rows, columns = table.mean(), table.mean(axis=(1, 2)), table.mean(axis=(0, 2))
    cells = table.mean(axis=2)
    found = sums_of_squares(places, seeds, values, 2)
    assert found.terms[0,].sum == pytest.approx(8 * ((rows - grand) ** 2).sum())
    assert found.terms[1,].sum == pytest.approx(12 * ((columns - grand) ** 2).sum())
    assert found.terms[0, 1].sum == pytest.approx(
        4 * ((cells - rows[:, None] - columns[None] + grand) ** 2).sum(),
    )
    assert found.seeds.sum == pytest.approx(6 * ((table.mean(axis=(0, 1)) - grand) ** 2).sum())
    assert [one.freedom for one in found.terms.values()] == [2, 1, 2]
    assert (found.seeds.freedom, found.residual.freedom) == (3, 15)
    parts = sum(one.sum for one in found.terms.values()) + found.seeds.sum + found.residual.sum
    assert parts == pytest.approx(found.total)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seeds", [1, 3])
def test_means_and_least_squares_agree_on_a_whole_grid(order: int, seeds: int) -> None:
    """Both ways come to the same squares and degrees of freedom, up to any order."""
    places, blocks = grid(3, 2, 4, seeds=seeds)
    values = np.random.default_rng(1).normal(size=len(blocks))
    fitted = sums_of_squares(places, blocks, values, order)
    averaged = squares_of_whole_grid(values.reshape(3, 2, 4, seeds), order)
    assert list(fitted.terms) == list(averaged.terms)
    pairs = [(fitted.terms[term], averaged.terms[term]) for term in fitted.terms]
    for one, other in [*pairs, (fitted.seeds, averaged.seeds), (fitted.residual, averaged.residual)]:
        assert one.freedom == other.freedom
        assert one.sum == pytest.approx(other.sum, abs=1e-9)


def test_holes_do_not_make_an_interaction_of_what_only_adds() -> None:
    """Where two factors and seeds add up, the runs that are left say so, and each effect as far as it goes."""
    places, seeds = grid(3, 3, seeds=3)
    values = np.array([0.0, 1.0, 5.0])[places[:, 0]] + np.array([0.0, 2.0, 2.5])[places[:, 1]] + 0.3 * seeds
    kept = np.ones(27, dtype=bool)
    kept[[4, 5, 13, 24, 25, 26]] = False  # two runs, one run, and the cell (2, 2)
    found = sums_of_squares(places[kept], seeds[kept], values[kept], 2)
    assert found.terms[0, 1].freedom == 3
    assert found.terms[0, 1].sum == pytest.approx(0, abs=1e-9)
    assert found.residual.sum == pytest.approx(0, abs=1e-9)
    assert found.terms[0,].sum > 1


def test_type_two_by_hand() -> None:
    """Two factors in three cells: each effect is that between the two cells that differ in it alone.

                 b=0   b=1
        a=0      1     4
        a=1      7     -

    With two seeds that are alike a has (7 - 1)^2 / (1/2 + 1/2) = 36, b has (4 - 1)^2 = 9. The interaction is not told.
    """
    places = np.array([[0, 0], [0, 1], [1, 0]] * 2)
    found = sums_of_squares(places, np.repeat([0, 1], 3), np.array([1.0, 4.0, 7.0] * 2), 2)
    assert found.terms[0,].sum == pytest.approx(36)
    assert found.terms[1,].sum == pytest.approx(9)
    assert (found.terms[0, 1].freedom, found.terms[0, 1].sum) == (0, 0.0)


def test_a_level_that_is_lost_is_not_estimable() -> None:
    """A factor of which one level is left has no degree of freedom."""
    places, seeds = grid(2, 2, seeds=2)
    kept = places[:, 0] == 0
    found = sums_of_squares(places[kept], seeds[kept], np.arange(4.0), 1)
    assert found.terms[0,].freedom == 0
    assert found.terms[1,].freedom == 1
