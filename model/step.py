"""One optimisation step for S seeds, without a single wait for the device.

Everything that changes from step to step comes in as a tensor (`StepInputs`), everything that a step reports is added
to tensors that stay on the device, and no Python value depends on a result. So the same `run` serves eager
execution, a compiler and a CUDA graph.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.network import Network
from model.norm import Moments
from model.optim import SeedOptimizer

BATCH_NORM_MOMENTUM = 0.1  # torch.nn.BatchNorm1d's default
CLIPPING_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_


class StepInputs(NamedTuple):
    """What differs between two steps.

    Attributes:
        rows: int64 `[S, B]`, the time steps t of the batch.
        learning_rate: Scalar.
        averaging_weight: Scalar, the weight of the newest parameters in the average; unused without EMA.
    """

    rows: Tensor
    learning_rate: Tensor
    averaging_weight: Tensor


@dataclass
class SeedTensors:
    """All that training changes, apart from the optimizer's moments.

    Attributes:
        parameters: `[S, P]`.
        running: `[S, Q]`, batch norm's running statistics.
        failed: bool `[S]`, seeds that met a non-finite loss or gradient; never cleared.
        average: `[S, P]` and `[S, Q]`, moving averages of the two, or None without EMA.
    """

    parameters: Tensor
    running: Tensor
    failed: Tensor
    average: tuple[Tensor, Tensor] | None

    def evaluated(self) -> tuple[Tensor, Tensor]:
        """Parameters and running statistics that evaluation uses: the averaged ones where there are any."""
        return self.average or (self.parameters, self.running)


class TrainingStep:
    """Forward, backward, clip, update, for all seeds of a batch.

    Args:
        network: The model's shape.
        tensors: Changed in place.
        optimizer: Holds the gradient and updates `tensors.parameters`.
        voltages: `[T, N]` on the device.
        stimulus: `[T, M]` on the device when the evolver sees it, else None.

    Attributes:
        totals: float64 `[3, S]`: prediction loss, reconstruction loss and gradient norm, summed over steps.
    """

    def __init__(
        self,
        network: Network,
        tensors: SeedTensors,
        optimizer: SeedOptimizer,
        voltages: Tensor,
        stimulus: Tensor | None,
    ) -> None:
        self._network = network
        self._config: TrainingConfig = network.config
        self._tensors = tensors
        self._optimizer = optimizer
        self._voltages = voltages
        self._stimulus = stimulus
        named = network.parameters.views(tensors.parameters.detach())
        self._leaves = {name: view.detach().requires_grad_() for name, view in named.items()}
        self._gradients = list(network.parameters.views(optimizer.gradient).values())
        self._running = network.statistics.views(tensors.running)
        self.totals = torch.zeros(3, len(tensors.failed), dtype=torch.float64, device=voltages.device)

    def run(self, inputs: StepInputs) -> None:
        """Do one step; a seed that has failed gets a zero gradient, its companions never notice."""
        self._optimizer.learning_rate.copy_(inputs.learning_rate)
        losses, moments = self._fill_gradient(inputs.rows)
        with torch.no_grad():
            norms = self._limit_gradient(losses)
            self._optimizer.step()
            self._update_running(moments)
            if self._tensors.average is not None:
                live = (self._tensors.parameters, self._tensors.running)
                for average, newest in zip(self._tensors.average, live, strict=True):
                    average.lerp_(newest, inputs.averaging_weight)
            self.totals += torch.stack((losses[:, 0], losses[:, 1], norms))

    def _fill_gradient(self, rows: Tensor) -> tuple[Tensor, Moments]:
        """Write the gradient of each seed's loss; return the losses `[S, 2]` and the batch norm moments.

        The loss of a seed is the mean squared error of the prediction plus that of the reconstruction plus
        `l1 * sum |p|`. Its derivative after the decoder is `2 (decoded - target) / (B N)`.
        """
        seeds, batch = rows.shape
        both = torch.stack((rows + 1, rows), dim=2)
        targets = self._voltages.index_select(0, both.flatten()).view(seeds, batch, 2, -1)
        stimulus = None
        if self._stimulus is not None:
            stimulus = self._stimulus.index_select(0, rows.flatten()).view(seeds, batch, -1)
        decoded, moments = self._network.forward(self._leaves, targets[:, :, 1], stimulus)
        with torch.no_grad():
            error = decoded.detach() - targets
            losses = error.square().mean(dim=(1, 3))
            error.mul_(2 / (batch * targets.shape[3]))
        gradients = torch.autograd.grad(decoded, list(self._leaves.values()), error)
        torch._foreach_copy_(self._gradients, gradients)  # what torch.optim itself uses
        if self._config.l1:
            self._optimizer.gradient.add_(self._tensors.parameters.sign(), alpha=self._config.l1)
        return losses, moments

    def _limit_gradient(self, losses: Tensor) -> Tensor:
        """Clip each seed's gradient, silence failed seeds; return the norms `[S]` before clipping.

        Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
        """
        gradient, limit = self._optimizer.gradient, self._config.gradient_clipping
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        self._tensors.failed.logical_or_(~torch.isfinite(norms + losses.sum(dim=1)))
        if limit is not None:
            gradient.mul_((limit / (norms + CLIPPING_EPSILON)).clamp_(max=1.0).unsqueeze(1))
        gradient.masked_fill_(self._tensors.failed.unsqueeze(1), 0.0)  # a product would keep NaN: NaN * 0 is NaN
        return norms

    def _update_running(self, moments: Moments) -> None:
        """Move the running statistics: from the prediction, then, in the decoder, from the reconstruction."""
        for group in range(2 if moments else 0):
            names = [name for name, moment in moments.items() if len(moment) > group]
            old = [self._running[name] for name in names]
            new = [moments[name][group] for name in names]
            torch._foreach_lerp_(old, new, BATCH_NORM_MOMENTUM)  # one call for all layers
