"""How long nothing may be heard of a unit of work."""

from collections.abc import Sequence
from math import inf, isfinite

from tune.study.sections import Resources

_FIRST = 6
"""So many times as much time has the first report of a unit: it loads the recording, compiles, and may evaluate."""
_LONGEST_LOOK_S = 1.0


class StallTimer:
    """How long nothing was heard of one unit of work, and how long that may be.

    How its state evolves: `passed(seconds)` while one listens → `stalled` becomes true, once there was silence for too
    long → `heard(...)` begins anew. Only time in which somebody listened counts, so a driver that was busy blames no
    trial for it.

    Args:
        resources: What the study says, see `stall_after` and `stall_factor`.
        epoch_s: How long an epoch of the unit is expected to take, in seconds; nan when nothing is known.
        first: Whether it is the first report that is waited for, which takes longer.
    """

    def __init__(self, resources: Resources, epoch_s: float, *, first: bool = True) -> None:
        self._resources, self._epoch_s = resources, epoch_s
        self._reports = 0 if first else 1
        self.lasted_s = 0.0

    @property
    def limit_s(self) -> float:
        """Seconds of silence that are too many; inf where the study does not want to know."""
        if self._resources.stall_after is None:
            return inf
        pace = self._resources.stall_factor * self._epoch_s if isfinite(self._epoch_s) else 0.0
        return max(self._resources.stall_after, pace) * (_FIRST if not self._reports else 1)

    @property
    def stalled(self) -> bool:
        """Whether the silence has lasted too long."""
        return self.lasted_s >= self.limit_s

    def passed(self, seconds: float) -> None:
        """Takes note that so much time has passed; more than a second at once is time in which nobody listened."""
        self.lasted_s += min(seconds, _LONGEST_LOOK_S)

    def heard(self, held_s: Sequence[float]) -> None:
        """Takes note of a sign of life, and of the seconds that the epochs reported with it took."""
        self.lasted_s = 0.0
        for seconds in held_s:
            # The first epoch of a unit says little of the others.
            slowest = self._epoch_s if self._reports > 1 and isfinite(self._epoch_s) else 0.0
            self._epoch_s = max(slowest, seconds)
            self._reports += 1

    def said(self) -> str:
        """Returns in one line what is wrong."""
        what = "first epoch" if not self._reports else "epoch"
        return (
            f"no report for {self.lasted_s:.0f} s, which is too long for its {what} (limit {self.limit_s:.0f} s; "
            "see resources.stall_after and resources.stall_factor)"
        )
