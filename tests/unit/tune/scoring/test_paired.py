"""Paired differences of two trials."""

from math import isnan, nan

import pytest

from tune.scoring.paired import paired


def test_paired_difference_is_over_seeds_that_neither_fails() -> None:
    """The golden value is the t interval of three differences: mean 2, sd 1, t(0.975, 2) = 4.3027."""
    first = {1: 0.1, 2: 0.1, 3: 0.1, 4: 0.1, 5: nan}
    second = {1: 1.1, 2: 2.1, 3: 3.1, 4: 9.0}
    gap = paired(first, second, baseline=5.0)
    assert gap.seeds == (1, 2, 3)
    assert gap.mean == pytest.approx(2.0)
    assert gap.interval == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert not gap.holds_up
    assert all(map(isnan, paired({1: 0.1}, {1: 0.2}, 5.0).interval))
