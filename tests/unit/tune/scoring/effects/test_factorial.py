"""What the factors of a grid do, alone and together."""

from collections.abc import Callable
from itertools import product
from math import isnan, nan

import numpy as np
import pytest

from tune.ledger.loss_scale import LossScale
from tune.scoring.effects.factorial import Cell, factorial

RATES, WARM_UPS = [1e-4, 3e-4, 1e-3], [0.03, 0.06]
BASE = {"rate": 3e-4, "warm_up": 0.03}


def cells(loss: Callable[[int, int, int], float], seeds: int = 3) -> list[Cell]:
    """A whole grid of two factors."""
    return [
        Cell(
            {"rate": rate, "warm_up": warm_up, "epochs": 20},
            {seed: loss(one, other, seed) for seed in range(1, seeds + 1)},
        )
        for (one, rate), (other, warm_up) in product(enumerate(RATES), enumerate(WARM_UPS))
    ]


def noise(scale: float) -> Callable[[int, int, int], float]:
    """What differs from run to run, the same for the same run."""
    table = np.random.default_rng(3).normal(size=(3, 2, 9)) * scale
    return lambda one, other, seed: float(table[one, other, seed])


def test_shares_of_a_whole_grid_add_up() -> None:
    """Of main effects, interaction, seeds and what is left; a factor of one level is none."""
    left = noise(0.1)
    found = factorial(cells(lambda a, b, s: a + 0.5 * b + 0.3 * a * b + 0.2 * s + left(a, b, s)), BASE)
    assert list(found.levels) == ["rate", "warm_up"]
    assert [one.factors for one in found.terms] == [("rate",), ("warm_up",), ("rate", "warm_up")]
    shares = [one.eta_squared for one in (*found.terms, found.seeds, found.residual)]
    assert sum(shares) == pytest.approx(1)
    assert found.whole
    assert found.order == 2
    assert not found.caveats
    assert all(one.omega_squared < one.eta_squared for one in found.terms)
    assert found.terms[0].p < 1e-6


def test_an_interaction_that_is_planted_is_found_and_no_other() -> None:
    """Where warm-up matters at the highest rate alone there is an interaction; where it adds up there is none."""
    left = noise(0.05)
    planted = factorial(cells(lambda a, b, s: a - 2.0 * (a == 2) * b + s + left(a, b, s)), BASE)
    adds = factorial(cells(lambda a, b, s: a - 2.0 * b + s + left(a, b, s)), BASE)
    assert planted.terms[2].p < 1e-6
    assert planted.terms[2].omega_squared > 0.1
    assert adds.terms[2].p > 0.05
    assert adds.terms[2].omega_squared < 0.01


def test_noise_has_no_share_once_what_noise_gives_is_taken_off() -> None:
    """Over 100 grids of noise alone eta squared of five degrees of freedom flatters, and few terms come to p < 0.05."""
    generator = np.random.default_rng(5)
    etas, found_something = [], 0
    for _ in range(100):
        found = factorial(cells(lambda *_: float(generator.normal())), BASE)
        etas.append(sum(one.eta_squared for one in found.terms))
        found_something += any(one.p < 0.05 for one in found.terms)
    assert np.mean(etas) == pytest.approx(5 / 17, abs=0.05)
    assert found_something <= 12


def test_the_effect_of_a_level_is_over_all_combinations() -> None:
    """A rate that costs 1 with and without warm-up costs 1, whatever seeds and warm-up do; positive is better."""
    found = factorial(cells(lambda a, b, s: [0.0, 1.0, 3.0][a] + 7 * b + s), BASE)
    low, high = found.level_effects["rate"]
    assert (low.level, low.against, high.level) == (1e-4, 3e-4, 1e-3)
    assert [low.mean, high.mean] == pytest.approx([1.0, -2.0])
    assert (low.pairs, low.possible, low.seeds) == (6, 6, (1, 2, 3))
    assert low.holds_up
    (warm_up,) = found.level_effects["warm_up"]
    assert warm_up.mean == pytest.approx(-7.0)


