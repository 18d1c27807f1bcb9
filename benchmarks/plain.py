"""The training step of any of our models, written plainly: what ours is measured against where nothing was published.

One seed. An `nn.Module`, autograd, `torch.optim.Adam` not fused, the loss read back after every batch. What the
published step repeats, a second encoding of the same voltages, is not in it: the lab's later code encodes once too.
Weights and batches are ours, so that losses are as well, up to rounding.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.ours import LEARNING_RATE, draw_batches
from model.config import TrainingConfig
from model.network.layers import ACTIVATIONS
from model.network.network import Network
from model.network.shapes import PartShape


class PlainPart(nn.Module):
    """A multilayer perceptron without batch norm, with or without input skips.

    Args:
        shape: Widths, activation and skips.
        named: Initial weights by our names, `[in, out]` and `[out]`.
    """

    def __init__(self, shape: PartShape, named: dict[str, Tensor]) -> None:
        super().__init__()
        self._activate, width = ACTIVATIONS[shape.activation], shape.skip_width
        self.layers = nn.ModuleList(
            nn.Linear(fan_in + (width if i > 0 else 0), fan_out)
            for i, (fan_in, fan_out) in enumerate(pairwise(shape.widths))
        )
        self.skips = nn.ModuleList(nn.Linear(shape.widths[0], width) for _ in (shape.layers[1:] if width else ()))
        pieces = [[named[f"{layer}.{kind}"] for kind in ("weight", "bias")] for layer in shape.layers]
        if shape.skip is not None:
            weight, bias = (named[f"{shape.skip}.{kind}"].split(width, dim=-1) for kind in ("weight", "bias"))
            pieces += zip(weight, bias, strict=True)
        with torch.no_grad():
            for linear, (weight, bias) in zip([*self.layers, *self.skips], pieces, strict=True):
                linear.weight.copy_(weight.T)
                linear.bias.copy_(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        h = self.layers[0](x)
        for i, layer in enumerate(self.layers[1:]):
            h = self._activate(h)
            h = layer(torch.cat((h, self.skips[i](x)), dim=-1) if self.skips else h)
        return h


class PlainModel(nn.Module):
    """Encoder, evolver, decoder and, where there is one, the stimulus encoder.

    Args:
        network: The model's shape.
        seed: Whose initial weights.
    """

    def __init__(self, network: Network, seed: int) -> None:
        super().__init__()
        self._config = network.config
        flat, shapes = network.initialise([seed])[0], network.parameters.shapes
        named = {name: view.view(shapes[name]) for name, view in network.parameters.views(flat).items()}
        self.parts = nn.ModuleDict({name: PlainPart(shape, named) for name, shape in network.parts.items()})

    def forward(self, x: Tensor, stimulus: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Reconstruct `x[t]`, and predict at each multiple of `evolve_steps`, `[B, N]` each.

        Args:
            x: `[B, N]`, voltages at t.
            stimulus: `[k, B, M]`, at t and the steps after it that are evolved from.
        """
        parts = self.parts
        if "stimulus" in parts:
            stimulus = parts["stimulus"](stimulus)
        z = parts["encoder"](x)
        reconstruction, predictions = parts["decoder"](z), []
        for step in range(self._config.horizon):
            z = z + parts["evolver"](z if stimulus is None else torch.cat((z, stimulus[step]), dim=1))
            if (step + 1) % self._config.evolve_steps == 0:
                predictions.append(parts["decoder"](z))
        return reconstruction, predictions


class PlainTraining:
    """One seed's training on one device.

    Args:
        voltages: `[T, N]` on the device.
        stimulus: `[T, M]` on the device, None where the evolver does not see it.
        batch_size: B.
        seed: Whose weights and batches.
        compiled: Compile the model with `mode="reduce-overhead"`.
        settings: Of `TrainingConfig`: sizes, activations, skips, stimulus and steps; the others are not heeded.
    """

    def __init__(
        self,
        voltages: Tensor,
        stimulus: Tensor | None,
        batch_size: int,
        *,
        seed: int = 0,
        compiled: bool = False,
        **settings: Any,
    ) -> None:
        config = TrainingConfig(batch_size=batch_size, **settings)
        model = PlainModel(Network(config, voltages.shape[1], 0 if stimulus is None else stimulus.shape[1]), seed).to(
            voltages.device
        )
        self._config, self._voltages, self._stimulus = config, voltages, stimulus
        self._optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=False)
        self._model = torch.compile(model, mode="reduce-overhead") if compiled else model
        batches = draw_batches(seed + 1, voltages, batch_size, horizon=config.horizon)[:, seed]
        self._batches = batches.to(voltages.device)
        self._later = torch.arange(config.horizon, device=voltages.device).unsqueeze(1)

    def run(self, steps: int) -> float:
        """Do some steps; return the mean of their losses."""
        return sum(self._step(self._batches[i % len(self._batches)]) for i in range(steps)) / steps

    def _step(self, rows: Tensor) -> float:
        x, every = self._voltages[rows], self._config.evolve_steps
        stimulus = None if self._stimulus is None else self._stimulus[rows + self._later]
        self._optimizer.zero_grad()
        reconstruction, predictions = self._model(x, stimulus)
        loss = functional.mse_loss(reconstruction, x)
        for number, prediction in enumerate(predictions, start=1):
            following = self._voltages[rows + number * every]
            loss = loss + functional.mse_loss(prediction, following) / len(predictions)
        loss.backward()
        self._optimizer.step()
        return float(loss.item())
