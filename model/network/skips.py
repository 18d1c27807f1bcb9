"""Input skips of one part: a linear projection of its input for each layer after the first."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.network.layers import Linear


class InputSkips:
    """All projections of a part's input, made in one product.

    Args:
        linear: Weights `[S, in, n H]` of n projections, side by side.
        width: H, of one projection.
        normalised: Batch norm follows the layers that get them, but the last.
    """

    def __init__(self, linear: Linear, width: int, *, normalised: bool) -> None:
        self._linear, self._width, self._normalised = linear, width, normalised

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        """Map `[S, R, in]` to n projections `[S, R, H]`."""
        return torch.split(self._linear.forward(x, normalised=False), self._width, dim=2)

    def backward(self, x: Tensor, of_projections: Sequence[Tensor], *, add: bool = False) -> Tensor:
        """Fill or add to the gradients from those of the projections; return these side by side `[S, R, n H]`.

        The mean that batch norm subtracts cancels the bias of a projection as it cancels that of the layer: its
        gradient is zero, and what rounding makes of it would be a step like any other for Adam.
        """
        gradient = torch.cat(tuple(of_projections), dim=2)
        self._linear.backward(x, gradient, normalised=False, add=add)
        if self._normalised:
            self._linear.bias_gradient[:, :, : -self._width].zero_()
        return gradient

    def backward_input(self, gradient: Tensor) -> Tensor:
        """Give the gradient `[S, R, in]` of the input from what `backward` returned."""
        return self._linear.backward_input(gradient)
