"""A group of seeds of one configuration: their tensors, their epochs, their state."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.evaluate import constant_loss, prediction_loss
from model.generators import draw_rows
from model.network import Network
from model.optim import SeedOptimizer
from model.recording import Recording
from model.schedule import averaging_weight_at, learning_rate_at
from model.seed_state import SeedState
from model.step import SeedTensors, StepInputs, TrainingStep


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
        samples_per_epoch: Time steps that one seed trains on in an epoch.
        learning_rate: Of the last step done.

    Raises:
        ValueError: Seeds repeat, the batch is larger than the split, the stimulus is missing, CUDA is missing, or
            the state is of another model, lacks a seed, or mixes epochs.
    """

    def __init__(
        self, config: TrainingConfig, recording: Recording, seeds: Sequence[int], state: Mapping[int, Any] | None
    ) -> None:
        _check_fit(config, recording, seeds)
        self.seeds = list(seeds)
        self.device = _choose_device(config.device)
        self._config = config
        self._spans = {name: getattr(recording.split, name) for name in ("train", "validation", "test")}
        self._voltages = _to_device(recording.voltages, self.device)
        self._stimulus = _to_device(recording.stimulus, self.device) if config.use_stimulus else None
        stimuli = 0 if self._stimulus is None else self._stimulus.shape[1]
        self._network = Network(config, self._voltages.shape[1], stimuli)
        first, last = self._spans["train"]
        self._steps_per_epoch = (last - first) // config.batch_size
        self.samples_per_epoch = self._steps_per_epoch * config.batch_size
        self.learning_rate = config.learning_rate
        self._restore(state)

    def train_epoch(self) -> dict[str, list[float]]:
        """Train one epoch and validate; the host waits for the device once, at the end.

        Returns:
            `train_loss`, `reconstruction_loss`, `validation_loss`, `grad_norm`, one number per seed; NaN for failed.
        """
        self._step.totals.zero_()
        for inputs in self._plan_epoch():
            self._step.run(inputs)
        self.epoch += 1
        means = self._step.totals / self._steps_per_epoch
        table = torch.cat((means, self._validated("validation").unsqueeze(0)))
        table = table.masked_fill(self._tensors.failed, torch.nan).cpu()
        names = ("train_loss", "reconstruction_loss", "grad_norm", "validation_loss")
        return dict(zip(names, table.tolist(), strict=True))

    def evaluate(self, split: str) -> Tensor:
        """Compute the one-step prediction loss `[S]` on a split, on the CPU; NaN for failed seeds."""
        return self._validated(split).masked_fill(self._tensors.failed, torch.nan).cpu()

    def baseline(self) -> dict[str, float]:
        """Compute the constant model's loss on each split."""
        return {f"{name}_loss": constant_loss(self._voltages, span) for name, span in self._spans.items()}

    def state(self) -> dict[int, dict[str, Any]]:
        """Copy each seed's state; see `SeedState`."""
        failed = self._tensors.failed.tolist()
        state = SeedState(self._network, self._tensors, self._optimizer.moments)
        counts = {"epoch": self.epoch, "step": self._steps_done}
        return {seed: {**counts, "failed": failed[row], **state.unpack(row)} for row, seed in enumerate(self.seeds)}

    def _restore(self, state: Mapping[int, Any] | None) -> None:
        """Set every tensor: from the seeds' generators, then, if there is a state, from that."""
        saved = _select_saved(self.seeds, state)
        self.epoch = saved[0]["epoch"] if saved else 0
        self._steps_done = saved[0]["step"] if saved else 0
        flat, running = (tensor.to(self.device) for tensor in self._network.initialise(self.seeds))
        average = (flat.clone(), running.clone()) if self._config.ema is not None else None
        failed = torch.zeros(len(self.seeds), dtype=torch.bool, device=self.device)
        self._tensors = SeedTensors(flat, running, failed, average)
        self._optimizer = SeedOptimizer(self._config, flat, self._steps_done)
        for row, one in enumerate(saved):
            SeedState(self._network, self._tensors, self._optimizer.moments).pack(row, one)
            failed[row] = one["failed"]
        self._step = TrainingStep(self._network, self._tensors, self._optimizer, self._voltages, self._stimulus)

    def _plan_epoch(self) -> list[StepInputs]:
        """Draw all batches of the coming epoch and put them, with the schedule, on the device."""
        steps, config = self._steps_per_epoch, self._config
        drawn = [draw_rows(seed, self.epoch, self._spans["train"], steps, config.batch_size) for seed in self.seeds]
        numbers = range(self._steps_done, self._steps_done + steps)
        rates = [learning_rate_at(config, number, steps) for number in numbers]
        weights = [0.0 if config.ema is None else averaging_weight_at(config.ema, number) for number in numbers]
        self._steps_done += steps
        self.learning_rate = rates[-1]
        rows = torch.stack(drawn, dim=1).to(self.device)
        schedule = torch.tensor([rates, weights], device=self.device)
        return [StepInputs(*inputs) for inputs in zip(rows, schedule[0], schedule[1], strict=True)]

    def _validated(self, split: str) -> Tensor:
        weights = self._tensors.evaluated()
        return prediction_loss(self._network, weights, self._voltages, self._stimulus, self._spans[split])


def _check_fit(config: TrainingConfig, recording: Recording, seeds: Sequence[int]) -> None:
    """Check what neither the configuration nor the recording can know alone."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: must be at least one number and all different, got {list(seeds)}")
    first, last = recording.split.train
    if config.batch_size > last - first:
        raise ValueError(f"batch_size: must be at most the {last - first} training rows, got {config.batch_size}")
    if config.use_stimulus and recording.stimulus is None:
        raise ValueError(f"use_stimulus: is true, but the recording {recording.source} has no stimulus")


def _choose_device(wanted: str) -> torch.device:
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ValueError("device: is cuda, but PyTorch finds no usable GPU; use auto or cpu")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def _to_device(array: Any, device: torch.device) -> Tensor:
    """Wrap an array without copying it on the CPU; it may be read-only, nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)


def _select_saved(seeds: Sequence[int], state: Mapping[int, Any] | None) -> list[Mapping[str, Any]]:
    """Pick the seeds' states in order; an empty list means a fresh start."""
    if not state:
        return []
    missing = [seed for seed in seeds if seed not in state]
    if missing:
        raise ValueError(f"state: has no seed {missing}; continue all seeds or none")
    epochs = {seed: state[seed]["epoch"] for seed in seeds}
    if len(set(epochs.values())) > 1:
        raise ValueError(f"state: seeds must have done the same number of epochs, got {epochs}")
    return [state[seed] for seed in seeds]
