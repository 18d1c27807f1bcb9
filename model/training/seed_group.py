"""A group of seeds of one configuration: their tensors, their epochs, their state."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.device.compiling import pays
from model.device.placing import choose_device, to_device
from model.device.precision import numerics, recording_type
from model.device.profiling import profile_steps
from model.network.evaluate import constant_loss
from model.network.generators import draw_rows
from model.network.network import Network
from model.network.outer import Workspace
from model.recording.recording import Recording
from model.training.fitting import check_fit
from model.training.lane import Lane, split_into_lanes
from model.training.others import OtherRecordings
from model.training.rollouts import WAYS, lay_course, rollout_baseline, rollout_errors, rollout_metrics
from model.training.schedule import averaging_weight_at, learning_rate_at
from model.training.step import StepInputs


class SeedGroup:
    """Trains S seeds together on one device.

    Args:
        config: Hyperparameters.
        recording: Voltages, stimulus and split.
        seeds: S different numbers.
        state: Per seed, what `state` returned, or None to start from epoch 0.

    Attributes:
        seeds: In the order of every result.
        device: Where the tensors are.
        epoch: Epochs done.
        steps_per_epoch: Optimisation steps of an epoch.
        samples_per_epoch: Time steps that one seed trains on in an epoch.
        learning_rate: Of the last step done.

    Raises:
        ValueError: Seeds repeat, the batch is larger than the split, the stimulus is missing, CUDA is missing, or
            the state is of another model, lacks a seed, or mixes epochs.
    """

    def __init__(
        self, config: TrainingConfig, recording: Recording, seeds: Sequence[int], state: Mapping[int, Any] | None
    ) -> None:
        check_fit(config, recording, seeds)
        self.seeds = list(seeds)
        self.device = choose_device(config.device)
        self._config = config
        self._spans = {name: getattr(recording.split, name) for name in ("train", "validation", "test")}
        self._voltages = to_device(recording.voltages, self.device).to(recording_type(config))
        stimulus = to_device(recording.stimulus, self.device) if config.use_stimulus else None
        self._course = lay_course(config, self._voltages, stimulus, self._spans["validation"])
        self._others = OtherRecordings(config, recording.others, self.device)
        first, last = self._spans["train"]
        self.steps_per_epoch = (last - first) // config.batch_size
        self.samples_per_epoch = self.steps_per_epoch * config.batch_size
        self.learning_rate = config.learning_rate
        self._network = Network(config, self._voltages.shape[1], 0 if stimulus is None else stimulus.shape[1])
        self._restore(stimulus, state)
        self._compiled = False
        self.consider_compiling(0.0)

    def train_epoch(self) -> dict[str, Sequence[float | None]]:
        """Train one epoch and validate; the host waits for the device once, at the end.

        Returns:
            `train_loss`, `reconstruction_loss`, `validation_loss`, `grad_norm`, one number per seed; NaN for failed.
            `train_loss` is None in an epoch that only reconstructs.
        """
        schedule, tables = self._plan_schedule(), []
        only = self._reconstructs()
        if self.epoch == self._config.reconstruction_warmup_epochs > 0:
            for lane in self._lanes:
                lane.end_reconstruction()
        with numerics(self._config, self.device):
            for lane, seeds in zip(self._lanes, self._lane_seeds, strict=True):
                means = lane.train(self._plan_lane(seeds, schedule), reconstruction_only=only)
                table = torch.cat((means, lane.loss(self._spans["validation"]).unsqueeze(0)))
                tables.append(table.masked_fill(lane.tensors.failed, torch.nan))
        self.epoch += 1
        self._steps_done += self.steps_per_epoch
        names = ("train_loss", "reconstruction_loss", "grad_norm", "validation_loss")
        metrics = dict(zip(names, torch.cat(tables, dim=1).cpu().tolist(), strict=True))
        return metrics | ({"train_loss": [None] * len(self.seeds)} if only else {})

    def evaluate(self, split: str) -> Tensor:
        """Compute the prediction loss `[S]` on a split, on the CPU; NaN for failed seeds."""
        span = self._spans[split]
        with numerics(self._config, self.device):
            losses = [lane.loss(span).masked_fill(lane.tensors.failed, torch.nan) for lane in self._lanes]
        return torch.cat(losses).cpu()

    def roll_out(self) -> dict[str, list[float]]:
        """Roll out over the validation split; metrics by name, one number per seed, none without `rollout_steps`."""
        if self._course is None:
            return {}
        with numerics(self._config, self.device):
            return rollout_metrics(self._lanes, self._course)

    def evaluate_others(self) -> dict[str, list[float]]:
        """Evaluate on the other recordings; metrics by name, one number per seed, see `OtherRecordings`."""
        with numerics(self._config, self.device):
            return self._others.metrics(self._lanes)

    def rollout_errors(self) -> dict[str, Tensor]:
        """Compute errors of roll-outs by step, mean over starts, float64 on the CPU; none without `rollout_steps`.

        Returns:
            `latent` and `decoded` `[S, J]`, NaN for failed seeds; `constant` and `interpolated` `[J]`.
        """
        course = self._course
        if course is None:
            return {}
        with numerics(self._config, self.device):
            names = zip(("latent", "decoded"), WAYS.values(), strict=True)
            found = {name: rollout_errors(self._lanes, course, through_voltages=way) for name, way in names}
            plain = {"constant": course.constant, "interpolated": course.interpolated}
            return found | {name: errors.mean(dim=0).cpu() for name, errors in plain.items()}

    def latents(self, split: str, most: int) -> dict[int, Tensor]:
        """Compute each seed's latents `[rows, L]` of a split, of so many rows at most, on the CPU; NaN for failed."""
        found: dict[int, Tensor] = {}
        with numerics(self._config, self.device):
            for lane, seeds in zip(self._lanes, self._lane_seeds, strict=True):
                failed = lane.tensors.failed.cpu()[:, None, None]
                of_lane = lane.latents(self._spans[split], most).masked_fill_(failed, torch.nan)
                found.update(zip(seeds, of_lane.unbind(), strict=True))
        return found

    def profile(self, trace: Path) -> dict[str, Any]:
        """Time some steps of the first lane, which are then part of its training; see `model.device.profiling`."""
        lane, seeds = self._lanes[0], self._lane_seeds[0]
        plan = self._plan_lane(seeds, self._plan_schedule())
        with numerics(self._config, self.device):
            return profile_steps(lambda count: lane.train((plan * count)[:count]), self._network, len(seeds), trace)

    def consider_compiling(self, remaining_s: float) -> None:
        """Compile, once, if that pays for a training that would take so many more seconds."""
        if not self._compiled and pays(self._config, self.device, remaining_s):
            self._compiled = True
            for lane in self._lanes:
                lane.compile()

    def baseline(self) -> dict[str, float]:
        """Compute the constant model's loss on each split, in roll-outs, and on other recordings."""
        losses = {
            f"{name}_loss": constant_loss(self._voltages, span, self._config.evolve_steps)
            for name, span in self._spans.items()
        }
        rolled = {} if self._course is None else rollout_baseline(self._course)
        return losses | rolled | self._others.baseline()

    def state(self) -> dict[int, dict[str, Any]]:
        """Copy each seed's state; see `SeedState`."""
        found = {}
        for lane, seeds in zip(self._lanes, self._lane_seeds, strict=True):
            failed = lane.tensors.failed.tolist()
            for row, seed in enumerate(seeds):
                counts = {"epoch": self.epoch, "step": self._steps_done, "failed": failed[row]}
                found[seed] = {**counts, **lane.state.unpack(row)}
        return found

    def _restore(self, stimulus: Tensor | None, state: Mapping[int, Any] | None) -> None:
        """Set every tensor: from the seeds' generators, then, if there is a state, from that."""
        saved = _select_saved(self.seeds, state)
        self.epoch = saved[self.seeds[0]]["epoch"] if saved else 0
        self._steps_done = saved[self.seeds[0]]["step"] if saved else 0
        self._lane_seeds = split_into_lanes(self.seeds, self._network, self.device)
        workspace, first = Workspace(), self._reconstructs()
        steps = self._steps_done
        if self.epoch > self._config.reconstruction_warmup_epochs:  # after which the optimizer started anew
            steps -= self._config.reconstruction_warmup_epochs * self.steps_per_epoch
        given = (self._voltages, stimulus)
        self._lanes = [
            Lane(self._network, seeds, steps, *given, workspace=workspace, reconstruct_first=first)
            for seeds in self._lane_seeds
        ]
        for lane, seeds in zip(self._lanes, self._lane_seeds, strict=True):
            for row, seed in enumerate(seeds if saved else []):
                lane.state.pack(row, saved[seed])
                lane.tensors.failed[row] = saved[seed]["failed"]

    def _reconstructs(self) -> bool:
        """Say whether the coming epoch trains encoder and decoder alone."""
        return self.epoch < self._config.reconstruction_warmup_epochs

    def _plan_schedule(self) -> Tensor:
        """Learning rate and averaging weight of the coming epoch's steps, `[2, steps]` on the device."""
        config, steps = self._config, self.steps_per_epoch
        numbers = range(self._steps_done, self._steps_done + steps)
        rates = [learning_rate_at(config, number, steps) for number in numbers]
        weights = [0.0 if config.ema is None else averaging_weight_at(config.ema, number) for number in numbers]
        self.learning_rate = rates[-1]
        return torch.tensor([rates, weights], device=self.device)

    def _plan_lane(self, seeds: Sequence[int], schedule: Tensor) -> list[StepInputs]:
        """Draw all batches of the coming epoch and put them on the device."""
        config, train = self._config, self._spans["train"]
        sizes = (self.steps_per_epoch, config.batch_size)
        drawn = [draw_rows(seed, self.epoch, train, *sizes, horizon=config.horizon) for seed in seeds]
        rows = torch.stack(drawn, dim=1).to(self.device)
        return [StepInputs(*inputs) for inputs in zip(rows, schedule[0], schedule[1], strict=True)]


def _select_saved(seeds: Sequence[int], state: Mapping[int, Any] | None) -> Mapping[int, Mapping[str, Any]]:
    """Check that a state fits the seeds; an empty one means a fresh start."""
    if not state:
        return {}
    missing = [seed for seed in seeds if seed not in state]
    if missing:
        raise ValueError(f"state: has no seed {missing}; continue all seeds or none")
    epochs = {seed: state[seed]["epoch"] for seed in seeds}
    if len(set(epochs.values())) > 1:
        raise ValueError(f"state: seeds must have done the same number of epochs, got {epochs}")
    return state
