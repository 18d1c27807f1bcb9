"""One part of the model (encoder, evolver or decoder) in training mode, forward and backward.

The two layers as wide as the recording, the encoder's first and the decoder's last, belong to `model.network.outer`; a
part has the layers between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from model.config import TrainingConfig
from model.network.layers import ACTIVATION_GRADIENTS, ACTIVATIONS, Linear
from model.network.norm import BatchNorm, Moments, NormTape


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


@dataclass
class Tape:
    """What the backward pass of a part needs.

    Attributes:
        inputs: By layer number, the input of each linear layer inside the part.
        hidden: Of each hidden layer: batch norm's own tape (None without), input and output of the activation.
    """

    inputs: dict[int, Tensor] = field(default_factory=dict)
    hidden: list[tuple[NormTape | None, Tensor, Tensor]] = field(default_factory=list)


class Part:
    """Some linear layers, with batch norm and activation after each hidden one.

    Args:
        config: Activation, batch norm, width.
        weights: Named views.
        layers: Names of this part's linear layers, in order.
        outside: The layer as wide as the recording, whose product is not done here; None if there is none.
        groups: G, groups of rows with batch statistics of their own.
    """

    def __init__(
        self, config: TrainingConfig, weights: Weights, layers: list[str], outside: str | None, groups: int = 1
    ) -> None:
        self._inside = {i: weights.linear(layer) for i, layer in enumerate(layers) if layer != outside}
        self._activate = ACTIVATIONS[config.activation]
        self._activation_gradient = ACTIVATION_GRADIENTS[config.activation]
        self._norms: dict[str, BatchNorm] = {}
        for layer in layers[:-1] if config.use_batch_norm else []:
            vectors = tuple(weights.parameters[f"{layer}.{kind}"] for kind in ("scale", "shift", "bias"))
            gradients = (weights.gradients[f"{layer}.scale"], weights.gradients[f"{layer}.shift"])
            self._norms[layer] = BatchNorm(config, vectors, gradients, groups)
        self._norm_of = [self._norms.get(layer) for layer in layers]

    def forward(self, h: Tensor, tape: Tape) -> Tensor:
        """Run over `[S, R, in]`: from the output of the first layer if that is outside, to the input of the last."""
        last = len(self._norm_of) - 1
        for i, norm in enumerate(self._norm_of):
            if i in self._inside:
                tape.inputs[i] = h
                h = self._inside[i].forward(h, normalised=norm is not None)
            if i < last:
                y, kept = (h, None) if norm is None else norm.forward(h)
                h = self._activate(y)
                tape.hidden.append((kept, y, h))
        return h

    def backward(self, gradient: Tensor, tape: Tape) -> Tensor:
        """Go the way of `forward` back: fill the gradients inside, return the one that reaches `forward`'s input."""
        last = len(self._norm_of) - 1
        for i in range(last, -1, -1):
            norm = self._norm_of[i]
            if i < last:
                kept, y, a = tape.hidden[i]
                gradient = self._activation_gradient(gradient, y, a)
                if norm is not None and kept is not None:
                    gradient = norm.backward(gradient, kept)
            if i in self._inside:
                linear = self._inside[i]
                linear.backward(tape.inputs[i], gradient, normalised=norm is not None)
                gradient = linear.backward_input(gradient)
        return gradient

    def moments(self) -> Moments:
        """Moments of the last batch by name."""
        found: Moments = {}
        for layer, norm in self._norms.items():
            found[f"{layer}.mean"], found[f"{layer}.variance"] = norm.moments()
        return found
