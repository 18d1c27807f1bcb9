"""Batch norm of S seeds at once, each with its own statistics.

Rows of a layer's input are ordered `(b, g)`: B samples, G groups with statistics of their own. Seed, group and unit
together are then the channels `C = G S H` of one ordinary batch norm over B.
"""

from typing import NamedTuple

import torch
from torch import Tensor

BATCH_NORM_EPSILON = 1e-5  # torch.nn.BatchNorm1d's default

Moments = dict[str, tuple[Tensor, ...]]  # `layer.mean` and `layer.variance` to one [S, 1, H] per call and group


class NormTape(NamedTuple):
    """What the backward pass needs of a forward pass: input `[B, C]`, scale `[C]` and the batch's statistics `[C]`."""

    samples: Tensor
    scale: Tensor
    mean: Tensor
    inverse_deviation: Tensor


class BatchNorm:
    """The batch norm after one hidden layer, in training mode.

    Args:
        vectors: Scale, shift, and the bias that the layer before has left out; views `[S, 1, H]` of the parameters.
        gradients: Of scale and shift, written by `backward`.
        groups: G.
        calls: Forward passes of a step, each with statistics of its own.

    Source: Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1; the variance kept is the unbiased one.
    """

    def __init__(
        self, vectors: tuple[Tensor, ...], gradients: tuple[Tensor, Tensor], groups: int, calls: int = 1
    ) -> None:
        self._scale, self._shift, self._bias = vectors
        self._gradients = gradients
        self._seeds, self._groups, self._units = len(self._scale), groups, self._scale.shape[2]
        channels = groups * self._seeds * self._units
        self._statistics = self._scale.new_zeros(2, calls, channels)
        self._of_call = [(self._statistics[0, call], self._statistics[1, call]) for call in range(calls)]

    def forward(self, h: Tensor, call: int = 0) -> tuple[Tensor, NormTape]:
        """Normalise `h [S, R, H]` with the batch's own statistics, which `moments` then gives."""
        samples = self._join(h)
        scale, shift = self._spread(self._scale), self._spread(self._shift)
        mean, variance = self._of_call[call]
        # With momentum 1 the "running" statistics handed in become the batch's own.
        y, saved_mean, deviation = torch.native_batch_norm(
            samples, scale, shift, mean, variance, True, 1.0, BATCH_NORM_EPSILON
        )
        return self._split(y), NormTape(samples, scale, saved_mean, deviation)

    def backward(self, gradient: Tensor, tape: NormTape, *, add: bool = False) -> Tensor:
        """Write or add the gradients of scale and shift, return that of the input; all `[S, R, H]`."""
        inward, *own = torch.ops.aten.native_batch_norm_backward(
            self._join(gradient),
            tape.samples,
            tape.scale,
            *self._of_call[0],  # not read in training mode
            tape.mean,
            tape.inverse_deviation,
            True,
            BATCH_NORM_EPSILON,
            [True, True, True],
        )
        for out, of_groups in zip(self._gradients, own, strict=True):
            gathered = of_groups.view(self._groups, self._seeds, 1, self._units).sum(0)
            out.add_(gathered) if add else out.copy_(gathered)
        return self._split(inward)

    def moments(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Mean and unbiased variance of the last batch, one `[S, 1, H]` per call and group."""
        calls_and_groups = self._statistics.shape[1] * self._groups
        mean, variance = self._statistics.view(2, calls_and_groups, self._seeds, 1, self._units).unbind(0)
        return (mean + self._bias).unbind(0), variance.unbind(0)

    def _join(self, h: Tensor) -> Tensor:
        """`[S, R, H]` to `[B, C]`; no copy where `h` is stored rows first."""
        return h.transpose(0, 1).reshape(h.shape[1] // self._groups, -1)

    def _split(self, samples: Tensor) -> Tensor:
        """`[B, C]` to `[S, R, H]`, stored rows first."""
        return samples.view(-1, self._seeds, self._units).transpose(0, 1)

    def _spread(self, vector: Tensor) -> Tensor:
        """`[S, 1, H]` to `[C]`."""
        if self._groups == 1:
            return vector.reshape(-1)
        return vector.reshape(1, -1).expand(self._groups, -1).reshape(-1)


def fold(
    weight: Tensor, bias: Tensor, vectors: tuple[Tensor, Tensor], statistics: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Absorb evaluation-mode batch norm into the linear layer before it.

    Args:
        weight: `[S, in, H]`.
        bias: `[S, 1, H]`.
        vectors: Scale and shift, `[S, 1, H]`.
        statistics: Running mean and variance, `[S, 1, H]`.

    Returns:
        Weight and bias of the linear layer that does both.
    """
    scale, shift = vectors
    mean, variance = statistics
    factor = scale * torch.rsqrt(variance + BATCH_NORM_EPSILON)
    return weight * factor, torch.addcmul(shift, bias - mean, factor)
