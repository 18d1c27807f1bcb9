"""What the course of one curve says."""

from math import inf, isnan, nan

import pytest

from tune.scoring.effects.course import LastSpread, epochs_to_share_of_drop, first_below, gap_percent, spread_of_last


def test_the_first_epoch_at_a_threshold_counts_from_one() -> None:
    """A value that is the threshold has reached it, and a curve that never does says so."""
    assert first_below([3.0, 2.0, 1.0], 2.0) == 2
    assert first_below([3.0, 2.0, 1.0], 0.5) is None
    assert first_below([], 1.0) is None


def test_an_epoch_without_a_value_keeps_its_number() -> None:
    """What diverged or was not told reaches nothing, not even minus infinity."""
    assert first_below([nan, -inf, 1.0, 0.5], 1.0) == 3


def test_a_metric_that_is_maximised_reaches_from_below() -> None:
    """An accuracy has reached a threshold when it is there or above."""
    assert first_below([0.1, 0.6, 0.9], 0.6, maximize=True) == 2


@pytest.mark.parametrize(
    ("values", "epoch"),
    [
        ([10.0, 5.0, 2.0, 1.0, 0.0], 4),  # 90 % of 10 is a value of 1
        ([10.0, 0.5, 3.0, 1.2, 0.0], 2),  # a dip that comes back has been there
        ([nan, 10.0, 4.0, 0.9, 0.0], 4),  # from the first value that is known
        ([1.0, 1.0], None),
        ([1.0, 2.0], None),  # it rose
        ([10.0, 0.0, nan], None),  # how it ended is not known
        ([], None),
    ],
)
def test_epochs_to_ninety_percent_of_the_final_drop(values: list[float], epoch: int | None) -> None:
    """The drop is from the first known value to the last; without a drop there is no such epoch."""
    assert epochs_to_share_of_drop(values) == epoch


def test_the_drop_of_a_maximised_metric_is_a_rise() -> None:
    """The same curve upside down comes to its share in the same epoch."""
    falling = [10.0, 5.0, 2.0, 1.0, 0.0]
    assert epochs_to_share_of_drop([-value for value in falling], maximize=True) == epochs_to_share_of_drop(falling)
    assert epochs_to_share_of_drop(falling, maximize=True) is None


def test_the_whole_drop_is_reached_by_the_last_value() -> None:
    """Rounding does not put the end of the drop beyond the last value."""
    assert epochs_to_share_of_drop([0.3, 0.2, 0.1], share=1.0) == 3


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """A share outside (0, 1] would find an epoch that means nothing."""
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        epochs_to_share_of_drop([1.0, 0.0], share)


def test_the_spread_of_the_last_epochs_by_hand() -> None:
    """Of 1, 2, 4: range 3, variance ((4/3)^2 + (1/3)^2 + (5/3)^2) / 2 = 7/3; epochs before do not enter."""
    spread = spread_of_last([100.0, 1.0, 2.0, 4.0], 3)
    assert spread.range == 3.0
    assert spread.sd == pytest.approx((7 / 3) ** 0.5)
    assert spread.count == 3
    assert spread.ratio == pytest.approx(3 / (7 / 3) ** 0.5)


def test_the_spread_says_how_many_epochs_entered() -> None:
    """A curve that is shorter than asked, or not finite, is not taken for more than it has."""
    assert spread_of_last([1.0, nan, 3.0], 100).count == 2
    one = spread_of_last([5.0], 100)
    assert (one.range, one.count) == (0.0, 1)
    assert isnan(one.sd)
    assert isnan(one.ratio)
    assert isnan(spread_of_last([nan], 5).range)
    assert isnan(LastSpread(range=0.0, sd=0.0, count=3).ratio)
    with pytest.raises(ValueError, match="at least the last 1 epoch"):
        spread_of_last([1.0], 0)


def test_the_gap_of_train_and_validation_in_percent() -> None:
    """Validation a quarter above train is 25 %, also where values are negative, and unknown where train is 0."""
    assert gap_percent(0.8, 1.0) == pytest.approx(25.0)
    assert gap_percent(-1.0, -0.75) == pytest.approx(25.0)
    assert isnan(gap_percent(0.0, 1.0))
    assert isnan(gap_percent(1.0, inf))
