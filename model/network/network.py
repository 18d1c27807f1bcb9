"""Encoder, evolver and decoder of S seeds at once; every tensor leads with the seed axis.

Axes: S seeds, B batch, R rows of a layer's input, G batch-norm groups, N neurons, M stimulus, L latent, H hidden,
P parameters, Q running statistics.

Each part is a multilayer perceptron, see `PartShape`. The model predicts `x[t+1]` by `decode(z + evolve(z))` and
reconstructs `x[t]` by `decode(z)`, with `z = encode(x[t])`. With the stimulus `u[t]` it is `evolve([z, u[t]])`, and
with a stimulus encoder `evolve([z, encode_stimulus(u[t])])`. With `evolve_steps` k such a step is done k times, each
with the stimulus of its time, to predict `x[t+k]`.

Training mode is in `model.network.passes`; here are shapes, initial weights and evaluation mode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.network.generators import derive_generator
from model.network.layers import ACTIVATIONS
from model.network.layout import Layout
from model.network.norm import fold
from model.network.shapes import PartShape, build_parts


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
    def parts(self) -> dict[str, PartShape]:
        """Shapes of encoder, evolver, decoder and, where there is one, the stimulus encoder."""
        return build_parts(self.config, self.neurons, self.stimuli)

    @cached_property
    def parameters(self) -> Layout:
        """`part.i.weight [in, out]`, `part.i.bias [out]`, and `part.i.scale`, `part.i.shift [H]` of batch norm.

        With input skips also `part.skip.weight` and `part.skip.bias`, the projections of the input side by side.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        for part in self.parts.values():
            for layer, (fan_in, fan_out) in part.matrices.items():
                shapes[f"{layer}.weight"] = (fan_in, fan_out)
                shapes[f"{layer}.bias"] = (fan_out,)
                if part.normalised and layer in part.layers[:-1]:
                    shapes[f"{layer}.scale"] = (fan_out,)
                    shapes[f"{layer}.shift"] = (fan_out,)
        return Layout(shapes)

    @cached_property
    def statistics(self) -> Layout:
        """`part.i.mean [H]` and `part.i.variance [H]`: batch norm's running statistics."""
        scales = {name: shape for name, shape in self.parameters.shapes.items() if name.endswith(".scale")}
        kinds = ("mean", "variance")
        return Layout({f"{name.removesuffix('.scale')}.{kind}": scales[name] for name in scales for kind in kinds})

    def initialise(self, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Draw the weights of each seed from a generator of its own.

        | tensor | value | reason |
        | --- | --- | --- |
        | weight, bias | uniform in ±1/sqrt(fan_in) | torch.nn.Linear's default, used by the published runs |
        | scale, variance | 1 | torch.nn.BatchNorm1d's default |
        | shift, mean | 0 | the same |
        | last layer of the evolver with `evolver_zero_init` | 0 | the evolver starts as "nothing changes" |

        It is drawn all the same, so that all other weights are those of the same seed without the option.

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
        if self.config.evolver_zero_init:
            for kind in ("weight", "bias"):
                named[f"{self.parts['evolver'].layers[-1]}.{kind}"].zero_()
        for name, view in self.statistics.views(running).items():
            if name.endswith(".variance"):
                view.fill_(1.0)
        return flat, running

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
        for layer in (layer for part in self.parts.values() for layer in part.matrices):
            weight, bias = named[f"{layer}.weight"], named[f"{layer}.bias"]
            if f"{layer}.scale" in named:
                vectors = (named[f"{layer}.scale"], named[f"{layer}.shift"])
                weight, bias = fold(
                    weight, bias, vectors, (statistics[f"{layer}.mean"], statistics[f"{layer}.variance"])
                )
            folded[layer] = (weight.to(product_type), bias.to(product_type))
        return folded

    def predict(
        self, folded: Mapping[str, tuple[Tensor, Tensor]], x: Tensor, stimulus: Sequence[Tensor] | None
    ) -> Tensor:
        """Predict `x[t+k]` in evaluation mode, with k `evolve_steps`.

        Args:
            folded: What `fold` returned.
            x: `[S, R, N]`, voltages at t; may be expanded over S.
            stimulus: `[S, R, M]` at each of t, ..., t + k - 1, when the evolver sees it.

        Returns:
            `[S, R, N]`.
        """
        z = self.encode(folded, x)
        for step in range(self.config.evolve_steps):
            z = z + self.evolve(folded, z, None if stimulus is None else stimulus[step])
        return self.decode(folded, z)

    def encode(self, folded: Mapping[str, tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        """Map voltages `[S, R, N]` to latents `[S, R, L]` in evaluation mode."""
        return self._apply("encoder", folded, x)

    def evolve(self, folded: Mapping[str, tuple[Tensor, Tensor]], z: Tensor, stimulus: Tensor | None) -> Tensor:
        """Give the change of latents `[S, R, L]` over one time step, in evaluation mode.

        Args:
            folded: What `fold` returned.
            z: `[S, R, L]`.
            stimulus: `[S, R, M]` of the same time, when the evolver sees it.
        """
        if stimulus is not None:
            seen = self._apply("stimulus", folded, stimulus) if "stimulus" in self.parts else stimulus
            z = torch.cat((z, seen), dim=2)
        return self._apply("evolver", folded, z)

    def decode(self, folded: Mapping[str, tuple[Tensor, Tensor]], z: Tensor) -> Tensor:
        """Map latents `[S, R, L]` to voltages `[S, R, N]` in evaluation mode."""
        return self._apply("decoder", folded, z)

    def _apply(self, part: str, folded: Mapping[str, tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        """Run one part over `[S, R, in]`."""
        shape, h, projections = self.parts[part], x, None
        activate = ACTIVATIONS[shape.activation]
        if shape.skip is not None:
            weight, bias = folded[shape.skip]
            projections = torch.split(torch.baddbmm(bias, x, weight), shape.skip_width, dim=2)
        for i, layer in enumerate(shape.layers):
            if projections is not None and i > 0:
                h = torch.cat((h, projections[i - 1]), dim=2)
            weight, bias = folded[layer]
            h = torch.baddbmm(bias, h, weight)
            if layer != shape.layers[-1]:
                h = activate(h)
        return h
