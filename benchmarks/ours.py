"""Our training step as the benchmarks run it: some seeds, step after step, without validation."""

from typing import Any

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.device.precision import numerics
from model.network.generators import draw_rows
from model.network.network import Network
from model.network.outer import Workspace
from model.training.lane import Lane, split_into_lanes
from model.training.step import StepInputs

LEARNING_RATE = 1e-3
PLANNED_STEPS = 32  # drawn in advance; then the same batches come again


def draw_batches(seeds: int, voltages: Tensor, batch_size: int, *, horizon: int = 1) -> Tensor:
    """Draw the batches of seeds 0 to S - 1: int64 `[steps, S, B]`, the time steps t, on the CPU."""
    span, sizes = (0, len(voltages)), (PLANNED_STEPS, batch_size)
    return torch.stack([draw_rows(seed, 0, span, *sizes, horizon=horizon) for seed in range(seeds)], dim=1)


class OurTraining:
    """S seeds on our step, lane by lane as in an epoch.

    Args:
        voltages: `[T, N]` on the device.
        batch_size: B.
        seeds: S.
        stimulus: `[T, M]` on the device, None where the evolver does not see it.
        together: Seeds per lane; None: as a training has them.
        settings: Of `TrainingConfig`.
    """

    def __init__(
        self,
        voltages: Tensor,
        batch_size: int,
        seeds: int,
        *,
        stimulus: Tensor | None = None,
        together: int | None = None,
        **settings: Any,
    ) -> None:
        self.config = TrainingConfig(batch_size=batch_size, **settings)
        self._device = voltages.device
        recording = voltages.bfloat16() if self.config.recording_precision == "bfloat16" else voltages
        stimuli, workspace = 0 if stimulus is None else stimulus.shape[1], Workspace()
        network = Network(self.config, voltages.shape[1], stimuli)
        lanes = split_into_lanes(range(seeds), network, voltages.device)
        if together is not None:
            lanes = [list(range(seeds))[start : start + together] for start in range(0, seeds, together)]
        self.lanes = [Lane(network, lane, 0, recording, stimulus, workspace=workspace) for lane in lanes]
        rate, weight = (torch.tensor(value, device=self._device) for value in (LEARNING_RATE, 0.0))
        batches = draw_batches(seeds, voltages, batch_size, horizon=self.config.horizon).to(self._device)
        self._plans = [[StepInputs(rows, rate, weight) for rows in batches[:, lane]] for lane in lanes]
        if self.config.compile == "on":
            for one in self.lanes:
                one.compile()

    def run(self, steps: int) -> Tensor:
        """Do some steps of every seed.

        Returns:
            Prediction loss, reconstruction loss and gradient norm, means over the steps, float64 `[3, S]`.
        """
        with numerics(self.config, self._device):
            found = [
                lane.train([plan[i % len(plan)] for i in range(steps)])
                for lane, plan in zip(self.lanes, self._plans, strict=True)
            ]
        return torch.cat(found, dim=1)
