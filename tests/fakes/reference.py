"""The published model for one seed in plain PyTorch: nn.Linear, BatchNorm1d, torch.optim. What ours must agree with."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from model.network.network import Network
from model.network.shapes import PartShape

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU, "elu": nn.ELU}
LOSSES = {"mse": nn.functional.mse_loss, "huber": nn.functional.huber_loss, "l1": nn.functional.l1_loss}


class Perceptron(nn.Module):
    """Hidden layers and a linear one; with input skips each but the first also gets a projection of the input."""

    def __init__(self, shape: PartShape) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[shape.activation]()
        hidden = shape.widths[1:-1]
        self.projections = nn.ModuleList(
            nn.Linear(shape.widths[0], hidden[0]) for _ in (hidden if shape.input_skips else ())
        )
        skipped = hidden[0] if self.projections else 0
        self.linears = nn.ModuleList(
            nn.Linear(fan_in + (skipped if i > 0 else 0), fan_out)
            for i, (fan_in, fan_out) in enumerate(pairwise(shape.widths))
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in (hidden if shape.normalised else ()))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for i, linear in enumerate(self.linears):
            if i > 0 and self.projections:
                h = torch.cat((h, self.projections[i - 1](x)), dim=1)
            h = linear(h)
            if i < len(self.linears) - 1:
                h = self.activate(self.norms[i](h) if self.norms else h)
        return h

    def named(self) -> Iterator[tuple[str, list[Tensor]]]:
        """Our names to this part's tensors, in our orientation; ours are those side by side."""
        for i, linear in enumerate(self.linears):
            yield from ((f"{i}.weight", [linear.weight.T]), (f"{i}.bias", [linear.bias]))
        for i, norm in enumerate(self.norms):
            yield from ((f"{i}.scale", [norm.weight]), (f"{i}.shift", [norm.bias]))
            yield from ((f"{i}.mean", [norm.running_mean]), (f"{i}.variance", [norm.running_var]))
        if self.projections:
            yield "skip.weight", [one.weight.T for one in self.projections]
            yield "skip.bias", [one.bias for one in self.projections]


class Reference(nn.Module):
    """Multilayer perceptrons; the decoder is called once for the prediction, once for the reconstruction."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.config = network.config
        self.parts = nn.ModuleDict({name: Perceptron(shape) for name, shape in network.parts.items()})
        self.double()

    def _named(self) -> Iterable[tuple[str, list[Tensor]]]:
        for part, perceptron in self.parts.items():
            yield from ((f"{part}.{name}", tensors) for name, tensors in perceptron.named())

    def named(self) -> dict[str, Tensor]:
        """Our names to this model's tensors, in our orientation."""
        return {name: torch.cat(tensors, dim=-1) for name, tensors in self._named()}

    def load(self, values: dict[str, Tensor]) -> "Reference":
        """Take over the values of one of our seeds."""
        with torch.no_grad():
            for name, tensors in self._named():
                sizes = [tensor.shape[-1] for tensor in tensors]
                for tensor, value in zip(tensors, values[name].split(sizes, dim=-1), strict=True):
                    tensor.copy_(value)
        return self

    def step(self, z: Tensor, stimulus: Tensor | None) -> Tensor:
        if stimulus is None:
            return z + self.parts["evolver"](z)
        seen = self.parts["stimulus"](stimulus) if "stimulus" in self.parts else stimulus
        return z + self.parts["evolver"](torch.cat((z, seen), dim=1))

    def losses(self, x: Tensor, following: Sequence[Tensor], stimuli: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Losses of prediction and reconstruction; `following` has a target after every `evolve_steps` of `stimuli`."""
        z = start = self.parts["encoder"](x)
        evolved = []
        for number, stimulus in enumerate(stimuli, start=1):
            z = self.step(z, stimulus)
            if number % self.config.evolve_steps == 0:
                evolved.append(z)
        loss = LOSSES[self.config.loss]
        predictions = [loss(self.parts["decoder"](one), target) for one, target in zip(evolved, following, strict=True)]
        return torch.stack(predictions).mean(), loss(self.parts["decoder"](start), x)

    def penalty(self) -> Tensor:
        """The L1 terms of the loss."""
        total = self.config.l1 * sum(p.abs().sum() for p in self.parameters())
        weights = (self.config.encoder_l1, self.config.evolver_l1, self.config.decoder_l1)
        for part, weight in zip(("encoder", "evolver", "decoder"), weights, strict=True):
            total += weight * torch.cat([p.flatten() for p in self.parts[part].parameters()]).abs().mean()
        return total

    def predict(self, x: Tensor, stimuli: Sequence[Tensor | None]) -> Tensor:
        self.eval()
        with torch.no_grad():
            z = self.parts["encoder"](x)
            for stimulus in stimuli:
                z = self.step(z, stimulus)
            prediction = self.parts["decoder"](z)
        self.train()
        return prediction

    def roll_out(self, x: Tensor, stimuli: Sequence[Tensor | None], *, through_voltages: bool) -> Iterator[Tensor]:
        """What is predicted after every `evolve_steps` of `stimuli`, from `x` on."""
        self.eval()
        with torch.no_grad():
            z = self.parts["encoder"](x)
            for number, stimulus in enumerate(stimuli, start=1):
                z = self.step(z, stimulus)
                if number % self.config.evolve_steps == 0:
                    yield (decoded := self.parts["decoder"](z))
                    z = self.parts["encoder"](decoded) if through_voltages else z
        self.train()


def build_optimizer(reference: Reference, parameters: Iterable[nn.Parameter] | None = None) -> torch.optim.Optimizer:
    """The optimizer that the configuration names, in PyTorch's plain form, of all parameters or some."""
    config, parameters = reference.config, reference.parameters() if parameters is None else parameters
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay, foreach=False)
