"""The published model for one seed in plain PyTorch: nn.Linear, BatchNorm1d, torch.optim. What ours must agree with."""

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from model.network.network import Network

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU, "elu": nn.ELU}


class Reference(nn.Module):
    """Three multilayer perceptrons; the decoder is called once for the prediction, once for the reconstruction."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.config = network.config
        self.parts = nn.ModuleDict({part: self._build(widths) for part, widths in network.widths.items()})
        self.double()

    def _build(self, widths: list[int]) -> nn.Sequential:
        modules: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths[:-1]):
            modules.append(nn.Linear(fan_in, fan_out))
            if self.config.use_batch_norm:
                modules.append(nn.BatchNorm1d(fan_out))
            modules.append(ACTIVATIONS[self.config.activation]())
        return nn.Sequential(*modules, nn.Linear(widths[-2], widths[-1]))

    def _layers(self) -> Iterable[tuple[str, nn.Module]]:
        for part, modules in self.parts.items():
            layer = -1
            for module in modules:
                layer += isinstance(module, nn.Linear)
                yield f"{part}.{layer}", module

    def named(self) -> dict[str, Tensor]:
        """Our names to this model's tensors, in our orientation."""
        found = {}
        for layer, module in self._layers():
            if isinstance(module, nn.Linear):
                found |= {f"{layer}.weight": module.weight.T, f"{layer}.bias": module.bias}
            elif isinstance(module, nn.BatchNorm1d):
                found |= {f"{layer}.scale": module.weight, f"{layer}.shift": module.bias}
                found |= {f"{layer}.mean": module.running_mean, f"{layer}.variance": module.running_var}
        return found

    def load(self, values: dict[str, Tensor]) -> "Reference":
        """Take over the values of one of our seeds."""
        with torch.no_grad():
            for name, tensor in self.named().items():
                tensor.copy_(values[name])
        return self

    def encode_and_step(self, x: Tensor, stimulus: Tensor | None) -> tuple[Tensor, Tensor]:
        z = self.parts["encoder"](x)
        seen = z if stimulus is None else torch.cat((z, stimulus), dim=1)
        return z, z + self.parts["evolver"](seen)

    def losses(self, x: Tensor, following: Tensor, stimulus: Tensor | None) -> tuple[Tensor, Tensor]:
        z, evolved = self.encode_and_step(x, stimulus)
        prediction = nn.functional.mse_loss(self.parts["decoder"](evolved), following)
        return prediction, nn.functional.mse_loss(self.parts["decoder"](z), x)

    def predict(self, x: Tensor, stimulus: Tensor | None) -> Tensor:
        self.eval()
        with torch.no_grad():
            prediction = self.parts["decoder"](self.encode_and_step(x, stimulus)[1])
        self.train()
        return prediction


def build_optimizer(reference: Reference) -> torch.optim.Optimizer:
    """The optimizer that the configuration names, in PyTorch's plain form."""
    config, parameters = reference.config, reference.parameters()
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay, foreach=False)
