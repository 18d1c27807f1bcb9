"""One optimisation step for S seeds, without a single wait for the device.

Everything that changes from step to step comes in as a tensor (`StepInputs`), everything that a step reports is added
to tensors that stay on the device, and no Python value depends on a result. So the same `run` serves eager
execution, a compiler and a CUDA graph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.device.compiling import Compiled
from model.device.precision import product_type
from model.network.network import Network
from model.network.norm import Moments
from model.network.outer import Workspace
from model.network.passes import Passes
from model.training.optim import SeedOptimizer

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
        workspace: May be shared with steps that run at another time.
        reconstruction_only: Only encoder and decoder are trained, to reconstruct.

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
        *,
        workspace: Workspace | None = None,
        reconstruction_only: bool = False,
    ) -> None:
        self._config: TrainingConfig = network.config
        self._tensors = tensors
        self._optimizer = optimizer
        precision = product_type(network.config, tensors.parameters)
        self._passes = Passes(
            network,
            tensors.parameters,
            optimizer.gradient,
            voltages,
            stimulus,
            product_type=precision,
            workspace=workspace or Workspace(),
            reconstruction_only=reconstruction_only,
        )
        self._forward_backward: Callable[[Tensor], tuple[Tensor, Moments]] = self._passes.run
        self._running = network.statistics.views(tensors.running)
        self._penalties = _find_penalties(network)
        resting = [part for part in network.parts if part not in {"encoder", "decoder"}] if reconstruction_only else []
        self._resting = [network.parameters.span(part) for part in resting]
        self._failed_at_hand = None if tensors.failed.is_cuda else tensors.failed.numpy()
        self.totals = torch.zeros(3, len(tensors.failed), dtype=torch.float64, device=voltages.device)

    def compile(self) -> None:
        """Compile forward and backward from the next step on."""
        self._forward_backward = Compiled(self._passes.run)

    def run_on(self, rows: Tensor, learning_rate: Tensor, averaging_weight: Tensor) -> Tensor:
        """Do one step from plain tensors and return `totals`: the form that a CUDA graph captures."""
        self.run(StepInputs(rows, learning_rate, averaging_weight))
        return self.totals

    def run(self, inputs: StepInputs) -> None:
        """Do one step; a seed that has failed gets a zero gradient, its companions never notice."""
        self._optimizer.learning_rate.copy_(inputs.learning_rate)
        with torch.no_grad():
            losses, moments = self._forward_backward(inputs.rows)
            for span, weight in self._penalties:
                self._optimizer.gradient[:, span].add_(self._tensors.parameters[:, span].sign(), alpha=weight)
            for span in self._resting:
                self._optimizer.gradient[:, span].zero_()
            norms = self._limit_gradient(losses)
            self._update()
            _update_running(self._running, moments)
            if self._tensors.average is not None:
                live = (self._tensors.parameters, self._tensors.running)
                for average, newest in zip(self._tensors.average, live, strict=True):
                    average.lerp_(newest, inputs.averaging_weight)
            self.totals += torch.stack((losses[:, 0], losses[:, 1], norms))

    def _update(self) -> None:
        """Let the optimizer step, which decays weights without a gradient too: those of resting parts are put back."""
        parameters = self._tensors.parameters
        kept = [parameters[:, span].clone() for span in self._resting]
        self._optimizer.step()
        for span, values in zip(self._resting, kept, strict=True):
            parameters[:, span] = values

    def _limit_gradient(self, losses: Tensor) -> Tensor:
        """Clip each seed's gradient, silence failed seeds; return the norms `[S]` before clipping.

        Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
        """
        gradient, limit = self._optimizer.gradient, self._config.gradient_clipping
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        self._tensors.failed.logical_or_(~torch.isfinite(norms + losses.sum(dim=1)))
        if limit is not None:
            gradient.mul_((limit / (norms + CLIPPING_EPSILON)).clamp_(max=1.0).unsqueeze(1))
        if self._must_mask():
            gradient.masked_fill_(self._tensors.failed.unsqueeze(1), 0.0)  # a product would keep NaN: NaN * 0 is NaN
        return norms

    def _must_mask(self) -> bool:
        """On a CPU the flags lie at hand, and the pass over the gradient is saved while no seed has failed."""
        return self._failed_at_hand is None or bool(self._failed_at_hand.any())


def _find_penalties(network: Network) -> list[tuple[slice, float]]:
    """Give stretches of the parameters and the weight of each |p| in them.

    `l1` weighs the sum over all parameters, `encoder_l1` and the like the mean over those of a part.

    Source: Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso"; the derivative of |p| is its sign.
    """
    config, layout = network.config, network.parameters
    found = [(slice(None), config.l1)] if config.l1 else []
    return found + [
        (layout.span(part), weight / layout.count(part)) for part, weight in config.part_l1.items() if weight
    ]


def _update_running(running: dict[str, Tensor], moments: Moments) -> None:
    """Move the running statistics: of each step or prediction, then, in the decoder, from the reconstruction."""
    for group in range(max(map(len, moments.values()), default=0)):
        names = [name for name, moment in moments.items() if len(moment) > group]
        old = [running[name] for name in names]
        new = [moments[name][group] for name in names]
        torch._foreach_lerp_(old, new, BATCH_NORM_MOMENTUM)  # one call for all layers
