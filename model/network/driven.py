"""The layers that read the evolver's input where it runs several steps with the stimulus: the first, and the skips.

The stimulus of all steps is known before the first. So its product with the weights is one for all of them, and so are
the gradients of those weights and of what the stimulus encoder gave; the stimulus itself needs none. What is left to
each step is the latents' share.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.network.layers import Linear, add_product, write_product
from model.network.part import Tape, Weights
from model.network.shapes import PartShape
from model.network.skips import InputSkips


class DrivenLayers:
    """First layer and projections of the input `[z, u]`, forward and backward in shares.

    Args:
        shape: Of the evolver.
        weights: Named views.
        latent_dims: L; what follows in the input is what is seen of the stimulus, M.
    """

    def __init__(self, shape: PartShape, weights: Weights, latent_dims: int) -> None:
        self._normalised = shape.normalised and len(shape.layers) > 1
        self._width = shape.skip_width
        layers = [weights.linear(layer) for layer in (shape.layers[0], shape.skip) if layer is not None]
        latents, stimulus = slice(None, latent_dims), slice(latent_dims, None)
        self._of_latents, self._of_stimulus = ([_share(one, rows) for one in layers] for rows in (latents, stimulus))
        skips = [InputSkips(one, shape.skip_width, normalised=shape.normalised) for one in self._of_latents[1:]]
        self._skips = skips[0] if skips else None

    def drive(self, seen: Tensor, steps: int) -> list[Sequence[Tensor]]:
        """Give the share of what is seen `[S, k B, M]`, bias included: for each step one `[S, B, out]` per layer."""
        first, *skips = self._of_stimulus
        shares = [first.forward(seen, normalised=self._normalised)]
        shares += [one.forward(seen, normalised=False) for one in skips]
        return list(zip(*(torch.chunk(share, steps, dim=1) for share in shares), strict=True))

    def forward(self, z: Tensor, driven: Sequence[Tensor], tape: Tape) -> tuple[Tensor, Sequence[Tensor]]:
        """Add the share of the latents `[S, B, L]` to what `drive` gave for a step, in place.

        Returns:
            The first layer's output, and the projections for the other layers.
        """
        tape.inputs[0] = z
        for share, linear in zip(driven, self._of_latents, strict=True):
            add_product(share, z, linear.weight)
        first, *skips = driven
        return first, torch.split(skips[0], self._width, dim=2) if skips else ()

    def backward(self, gradient: Tensor, tape: Tape, *, add: bool) -> tuple[Tensor, Sequence[Tensor]]:
        """Fill the gradients of the latents' share, or add to them, from that of the first layer's output.

        Returns:
            The gradient `[S, B, L]` of the latents, and per layer that of its output, which `drive_backward` wants.
        """
        z, first = tape.inputs[0], self._of_latents[0]
        first.backward(z, gradient, normalised=self._normalised, add=add)
        of_latents = first.backward_input(gradient)
        if self._skips is None:
            return of_latents, (gradient,)
        of_projections = self._skips.backward(z, tape.of_projections, add=add)
        return of_latents + self._skips.backward_input(of_projections), (gradient, of_projections)

    def drive_backward(self, seen: Tensor, gradients: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Fill the gradients of the stimulus's share from what `backward` returned, step by step.

        Returns:
            Per layer the gradient `[S, k B, out]` of its output, which `seen_backward` wants.
        """
        whole = [torch.cat(steps, dim=1) for steps in zip(*gradients, strict=True)]
        for linear, gradient in zip(self._of_stimulus, whole, strict=True):
            write_product(linear.weight_gradient, seen.transpose(1, 2), gradient)
        return whole

    def seen_backward(self, gradients: Sequence[Tensor]) -> Tensor:
        """Give the gradient `[S, k B, M]` of what is seen, from what `drive_backward` returned."""
        shares = [one.backward_input(of_it) for one, of_it in zip(self._of_stimulus, gradients, strict=True)]
        return shares[0] if len(shares) == 1 else shares[0] + shares[1]


def _share(linear: Linear, rows: slice) -> Linear:
    """Give the part of a layer that reads some of its input."""
    return Linear(linear.weight[:, rows], linear.bias, linear.weight_gradient[:, rows], linear.bias_gradient)
