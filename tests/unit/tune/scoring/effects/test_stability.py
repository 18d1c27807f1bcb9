"""The stability region of one parameter."""

from math import inf, isnan, sqrt

import pytest

from tune.scoring.effects.stability import StabilityRegion, stability_region
from tune.scoring.intervals import wilson_interval


def runs(failed: dict[float, int], seeds: int = 3) -> list[tuple[float, bool]]:
    """So many seeds at each value, of which some failed."""
    return [(value, seed < some) for value, some in failed.items() for seed in range(seeds)]


def test_a_learning_rate_that_is_too_high() -> None:
    """The region ends between the last value without a failure and those where all fail, on the scale of its log."""
    region = stability_region(runs({1e-4: 0, 3e-4: 0, 1e-3: 0, 3e-3: 3, 1e-2: 3, 3e-2: 3}))
    (end,) = region.thresholds
    assert (region.shape, end.side, end.safe, end.failing) == ("above", "above", 1e-3, 3e-3)
    assert end.estimate == pytest.approx(sqrt(1e-3 * 3e-3))
    assert end.interval == (3e-4, 1e-2)
    assert not region.caveat
    assert [(one.value, one.seeds, one.failed) for one in region.values][2:4] == [(1e-3, 3, 0), (3e-3, 3, 3)]
    assert region.values[3].interval == wilson_interval(3, 3)


def test_a_batch_that_is_too_small() -> None:
    """What fails below is what fails above, turned round."""
    region = stability_region(runs({8.0: 3, 16.0: 3, 32.0: 3, 64.0: 0, 128.0: 0, 256.0: 0}))
    (end,) = region.thresholds
    assert (region.shape, end.side, end.safe, end.failing) == ("below", "below", 64.0, 32.0)
    assert end.estimate == pytest.approx(sqrt(32 * 64))
    assert end.interval == (16.0, 128.0)


def test_a_region_with_two_ends() -> None:
    """Each end is found from the values on its side, and both have the clean middle."""
    region = stability_region(runs({-3.0: 5, -2.0: 5, -1.0: 0, 0.0: 0, 1.0: 0, 2.0: 5, 3.0: 5}, seeds=5))
    low, high = region.thresholds
    assert region.shape == "both"
    assert (low.side, low.safe, low.failing, low.estimate) == ("below", -1.0, -2.0, -1.5)
    assert (high.side, high.safe, high.failing, high.estimate) == ("above", 1.0, 2.0, 1.5)
    assert low.interval[0] <= -1.5 <= low.interval[1] <= high.interval[0] <= 1.5 <= high.interval[1]


def test_one_failure_at_the_end_is_seen_and_estimates_nothing() -> None:
    """The rate does not reach a half among the values: that is said, and the interval is open."""
    region = stability_region(runs({1.0: 0, 2.0: 0, 3.0: 0, 4.0: 1}))
    (end,) = region.thresholds
    assert (end.safe, end.failing) == (3.0, 4.0)
    assert isnan(end.estimate)
    assert end.interval[0] >= 2.0
    assert end.interval[1] == inf
    assert "does not cross 50%" in region.caveat


def test_a_first_value_that_fails_leaves_no_safe_one() -> None:
    """Safe is only what has no failure on the whole way to it."""
    region = stability_region(runs({1.0: 1, 2.0: 0, 3.0: 3, 4.0: 3}))
    assert (region.thresholds[0].safe, region.thresholds[0].failing) == (None, 1.0)


def test_where_no_value_fails_both_ends_lie_beyond() -> None:
    """There is nothing to estimate; the intervals say how far the region reaches at least."""
    region = stability_region(runs({1.0: 0, 2.0: 0, 3.0: 0, 4.0: 0}))
    low, high = region.thresholds
    assert region.shape == "none"
    assert "try further values" in region.caveat
    assert (low.interval, high.interval) == ((-inf, 2.0), (3.0, inf))
    assert (low.safe, high.safe, low.failing, high.failing) == (1.0, 4.0, None, None)
    assert isnan(low.estimate)
    assert isnan(high.estimate)


@pytest.mark.parametrize(
    ("failed", "shape"),
    [
        ({1.0: 3, 2.0: 3}, "all"),
        ({1.0: 1, 2.0: 1, 3.0: 1}, "unordered"),  # as often everywhere
        ({1.0: 2}, "unordered"),
        ({1.0: 0, 2.0: 3, 3.0: 0}, "unordered"),  # in the middle
    ],
)
def test_where_there_is_no_end_it_is_said(failed: dict[float, int], shape: str) -> None:
    """Failures everywhere, or without an order, make no threshold."""
    region = stability_region(runs(failed))
    assert (region.shape, region.thresholds) == (shape, ())
    assert region.caveat


def test_a_side_that_was_expected_is_not_chosen_by_the_runs() -> None:
    """A threshold asked for above is refused where failures fall along the values."""
    falling = runs({1.0: 9, 2.0: 9, 3.0: 0, 4.0: 0}, seeds=9)
    assert stability_region(falling).shape == "below"
    asked: StabilityRegion = stability_region(falling, side="above")
    assert (asked.shape, asked.thresholds) == ("unordered", ())


def test_a_region_without_runs_is_refused() -> None:
    """Nothing is said of nothing."""
    with pytest.raises(ValueError, match="at least one run"):
        stability_region([])
