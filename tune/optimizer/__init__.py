"""The brain: what to run next, what to stop, what wins. No Ray, no torch, no clock of its own."""

from typing import TYPE_CHECKING

from tune.exports import exported

if TYPE_CHECKING:
    from tune.optimizer.optimizer import Optimizer
    from tune.optimizer.work import Work

__all__ = ["Optimizer", "Work"]
__getattr__ = exported(__name__, {"Optimizer": "optimizer", "Work": "work"})