def test_level_intervals_hold_together_over_all_factors() -> None:
    """They are wider than those of one level alone."""
    found = factorial(cells(noise(1.0)), BASE)
    for effects in found.level_effects.values():
        for one in effects:
            assert one.interval[0] < one.pointwise[0] < one.mean < one.pointwise[1] < one.interval[1]


def test_failed_and_missing_runs_are_listed_and_said() -> None:
    """A run that diverged and a cell that nobody trained are in no mean, and each is told apart."""
    grid = cells(lambda a, b, s: float(a + b + s))
    grid[0] = Cell(grid[0].settings, {1: nan, 2: 9.0, 3: 3.0})
    found = factorial(grid[:-1], BASE, LossScale(baseline=8.0))
    assert [(one.settings["rate"], one.seed, one.failed) for one in found.absent] == [
        (1e-4, 1, True),
        (1e-4, 2, True),
        (1e-3, 1, False),
        (1e-3, 2, False),
        (1e-3, 3, False),
    ]
    assert not found.whole
    assert "2 runs failed and 3 are missing" in found.caveats[0]
    assert "rate x warm_up" in found.caveats[1]
    assert not found.terms[2].estimable
    assert found.terms[0].estimable
    high = found.level_effects["rate"][1]
    assert (high.pairs, high.possible) == (3, 6)
    assert high.mean == pytest.approx(-1.0)


def test_one_seed_takes_the_largest_interaction_for_noise() -> None:
    """Of a single seed there is no interval, and nothing else to tell noise by; that is said."""
    left = noise(0.1)
    found = factorial(cells(lambda a, b, s: a + b + left(a, b, s), seeds=1), BASE)
    assert found.order == 1
    assert [one.factors for one in found.terms] == [("rate",), ("warm_up",)]
    assert found.residual.freedom == 2
    assert found.caveats == ("interactions of more than 1 factors count as what is left",)
    assert all(isnan(end) for one in found.level_effects["rate"] for end in one.interval)


def test_one_factor_and_one_seed_leave_nothing_to_tell_noise_by() -> None:
    """The share is all of it, and how much of that is noise is not known."""
    found = factorial([Cell({"rate": rate}, {1: rate}) for rate in RATES], {})
    (term,) = found.terms
    assert term.eta_squared == pytest.approx(1)
    assert isnan(term.omega_squared)
    assert isnan(term.p)
    assert "more seeds are needed" in found.caveats[0]


def test_three_factors_with_holes_have_interactions_of_two() -> None:
    """In full where the grid is whole, of two factors where it is not."""
    generator = np.random.default_rng(0)
    grid = [
        Cell(dict(zip("abc", place, strict=True)), dict(enumerate(generator.normal(size=3).tolist())))
        for place in product(range(2), repeat=3)
    ]
    assert [len(one.factors) for one in factorial(grid, {}).terms] == [1, 1, 1, 2, 2, 2, 3]
    holed = factorial(grid[:-1], {})
    assert [len(one.factors) for one in holed.terms] == [1, 1, 1, 2, 2, 2]
    assert "more than 2 factors" in holed.caveats[-1]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([Cell({"a": 1}, {1: 0.1}), Cell({"a": 1}, {1: 0.2})], "at least two levels"),
        ([Cell({"a": 1, "b": 1}, {1: 0.1}), Cell({"a": 2}, {1: 0.2})], "b is not in {'a': 2}"),
        ([Cell({"a": 1}, {1: 0.1}), Cell({"a": 2}, {1: 0.2}), Cell({"a": 2}, {1: 0.3})], "got twice: {'a': 2}"),
        ([Cell({"a": 1}, {1: nan}), Cell({"a": 2}, {1: nan})], "runs that succeeded"),
        ([], "at least two levels"),
    ],
)
def test_what_is_no_grid_is_refused(grid: list[Cell], message: str) -> None:
    """One message each."""
    with pytest.raises(ValueError, match=message):
        factorial(grid, {})
