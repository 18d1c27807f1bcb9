"""Encoder, evolver and decoder of S seeds at once; every tensor leads with the seed axis.

Axes: S seeds, B batch, R rows of a layer's input, G batch-norm groups, N neurons, M stimulus, L latent, H hidden,
P parameters, Q running statistics.

Each part is a multilayer perceptron: hidden linear layers, each followed by BatchNorm1d (when on) and the activation,
then one linear layer. The model predicts `x[t+1]` by `decode(z + evolve(z))` and reconstructs `x[t]` by
`decode(z)`, with `z = encode(x[t])`.

Two places differ from a plain loop over the published recipe, by design:

* The decoder runs once, over evolved and plain latents together, as two groups (G = 2): each group is normalised with
  its own batch statistics and the running statistics are updated first from the prediction, then from the
  reconstruction, exactly as two calls in this order would.
* The published recipe encodes the same `x[t]` twice, which gives the same latents and moves the encoder's running
  statistics twice per step. Here it is encoded once and they move once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

from model.config import TrainingConfig
from model.generators import derive_generator
from model.layout import Layout
from model.norm import EvaluationNorm, Moments, Norm, TrainingNorm

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "silu": functional.silu,
    "elu": functional.elu,
}


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

    def forward(self, parameters: Mapping[str, Tensor], x: Tensor, stimulus: Tensor | None) -> tuple[Tensor, Moments]:
        """Predict and reconstruct in training mode.

        Args:
            parameters: Named views of `[S, P]`.
            x: `[S, B, N]`, voltages at t.
            stimulus: `[S, B, M]` at t, when the evolver sees it.

        Returns:
            Decoded voltages `[S, B, 2, N]`: prediction of t+1, then reconstruction of t; and the batch's moments
            per normalised layer.
        """
        moments: Moments = {}
        z = self._apply("encoder", parameters, x, TrainingNorm(1, moments))
        step = self._apply("evolver", parameters, _join(z, stimulus), TrainingNorm(1, moments))
        both = torch.stack((z + step, z), dim=2).flatten(1, 2)
        decoded = self._apply("decoder", parameters, both, TrainingNorm(2, moments))
        return decoded.view(len(x), -1, 2, self.neurons), moments

    def predict(
        self, parameters: Mapping[str, Tensor], running: Mapping[str, Tensor], x: Tensor, stimulus: Tensor | None
    ) -> Tensor:
        """Predict `x[t+1]` in evaluation mode: batch norm uses the running statistics.

        Args:
            parameters: Named views of `[S, P]`.
            running: Named views of `[S, Q]`.
            x: `[S, R, N]`, voltages at t; may be expanded over S.
            stimulus: `[S, R, M]` at t, when the evolver sees it.

        Returns:
            `[S, R, N]`.
        """
        norm = EvaluationNorm(running)
        z = self._apply("encoder", parameters, x, norm)
        z = z + self._apply("evolver", parameters, _join(z, stimulus), norm)
        return self._apply("decoder", parameters, z, norm)

    def _apply(self, part: str, parameters: Mapping[str, Tensor], h: Tensor, norm: Norm) -> Tensor:
        """Run one part over `[S, R, in]`."""
        activate = ACTIVATIONS[self.config.activation]
        last = len(self.widths[part]) - 2
        for i in range(last + 1):
            layer = f"{part}.{i}"
            h = torch.baddbmm(parameters[f"{layer}.bias"], h, parameters[f"{layer}.weight"])
            if i < last:
                if self.config.use_batch_norm:
                    h = norm(layer, h, parameters[f"{layer}.scale"], parameters[f"{layer}.shift"])
                h = activate(h)
        return h


def _join(z: Tensor, stimulus: Tensor | None) -> Tensor:
    return z if stimulus is None else torch.cat((z, stimulus), dim=2)
