"""Batch norm of S seeds at once, each with its own statistics.

A norm is called as `norm(layer, h [S, R, H], scale [S, 1, H], shift [S, 1, H])` and returns `[S, R, H]`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BATCH_NORM_EPSILON = 1e-5  # torch.nn.BatchNorm1d's default

Moments = dict[str, tuple[Tensor, ...]]  # `layer.mean` and `layer.variance` to one [S, 1, H] per group
Norm = Callable[[str, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TrainingNorm:
    """Normalise with the batch's own statistics, per seed and group, and keep them in `moments`.

    Rows are ordered `(b, g)`, so seed, group and unit together are the channels of one ordinary batch norm over B.

    Source: Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1; the variance kept is the unbiased one.
    """

    groups: int
    moments: Moments

    def __call__(self, layer: str, h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Normalise `h`, of B * G rows."""
        seeds, rows, units = h.shape
        channels = self.groups * seeds * units
        samples = h.transpose(0, 1).reshape(rows // self.groups, channels)
        mean, variance = h.new_zeros(2, channels).unbind(0)
        y = functional.batch_norm(
            samples,
            mean,
            variance,
            scale.expand(-1, self.groups, -1).transpose(0, 1).reshape(channels),
            shift.expand(-1, self.groups, -1).transpose(0, 1).reshape(channels),
            training=True,
            momentum=1.0,  # the "running" statistics handed in become the batch's own
            eps=BATCH_NORM_EPSILON,
        )
        self.moments[f"{layer}.mean"] = mean.view(self.groups, seeds, 1, units).unbind(0)
        self.moments[f"{layer}.variance"] = variance.view(self.groups, seeds, 1, units).unbind(0)
        return y.view(rows, seeds, units).transpose(0, 1)


@dataclass(frozen=True)
class EvaluationNorm:
    """Normalise with the running statistics: one scale and one shift per unit."""

    running: Mapping[str, Tensor]

    def __call__(self, layer: str, h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Normalise `h`, of any number of rows."""
        factor = scale * torch.rsqrt(self.running[f"{layer}.variance"] + BATCH_NORM_EPSILON)
        return torch.addcmul(shift - self.running[f"{layer}.mean"] * factor, h, factor)
