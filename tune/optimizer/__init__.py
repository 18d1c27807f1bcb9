"""The brain: what to run next, what to stop, what wins. No Ray, no torch, no clock of its own."""

from tune.optimizer.optimizer import Optimizer, Work

__all__ = ["Optimizer", "Work"]
