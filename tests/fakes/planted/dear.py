"""Faults of what a training takes of its machine: time, memory, input."""

import time

import numpy as np

from tests.fakes.planted.learner import Learner, burn

_READY: set[str] = set()
_HOARD: list[np.ndarray] = []


class SlowFirstEpoch(Learner):
    """Prepares for a second before its first epoch, in every process."""

    def row(self) -> dict[str, float]:
        if not _READY:
            time.sleep(1)
            _READY.add("prepared")
        return super().row()


class SlowsDown(Learner):
    """Runs at half the speed from its fifth epoch on."""

    def work(self) -> None:
        burn(self.pace_s * (2 if self.epoch > 4 else 1))


class UnevenSteps(Learner):
    """Takes four times as long in every other epoch."""

    def work(self) -> None:
        burn(self.pace_s * (4 if self.epoch % 2 else 1))


class WaitsForInput(Learner):
    """Waits for its data most of the time."""

    def work(self) -> None:
        time.sleep(0.05)
        burn(self.pace_s / 4)


class OutOfMemory(Learner):
    """Needs more memory than there is for its largest batch."""

    def row(self) -> dict[str, float]:
        if self.batch_size >= 64:
            raise MemoryError(f"Unable to allocate 64. GiB for an array with shape ({self.batch_size}, 134217728)")
        return super().row()


class Leak(Learner):
    """Keeps 10 MB in each epoch."""

    def row(self) -> dict[str, float]:
        _HOARD.append(np.ones(10_000_000 // 8))
        return super().row()
