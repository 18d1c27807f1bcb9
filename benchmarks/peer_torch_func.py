"""The training step of our model in torch.func, as plain as it goes: what ours is measured against.

One function gives the loss of one seed; `vmap(grad)` makes of it the gradients of all seeds, whose stacked parameters
one fused Adam updates. Parameters, batches and arithmetic are ours (`model/network/passes.py`), so losses and running
statistics are as well, up to rounding. Whatever saves time without a kernel or a backward pass of one's own is done:
one gather of both targets, one decoder pass, no bias where batch norm would subtract it again, no `vmap` for one seed.
"""

from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from benchmarks.ours import LEARNING_RATE, draw_batches
from model.config import TrainingConfig
from model.device.precision import numerics, product_type
from model.network.network import Network
from model.network.norm import BATCH_NORM_EPSILON
from model.training.step import BATCH_NORM_MOMENTUM

Moments = dict[str, tuple[Tensor, Tensor]]  # layer to mean and inverse deviation, [G H] of a seed


class TorchFuncTraining:
    """S seeds in torch.func.

    Args:
        voltages: `[T, N]` on the device.
        batch_size: B.
        seeds: S.
        checks: Also each seed's gradient norm, and a flag that silences a seed whose loss or gradient is not finite.
        compiled: Compile the gradients.
        settings: Of `TrainingConfig`; the activation is ReLU whatever they say.

    Attributes:
        running: `layer.mean` and `layer.variance` to running statistics `[S, H]`.
        failed: bool `[S]`; never true without checks.
    """

    def __init__(
        self, voltages: Tensor, batch_size: int, seeds: int, *, checks: bool, compiled: bool = False, **settings: Any
    ) -> None:
        self._config = TrainingConfig(batch_size=batch_size, **settings)
        self._network, self._voltages, self._checks = Network(self._config, voltages.shape[1]), voltages, checks
        device = voltages.device
        flat, running = (one.to(device) for one in self._network.initialise(range(seeds)))
        self._parameters = {
            name: view.reshape(-1, *self._network.parameters.shapes[name]).clone(memory_format=torch.contiguous_format)
            for name, view in self._network.parameters.views(flat).items()
        }
        self.running = {name: view.flatten(1).clone() for name, view in self._network.statistics.views(running).items()}
        self.failed = torch.zeros(seeds, dtype=torch.bool, device=device)
        self._product_type = product_type(self._config, flat)
        self._optimizer = torch.optim.Adam(list(self._parameters.values()), lr=LEARNING_RATE, fused=True)
        batches = draw_batches(seeds, voltages, batch_size).to(device)
        differentiate = grad_and_value(self._loss, has_aux=True)
        if seeds == 1:
            self._seen, self._batches = {name: one[0] for name, one in self._parameters.items()}, list(batches[:, 0])
        else:
            self._seen, self._batches = dict(self._parameters), list(batches)
            differentiate = vmap(differentiate)
        self._differentiate = torch.compile(differentiate, dynamic=False) if compiled else differentiate

    def run(self, steps: int) -> Tensor:
        """Do some steps of every seed.

        Returns:
            Prediction loss and reconstruction loss, with checks also the gradient norm: means over the steps, `[2, S]`
            or `[3, S]`.
        """
        totals = torch.zeros(3 if self._checks else 2, len(self.failed), device=self._voltages.device)
        with torch.no_grad(), numerics(self._config, self._voltages.device):
            for i in range(steps):
                totals += self._step(self._batches[i % len(self._batches)])
        return totals / steps

    def _step(self, rows: Tensor) -> Tensor:
        """Do one step on `rows`, `[S, B]` or, of one seed, `[B]`; return what `run` adds up."""
        both = torch.stack((rows + 1, rows), dim=-1)
        targets = self._voltages.index_select(0, both.flatten()).view(*both.shape, -1)
        gradients, (_, (losses, moments)) = self._differentiate(self._seen, targets)
        for name, parameter in self._parameters.items():
            parameter.grad = gradients[name].view_as(parameter)
        losses = losses.view(-1, 2)
        told = [losses[:, 0], losses[:, 1]]
        if self._checks:
            told.append(self._check(losses))
        self._optimizer.step()
        if moments:
            self._update_running(moments)
        return torch.stack(told)

    def _loss(self, parameters: dict[str, Tensor], targets: Tensor) -> tuple[Tensor, tuple[Tensor, Moments]]:
        """Compute one seed's loss on `[B, 2, N]`, voltages at t + 1 and t; beside it its two terms and the moments."""
        moments: Moments = {}
        targets = targets.to(self._product_type)
        z = self._apply("encoder", parameters, targets[:, 1], moments)
        evolved = z + self._apply("evolver", parameters, z, moments)
        both = torch.stack((evolved, z), dim=1).flatten(0, 1)
        error = self._apply("decoder", parameters, both, moments, groups=2).view(targets.shape) - targets
        squares = torch.linalg.vector_norm(error, dim=(0, 2), dtype=torch.float32).square()
        losses = squares / (len(targets) * targets.shape[2])
        return losses.sum(), (losses.detach(), moments)

    def _apply(self, part: str, parameters: dict[str, Tensor], h: Tensor, moments: Moments, groups: int = 1) -> Tensor:
        """Run one part over `[R, in]`, rows ordered `(b, g)`: a group's channels of batch norm are then its own."""
        *hidden, last = self._network.parts[part].layers
        for layer in hidden:
            weight = parameters[f"{layer}.weight"].to(self._product_type)
            if not self._config.use_batch_norm:
                h = torch.addmm(parameters[f"{layer}.bias"].to(self._product_type), h, weight).relu()
                continue
            h = h @ weight
            scale, shift = (
                parameters[f"{layer}.{kind}"].to(self._product_type).repeat(groups) for kind in ("scale", "shift")
            )
            y, mean, inverse_deviation = torch.native_batch_norm(
                h.reshape(len(h) // groups, -1), scale, shift, None, None, True, 0.0, BATCH_NORM_EPSILON
            )
            moments[layer] = (mean.detach().float(), inverse_deviation.detach().float())  # vmap gives them rounded
            h = y.reshape(h.shape).relu()  # with several seeds vmap has moved their axis
        weight, bias = (parameters[f"{last}.{kind}"].to(self._product_type) for kind in ("weight", "bias"))
        return torch.addmm(bias, h, weight)

    def _check(self, losses: Tensor) -> Tensor:
        """Give the gradient norms `[S]`, and failed seeds a zero gradient, as `TrainingStep` does."""
        gradients = [one.grad for one in self._parameters.values() if one.grad is not None]
        of_tensors = [torch.linalg.vector_norm(one.flatten(1), dim=1) for one in gradients]
        norms: Tensor = torch.linalg.vector_norm(torch.stack(of_tensors), dim=0)
        self.failed.logical_or_(~torch.isfinite(norms + losses.sum(dim=1)))
        if self.failed.is_cuda or bool(self.failed.any()):  # on a CPU the flags lie at hand
            for one in gradients:
                one.masked_fill_(self.failed.view(-1, *[1] * (one.ndim - 1)), 0.0)
        return norms

    def _update_running(self, moments: Moments) -> None:
        """Move the running statistics: from the prediction, then, in the decoder, from the reconstruction."""
        units, samples = self._config.hidden_units, self._config.batch_size
        for group in (0, 1):
            layers = [layer for layer, (mean, _) in moments.items() if mean.shape[-1] > group * units]
            channels = slice(group * units, (group + 1) * units)
            means, inverse = (
                [moments[layer][kind][..., channels].view(-1, units) for layer in layers] for kind in (0, 1)
            )
            means = list(torch._foreach_add(means, [self._parameters[f"{layer}.bias"] for layer in layers]))
            variances = torch._foreach_pow(inverse, -2)
            torch._foreach_sub_(variances, BATCH_NORM_EPSILON)
            torch._foreach_mul_(variances, samples / (samples - 1))  # the variance kept is the unbiased one
            for kind, newest in (("mean", means), ("variance", variances)):
                old = [self.running[f"{layer}.{kind}"] for layer in layers]
                torch._foreach_lerp_(old, newest, BATCH_NORM_MOMENTUM)
