"""Time that does not jump when somebody sets the clock."""

import time
from collections.abc import Callable

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first goes on while a machine sleeps


def uptime() -> float:
    """Returns seconds since some moment; it never jumps, and goes on while this process or machine sleeps."""
    return time.clock_gettime(_STEADY)


class SteadyClock:
    """Seconds since the epoch: the wall clock's when it was made, and from then on what has really passed.

    Args:
        wall: Seconds since the epoch, asked once.
        steady: Seconds that never jump.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = uptime) -> None:
        self._steady = steady
        self._zero = wall() - steady()

    def __call__(self) -> float:
        """Returns the present moment."""
        return self._zero + self._steady()
