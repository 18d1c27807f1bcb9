"""The training losses of an error: what is summed, and the derivative. Validation is always the mean squared error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """A loss that is a mean over elements.

    Attributes:
        take: Gives the loss of `error [S, R, n]` summed over its last axis, `[S, R]` in the type asked for, and leaves
            in `error` the derivative of each element, but for `slope`.
        slope: The constant factor of the derivative.
    """

    take: Callable[[Tensor, torch.dtype], Tensor]
    slope: float


def _take_squares(error: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum e^2; the derivative is 2 e."""
    norms: Tensor = torch.linalg.vector_norm(error, dim=2, dtype=dtype)
    return norms.square_()


def _take_huber(error: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum e^2 / 2 where |e| <= 1 and |e| - 1/2 beyond; with c = e limited to [-1, 1] both are c (e - c / 2).

    The derivative is c.
    """
    wide = error.to(dtype)
    limited = wide.clamp(-1.0, 1.0)
    sums = (wide - limited / 2).mul_(limited).sum(dim=2)
    error.copy_(limited)
    return sums


def _take_absolutes(error: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum |e|; the derivative is the sign, and 0 at 0."""
    sums: Tensor = torch.linalg.vector_norm(error, ord=1, dim=2, dtype=dtype)
    error.sign_()
    return sums


LOSSES: Mapping[str, Loss] = {
    "mse": Loss(_take_squares, slope=2.0),
    "huber": Loss(_take_huber, slope=1.0),  # Source: Huber 1964, "Robust Estimation of a Location Parameter", delta 1
    "l1": Loss(_take_absolutes, slope=1.0),
}
