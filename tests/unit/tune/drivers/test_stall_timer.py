"""How long nothing may be heard of a unit of work."""

from math import inf, nan

import pytest

from tune.drivers.stall_timer import StallTimer
from tune.study.sections import Resources


def wait(timer: StallTimer, seconds: int) -> bool:
    """Listens for so long; says whether it has stalled by then."""
    for _ in range(seconds):
        timer.passed(1.0)
    return timer.stalled


def test_the_first_epoch_has_six_times_as_long() -> None:
    """It loads and compiles."""
    timer = StallTimer(Resources(stall_after=10), nan)
    assert not wait(timer, 59)
    assert wait(timer, 1)
    assert "no report for 60 s, which is too long for its first epoch (limit 60 s" in timer.said()


@pytest.mark.parametrize(("epochs", "limit"), [([90.0], 900), ([90.0, 3.0], 30), ([90.0, 3.0, 4.0, 2.0], 40)])
def test_the_limit_follows_the_units_own_pace(epochs: list[float], limit: int) -> None:
    """So many times its longest epoch; the first, which loads and compiles, only counts while it is all there is."""
    timer = StallTimer(Resources(stall_after=10, stall_factor=10), 1.0)
    timer.heard(epochs)
    assert timer.limit_s == limit
    assert not wait(timer, limit - 1)
    assert wait(timer, 1)
    timer.heard([])
    assert not timer.stalled


def test_never_less_than_the_minimum() -> None:
    """Epochs of milliseconds are no reason to be impatient."""
    timer = StallTimer(Resources(stall_after="2min"), 0.001)  # type: ignore[arg-type]
    timer.heard([0.001, 0.002])
    assert timer.limit_s == 120


def test_time_in_which_nobody_listened_does_not_count() -> None:
    """A driver that was busy for an hour blames no trial for it."""
    timer = StallTimer(Resources(stall_after=10), nan)
    timer.passed(3600.0)
    assert timer.lasted_s == 1.0


def test_it_can_be_switched_off() -> None:
    """Null: never."""
    assert StallTimer(Resources(stall_after=None), 1.0).limit_s == inf
