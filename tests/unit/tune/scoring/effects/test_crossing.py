"""Where a rate that only rises crosses a level."""

from itertools import product
from math import isnan, prod

import numpy as np
import pytest
from scipy.stats import binom

from tune.scoring.effects.crossing import _chance_of_more, crossing, gaps_not_ruled_out, isotonic


def test_the_chance_of_as_many_events_is_that_of_counting_all_cases() -> None:
    """The computed distribution of the smallest probability is that over every outcome of three values."""
    runs, rate = (3, 2, 4), 0.3

    def smallest(events: tuple[int, ...]) -> float:
        return min(float(binom.sf(sum(events[:k]) - 1, sum(runs[:k]), rate)) for k in range(1, 4))

    outcomes = list(product(*(range(count + 1) for count in runs)))
    for events in [(0, 0, 0), (1, 1, 1), (2, 2, 1), (3, 2, 4), (0, 2, 4)]:
        bound = smallest(events) * (1 + 1e-9)
        expected = sum(
            prod(float(binom.pmf(k, n, rate)) for k, n in zip(one, runs, strict=True))
            for one in outcomes
            if smallest(one) <= bound
        )
        assert _chance_of_more(events, runs, rate) == pytest.approx(expected)


def test_gaps_are_ruled_out_by_the_runs_on_their_sides() -> None:
    """Six of six on the wrong side are too many for a rate of a half (1 in 64), three of three are not (1 in 8).

    value      1    2    3    4    5    6
    failed    0/3  0/3  0/3  3/3  3/3  3/3
    gap     0    1    2    3    4    5    6
    """
    assert gaps_not_ruled_out([0, 0, 0, 3, 3, 3], [3] * 6, 0.5, 0.95) == [2, 3, 4]


def test_nothing_fails_and_everything_fails() -> None:
    """Without failures the threshold is behind the last values or beyond, with nothing else before the first ones."""
    assert gaps_not_ruled_out([0] * 4, [3] * 4, 0.5, 0.95) == [3, 4]
    assert gaps_not_ruled_out([3] * 4, [3] * 4, 0.5, 0.95) == [0, 1]


def test_an_order_that_is_turned_round_rules_out_every_gap_between() -> None:
    """Failures that fall along the values leave no place among them for a threshold of a rate that rises."""
    assert gaps_not_ruled_out([9, 9, 0, 0], [9] * 4, 0.5, 0.95) == [0, 4]
    assert gaps_not_ruled_out([9, 0, 9, 0], [9] * 4, 0.5, 0.95) == [0, 2, 4]
    assert gaps_not_ruled_out([9, 0], [9] * 2, 0.5, 0.95) == [0, 2]


@pytest.mark.parametrize("theta", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("slope", [2.0, 100.0])
def test_the_threshold_lies_in_the_gaps(theta: float, slope: float) -> None:
    """Of 100 data sets the set holds a known threshold in 95 or more, where the rate is a slope and where it jumps."""
    generator = np.random.default_rng(7)
    places = np.arange(1, 6)
    rates = 1 / (1 + np.exp(-np.clip(slope * (places - theta), -50, 50)))
    held = 0
    for _ in range(100):
        gaps = gaps_not_ruled_out(generator.binomial(5, rates).tolist(), [5] * 5, 0.5, 0.95)
        bounds = [-np.inf, *places, np.inf]
        held += any(bounds[gap] <= theta <= bounds[gap + 1] for gap in gaps)
    assert held >= 95


def test_the_crossing_is_where_the_line_between_two_values_is_at_the_level() -> None:
    """From one of three at 3 to three of three at 4, a half is a quarter of the way."""
    assert crossing([1, 2, 3, 4], [0, 0, 1, 3], [3] * 4, 0.5) == pytest.approx(3.25)
    assert crossing([1, 2, 3, 4], [0, 1, 1, 2], [2] * 4, 0.5) == pytest.approx(2.5)  # the middle of the rest
    assert isnan(crossing([1, 2], [0, 1], [3, 3], 0.5))
    assert isnan(crossing([1, 2], [2, 3], [3, 3], 0.5))


def test_rates_that_fall_are_pooled() -> None:
    """The most likely rising rates of 0/2, 2/2, 0/2, 2/2 have the two in the middle at a half."""
    assert isotonic([0, 2, 0, 2], [2] * 4) == pytest.approx([0.0, 0.5, 0.5, 1.0])
