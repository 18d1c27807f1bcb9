"""Encoder, evolver and decoder of S seeds at once; every tensor leads with the seed axis.

Axes: S seeds, B batch, R rows of a layer's input, G batch-norm groups, N neurons, M stimulus, L latent, H hidden,
P parameters, Q running statistics.

Each part is a multilayer perceptron: hidden linear layers, each followed by BatchNorm1d (when on) and the activation,
then one linear layer. The model predicts `x[t+1]` by `decode(z + evolve(z))` and reconstructs `x[t]` by
`decode(z)`, with `z = encode(x[t])`.

Training mode is in `model.network.passes`; here are shapes, initial weights and evaluation mode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.network.generators import derive_generator
from model.network.layers import ACTIVATIONS
from model.network.layout import Layout
from model.network.norm import fold


@dataclass(frozen=True)
class Network:
    """The shape of the model and its forward passes; parameters come in as named views.

    Attributes:
        config: Sizes, activation and batch norm.
        neurons: N.
        stimuli: M when the evolver sees the stimulus, else 0.
    """

    config: TrainingConfig
    neurons: int
    stimuli: int = 0

    @cached_property
    def widths(self) -> dict[str, list[int]]:
        """Part to the sizes that its layers pass through, input and output included."""
        latent, hidden = self.config.latent_dims, self.config.hidden_units
        encoder, evolver, decoder = self.config.layers
        return {
            "encoder": [self.neurons, *[hidden] * encoder, latent],
            "evolver": [latent + self.stimuli, *[hidden] * evolver, latent],
            "decoder": [latent, *[hidden] * decoder, self.neurons],
        }

    @cached_property
    def parameters(self) -> Layout:
        """`part.i.weight [in, out]`, `part.i.bias [out]`, and `part.i.scale`, `part.i.shift [H]` of batch norm."""
        shapes: dict[str, tuple[int, ...]] = {}
        for part, widths in self.widths.items():
            for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
                shapes[f"{part}.{i}.weight"] = (fan_in, fan_out)
                shapes[f"{part}.{i}.bias"] = (fan_out,)
                if self.config.use_batch_norm and i < len(widths) - 2:
                    shapes[f"{part}.{i}.scale"] = (fan_out,)
                    shapes[f"{part}.{i}.shift"] = (fan_out,)
        return Layout(shapes)

    @cached_property
    def statistics(self) -> Layout:
        """`part.i.mean [H]` and `part.i.variance [H]`: batch norm's running statistics."""
        normalised = [name.removesuffix(".scale") for name in self.parameters.shapes if name.endswith(".scale")]
        shape = (self.config.hidden_units,)
        return Layout({f"{layer}.{kind}": shape for layer in normalised for kind in ("mean", "variance")})

    def initialise(self, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Draw the weights of each seed from a generator of its own.

        | tensor | value | reason |
        | --- | --- | --- |
        | weight, bias | uniform in ±1/sqrt(fan_in) | torch.nn.Linear's default, used by the published runs |
        | scale, variance | 1 | torch.nn.BatchNorm1d's default |
        | shift, mean | 0 | the same |

        Returns:
            Parameters `[S, P]` and running statistics `[S, Q]`, on the CPU in float32.

        Source: He et al. 2015, "Delving Deep into Rectifiers", with a = sqrt(5) as in torch.nn.Linear.
        """
        flat = torch.zeros(len(seeds), self.parameters.size)
        running = torch.zeros(len(seeds), self.statistics.size)
        named = self.parameters.views(flat)
        for row, seed in enumerate(seeds):
            generator = derive_generator(seed, "weights")
            for name, view in named.items():
                layer, _, kind = name.rpartition(".")
                if kind in {"weight", "bias"}:
                    bound = 1 / sqrt(self.parameters.shapes[f"{layer}.weight"][0])
                    view[row] = torch.empty(view.shape[1:]).uniform_(-bound, bound, generator=generator)
                elif kind == "scale":
                    view[row] = 1.0
        for name, view in self.statistics.views(running).items():
            if name.endswith(".variance"):
                view.fill_(1.0)
        return flat, running

    def layers(self, part: str) -> list[str]:
        """Names of a part's linear layers, in order."""
        return [f"{part}.{i}" for i in range(len(self.widths[part]) - 1)]

    def fold(self, flat: Tensor, running: Tensor, product_type: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
        """Prepare evaluation: batch norm, which then uses the running statistics, becomes part of the linear layers.

        Args:
            flat: Parameters `[S, P]`.
            running: Running statistics `[S, Q]`.
            product_type: Type of the matrix products.

        Returns:
            Layer to weight `[S, in, out]` and bias `[S, 1, out]`.
        """
        named, statistics = self.parameters.views(flat), self.statistics.views(running)
        folded = {}
        for layer in (layer for part in self.widths for layer in self.layers(part)):
            weight, bias = named[f"{layer}.weight"], named[f"{layer}.bias"]
            if f"{layer}.scale" in named:
                vectors = (named[f"{layer}.scale"], named[f"{layer}.shift"])
                weight, bias = fold(
                    weight, bias, vectors, (statistics[f"{layer}.mean"], statistics[f"{layer}.variance"])
                )
            folded[layer] = (weight.to(product_type), bias.to(product_type))
        return folded

    def predict(self, folded: Mapping[str, tuple[Tensor, Tensor]], x: Tensor, stimulus: Tensor | None) -> Tensor:
        """Predict `x[t+1]` in evaluation mode.

        Args:
            folded: What `fold` returned.
            x: `[S, R, N]`, voltages at t; may be expanded over S.
            stimulus: `[S, R, M]` at t, when the evolver sees it.

        Returns:
            `[S, R, N]`.
        """
        z = self.encode(folded, x)
        z = z + self._apply("evolver", folded, z if stimulus is None else torch.cat((z, stimulus), dim=2))
        return self._apply("decoder", folded, z)

    def encode(self, folded: Mapping[str, tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        """Map voltages `[S, R, N]` to latents `[S, R, L]` in evaluation mode."""
        return self._apply("encoder", folded, x)

    def _apply(self, part: str, folded: Mapping[str, tuple[Tensor, Tensor]], h: Tensor) -> Tensor:
        """Run one part over `[S, R, in]`."""
        activate = ACTIVATIONS[self.config.activation]
        *hidden, last = (folded[layer] for layer in self.layers(part))
        for weight, bias in hidden:
            h = activate(torch.baddbmm(bias, h, weight))
        return torch.baddbmm(last[1], h, last[0])
