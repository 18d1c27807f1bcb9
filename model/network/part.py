"""One part of the model (encoder, evolver or decoder) in training mode, forward and backward.

The two layers as wide as the recording, the encoder's first and the decoder's last, belong to `model.network.outer`; a
part has the layers between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.network.layers import ACTIVATION_GRADIENTS, ACTIVATIONS, Linear
from model.network.norm import BatchNorm, Moments, NormTape
from model.network.shapes import PartShape
from model.network.skips import InputSkips


@dataclass(frozen=True)
class Weights:
    """Named views that a part is built from.

    Attributes:
        products: Weights and biases in the type of the matrix products.
        parameters: The same tensors and batch norm's in the type in which they are updated.
        gradients: Of all of them.
    """

    products: Mapping[str, Tensor]
    parameters: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]

    def linear(self, layer: str) -> Linear:
        """Build one linear layer."""
        tensors = (named[f"{layer}.{kind}"] for named in (self.products, self.gradients) for kind in ("weight", "bias"))
        return Linear(*tensors)

    def skips(self, shape: PartShape) -> InputSkips | None:
        """Build the projections of a part's input, if it has any."""
        if shape.skip is None:
            return None
        return InputSkips(self.linear(shape.skip), shape.skip_width, normalised=shape.normalised)


@dataclass
class Tape:
    """What the backward pass of a part needs.

    Attributes:
        inputs: By layer number, the input of each linear layer inside the part.
        hidden: Of each hidden layer: batch norm's own tape (None without), input and output of the activation.
        of_projections: What `backward` leaves: the gradients of the projections of the part's input, in order.
    """

    inputs: dict[int, Tensor] = field(default_factory=dict)
    hidden: list[tuple[NormTape | None, Tensor, Tensor]] = field(default_factory=list)
    of_projections: list[Tensor] = field(default_factory=list)


class Part:
    """Some linear layers, with batch norm and activation after each hidden one.

    Args:
        shape: Layers, activation, batch norm and input skips.
        weights: Named views.
        outside: The layer as wide as the recording, whose product is not done here; None if there is none. Where that
            is the first, the projections of the part's input are not made here either.
        groups: G, groups of rows with batch statistics of their own.
        calls: Forward passes of a step, each with batch statistics of its own too.
        leaf: Nothing trained comes before this part: the gradient of its input is not wanted.
    """

    def __init__(
        self,
        shape: PartShape,
        weights: Weights,
        *,
        outside: str | None = None,
        groups: int = 1,
        calls: int = 1,
        leaf: bool = False,
    ) -> None:
        layers = shape.layers
        self._inside = {i: weights.linear(layer) for i, layer in enumerate(layers) if layer != outside}
        self._skips = weights.skips(shape) if 0 in self._inside else None
        self._skip_width = shape.skip_width
        self._leaf = leaf
        self._activate = ACTIVATIONS[shape.activation]
        self._activation_gradient = ACTIVATION_GRADIENTS[shape.activation]
        self._norms: dict[str, BatchNorm] = {}
        for layer in layers[:-1] if shape.normalised else []:
            vectors = tuple(weights.parameters[f"{layer}.{kind}"] for kind in ("scale", "shift", "bias"))
            gradients = (weights.gradients[f"{layer}.scale"], weights.gradients[f"{layer}.shift"])
            self._norms[layer] = BatchNorm(vectors, gradients, groups, calls)
        self._norm_of = [self._norms.get(layer) for layer in layers]

    def forward(self, h: Tensor, tape: Tape, projections: Sequence[Tensor] = (), call: int = 0) -> Tensor:
        """Run over `[S, R, in]`: from the output of the first layer if that is outside, to the input of the last.

        Args:
            h: See above.
            tape: Filled.
            projections: Of the part's input `[S, R, H]`, for each layer but the first, where they are made outside.
            call: Which of a step's forward passes.
        """
        last = len(self._norm_of) - 1
        if self._skips is not None:
            projections = self._skips.forward(h)
        for i, norm in enumerate(self._norm_of):
            if projections and i > 0:
                h = torch.cat((h, projections[i - 1]), dim=2)
            if i in self._inside:
                tape.inputs[i] = h
                h = self._inside[i].forward(h, normalised=norm is not None)
            if i < last:
                y, kept = (h, None) if norm is None else norm.forward(h, call)
                h = self._activate(y)
                tape.hidden.append((kept, y, h))
        return h

    def backward(self, gradient: Tensor, tape: Tape, *, add: bool = False) -> Tensor:
        """Go the way of `forward` back: fill the gradients inside, return the one that reaches `forward`'s `h`.

        Of a leaf it is that of the first layer's output. With `add` the gradients inside are added to what is there:
        so it is for all forward passes of a step but the first that is gone back.
        """
        last = len(self._norm_of) - 1
        for i in range(last, -1, -1):
            norm = self._norm_of[i]
            if i < last:
                kept, y, a = tape.hidden[i]
                gradient = self._activation_gradient(gradient, y, a)
                if norm is not None and kept is not None:
                    gradient = norm.backward(gradient, kept, add=add)
            if i in self._inside:
                linear = self._inside[i]
                linear.backward(tape.inputs[i], gradient, normalised=norm is not None, add=add)
                if i > 0 or not self._leaf:
                    gradient = linear.backward_input(gradient)
            if self._skip_width and i > 0:
                sizes = [gradient.shape[2] - self._skip_width, self._skip_width]
                gradient, of_projection = torch.split(gradient, sizes, dim=2)
                tape.of_projections.insert(0, of_projection)
        if self._skips is not None:
            of_projections = self._skips.backward(tape.inputs[0], tape.of_projections, add=add)
            gradient = gradient + self._skips.backward_input(of_projections)
        return gradient

    def moments(self) -> Moments:
        """Moments of the last batch by name."""
        found: Moments = {}
        for layer, norm in self._norms.items():
            found[f"{layer}.mean"], found[f"{layer}.variance"] = norm.moments()
        return found
