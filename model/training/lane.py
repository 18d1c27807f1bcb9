"""Seeds that go through every step together."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from model.device.cost import count_flops
from model.device.cuda_graph import Captured
from model.device.precision import product_type
from model.network.evaluate import latents, prediction_loss
from model.network.network import Network
from model.network.outer import Workspace
from model.network.rollout import Course, roll_out
from model.training.optim import SeedOptimizer
from model.training.seed_state import SeedState
from model.training.step import SeedTensors, StepInputs, TrainingStep

TOGETHER_FLOPS = 0.75e9  # of a step, all its seeds: about 5 ms of one core; measured, see docs/speed.md


class Lane:
    """Tensors, optimizer and step of some seeds.

    Args:
        network: The model's shape.
        seeds: Of this lane.
        steps_done: By the optimizer of each of them.
        voltages: `[T, N]` on the device.
        stimulus: `[T, M]` on the device when the evolver sees it, else None.
        workspace: Shared by lanes, which run one after another.
        reconstruct_first: Epochs that only reconstruct are still to come.

    Attributes:
        tensors: All that training changes.
        state: Rows in and out, in the order of the seeds.
    """

    def __init__(
        self,
        network: Network,
        seeds: Sequence[int],
        steps_done: int,
        voltages: Tensor,
        stimulus: Tensor | None,
        *,
        workspace: Workspace,
        reconstruct_first: bool = False,
    ) -> None:
        device, config = voltages.device, network.config
        flat, running = (tensor.to(device) for tensor in network.initialise(seeds))
        average = (flat.clone(), running.clone()) if config.ema is not None else None
        failed = torch.zeros(len(seeds), dtype=torch.bool, device=device)
        self.tensors = SeedTensors(flat, running, failed, average)
        self._data = (voltages, stimulus)
        self._network = network
        self._optimizer = SeedOptimizer(config, flat, steps_done)
        self.state = SeedState(network, self.tensors, self._optimizer.moments)
        # By whether a step only reconstructs.
        given = (network, self.tensors, self._optimizer, voltages, stimulus)
        self._steps = {
            only: TrainingStep(*given, workspace=workspace, reconstruction_only=only)
            for only in ((False, True) if reconstruct_first else (False,))
        }
        self._runs = {only: Captured(step.run_on, device) for only, step in self._steps.items()}
        self._evaluations: dict[tuple[int, int], Captured] = {}

    def train(self, plan: Sequence[StepInputs], *, reconstruction_only: bool = False) -> Tensor:
        """Do some steps; return prediction loss, reconstruction loss and gradient norm `[3, S]`, means over them."""
        step, run = self._steps[reconstruction_only], self._runs[reconstruction_only]
        step.totals.zero_()
        for inputs in plan:
            run(*inputs)
        return step.totals / len(plan)

    def end_reconstruction(self) -> None:
        """Train all parts from now on, with an optimizer that starts anew; free what only reconstruction needed."""
        self._optimizer.restart()
        for of_steps in (self._steps, self._runs):
            of_steps.pop(True, None)

    def loss(self, span: tuple[int, int]) -> Tensor:
        """Compute the prediction loss `[S]` over a split."""
        if span not in self._evaluations:
            # Not of self: a cycle would keep the recording on the device until Python looks for cycles.
            evaluate = partial(_evaluate, self._network, self.tensors, self._data, span)
            self._evaluations[span] = Captured(evaluate, self._data[0].device)
        return self._evaluations[span]()

    def loss_on(self, voltages: Tensor, stimulus: Tensor | None) -> Tensor:
        """Compute the prediction loss `[S]` over all of some other rows `[T, N]`; NaN for failed seeds."""
        losses = _evaluate(self._network, self.tensors, (voltages, stimulus), (0, len(voltages)))
        return losses.masked_fill(self.tensors.failed, torch.nan)

    def latents(self, span: tuple[int, int], most: int) -> Tensor:
        """Compute the latents `[S, rows, L]` of so many rows of a split at most, on the CPU."""
        precision = product_type(self._network.config, self.tensors.parameters)
        weights, voltages = self.tensors.evaluated(), self._data[0]
        return latents(self._network, weights, voltages, span, most=most, product_type=precision)

    def roll_out(self, course: Course, *, through_voltages: bool) -> Tensor:
        """Compute the errors `[S, R, J]` of roll-outs, see `model.network.rollout`."""
        precision = product_type(self._network.config, self.tensors.parameters)
        weights = self.tensors.evaluated()
        return roll_out(self._network, weights, course, through_voltages=through_voltages, product_type=precision)

    def compile(self) -> None:
        """Compile forward and backward, and capture anew."""
        for step in self._steps.values():
            step.compile()
        for run in self._runs.values():
            run.forget()


def _evaluate(
    network: Network, tensors: SeedTensors, data: tuple[Tensor, Tensor | None], span: tuple[int, int]
) -> Tensor:
    precision = product_type(network.config, tensors.parameters)
    return prediction_loss(network, tensors.evaluated(), *data, span, product_type=precision)


def split_into_lanes(seeds: Sequence[int], network: Network, device: torch.device) -> list[list[int]]:
    """Say which seeds go through a step together.

    A GPU takes all of them. On a CPU together pays while the arithmetic of a seed is small against the cost of
    starting it; beyond, more seeds only push each other out of the cache, so lanes train one after another, epoch by
    epoch, each as fast as alone. The rule reads nothing but sizes and the kind of device: it is the same every time,
    and no result depends on it beyond rounding.
    """
    together = len(seeds)
    if device.type == "cpu":
        together = max(1, int(TOGETHER_FLOPS / count_flops(network, network.config.batch_size)))
    return [list(seeds[start : start + together]) for start in range(0, len(seeds), together)]
