"""How numbers and durations are written."""

from math import nan

import pytest

from tune.ledger.records import Trial
from tune.views import wording


@pytest.mark.parametrize(
    ("mean", "sd", "shown"),
    [(0.0249173, 0.000738, "0.02492 ± 0.00074"), (12.34, 1.5, "12.3 ± 1.5"), (0.5, nan, "0.5"), (nan, nan, "–")],
)
def test_spread_is_written_to_the_second_digit_of_the_deviation(mean: float, sd: float, shown: str) -> None:
    """Mean and deviation end at the same decimal; without a deviation the mean stands alone."""
    assert wording.spread(mean, sd) == shown


@pytest.mark.parametrize(
    ("length_s", "shown"),
    [(0.25, "0.25 s"), (42.4, "42 s"), (200, "3 min 20 s"), (3900, "1 h 05 min"), (180000, "2 d 02 h"), (nan, "–")],
)
def test_durations_are_written_in_their_two_leading_units(length_s: float, shown: str) -> None:
    """Short ones in seconds, long ones in days and hours."""
    assert wording.duration(length_s) == shown


@pytest.mark.parametrize(
    ("arm", "width", "shown"),
    [
        ("", 20, "trial 7"),
        ("fast", None, "hybrid/fast"),
        ("fast", 11, "hybrid/fast"),
        ("learning_rate=0.003,warmup=0.05", 24, "hybrid/learni… (trial 7)"),
    ],
)
def test_a_trial_of_a_plan_is_called_by_its_arm(arm: str, width: int | None, shown: str) -> None:
    """Where there is no room for its name, its number tells it from others that begin alike."""
    trial = Trial(7, {}, arm=arm, round="hybrid" if arm else "")
    assert wording.called(trial, width) == shown
    assert width is None or len(shown) <= width
