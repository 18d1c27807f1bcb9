"""The trainer: epochs in, per-seed metrics out; state in, state out."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.config import check_config, parse_config
from model.device.gpu_sampler import watch_gpu
from model.recording.recording import Recording, as_mapping, describe, from_mapping
from model.recording.split import PARTS
from model.training.fitting import find_misfits
from model.training.seed_group import SeedGroup

Metrics = Mapping[str, Sequence[float | None]]

MOST_FEATURES = 10_000
"""Rows of which `features` tells the latents: all validation rows of the published recording."""


class LatentEvolutionTrainer:
    """Trains the latent-evolution model for several seeds side by side.

    A seed gets the same initial weights and the same batches whoever its companions are.

    Args:
        config: Flat mapping of hyperparameters, see `TrainingConfig`.
        recording: A specification for `load_recording`, or an already loaded mapping with "voltages".
        seeds: S different numbers; every result is in this order.
        state: Per seed, what `state` returned; for all seeds or for none, all after the same epoch.
        clock: Seconds that only rise.

    Raises:
        ValueError: The configuration, the recording, the seeds or the state do not fit; the message says where.

    Example:
        >>> trainer = LatentEvolutionTrainer({"latent_dims": 16}, recording, seeds=[1, 12])   # epoch 0
        >>> for metrics in trainer.train(3): print(metrics["validation_loss"])               # epochs 1, 2, 3
        >>> print(trainer.evaluate()["test_loss"])
        >>> saved = trainer.state()                                                          # after epoch 3
        >>> list(LatentEvolutionTrainer(config, recording, [1, 12], saved).train(2))         # epochs 4, 5
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        parsed = parse_config(config)
        loaded = _load(recording)
        self._clock = clock
        self._group: SeedGroup | None = SeedGroup(parsed, loaded, seeds, state)
        self._gpu = watch_gpu(self._group.device)

    @staticmethod
    def prepare_recording(recording: Mapping[str, Any]) -> Mapping[str, Any]:
        """Load and check a recording once, so that trials can share it.

        Raises:
            ValueError: The specification or the data breaks a rule.
            OSError: The file cannot be read.
        """
        return as_mapping(_load(recording))

    @staticmethod
    def describe_recording(recording: Mapping[str, Any]) -> Sequence[str]:
        """Say in lines for people what was read, and then what about it they should look at."""
        return describe(_load(recording))

    @staticmethod
    def splits(recording: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the voltages `[rows, N]` of the rows for training, validation and test; nothing is copied.

        Args:
            recording: What `prepare_recording` returned.
        """
        loaded = _load(recording)
        return {part: loaded.voltages[slice(*getattr(loaded.split, part))] for part in PARTS}

    @staticmethod
    def check_config(config: Mapping[str, Any], recording: Mapping[str, Any] | None = None) -> Mapping[str, str]:
        """Say what is wrong with each mistaken key; empty when the configuration is fine.

        Args:
            config: Flat mapping of hyperparameters.
            recording: What `prepare_recording` returned, for what only it tells.
        """
        mistakes = check_config(config)
        return mistakes if mistakes or recording is None else find_misfits(parse_config(config), _load(recording))

    def train(self, epochs: int) -> Iterator[Metrics]:
        """Train and report after every epoch.

        Args:
            epochs: How many more.

        Yields:
            Metric name to one number per seed:

            - `train_loss`, `reconstruction_loss`: what is minimised, the mean squared errors of prediction and
              reconstruction or what `loss` has in their place, without penalties; mean over the epoch's batches.
              `train_loss` is None in epochs that only reconstruct;
            - `validation_loss`: mean squared error of the prediction `evolve_steps` ahead over the split, with the
              averaged weights when EMA is on;
            - `grad_norm`: before clipping, mean over steps; `learning_rate`: of the last step;
            - `iterations`: optimisation steps of the epoch;
            - `seconds`: wall-clock of training and validation, which all seeds share, so the same for each;
            - `samples_per_second`: of one seed;
            - `gpu_utilisation` (percent), `gpu_memory_mib`, `gpu_power_w`: None where there is nothing to ask.

            From the epoch in which a seed meets a non-finite loss or gradient, its losses and gradient norm are NaN.

        Raises:
            RuntimeError: The trainer is closed.
        """
        for remaining in range(epochs, 0, -1):
            metrics = self._train_one_epoch()
            seconds = metrics["seconds"][0] or 0.0
            self._require_group().consider_compiling(seconds * (remaining - 1))
            yield metrics

    def evaluate(self) -> Metrics:
        """Evaluate what has been trained so far, with the averaged weights when EMA is on.

        Returns:
            Metric name to one number per seed, NaN for a seed that met a non-finite loss:

            - `test_loss`: as `validation_loss`, on the test split.

            With `rollout_steps`, of roll-outs over the validation split, see `model.network.rollout`; and each once
            more with `_decoded` at its end, of roll-outs that go through decoder and encoder at every step:

            - `rollout_horizon`: the first step at which their mean squared error is no smaller than the constant
              model's; `rollout_steps` where that is the last or none. Higher is better;
            - `rollout_loss`: that error, mean over steps; not finite where they ran away;
            - `rollout_loss_to_interpolation`: that as a share of the error of a straight line from start to end;
            - `rollout_diverged`: 1 where any of them has an error that is not finite or beyond 100 times the variance
              of the split, and for a seed that met a non-finite loss, else 0.

            For each of the recording's `others` with `@NAME` at the end of the name: `validation_loss` and `test_loss`,
            and what is told of roll-outs, over the splits of that recording.

        Raises:
            RuntimeError: The trainer is closed.
        """
        group = self._require_group()
        return {"test_loss": group.evaluate("test").tolist(), **group.roll_out(), **group.evaluate_others()}

    @staticmethod
    def directions() -> Mapping[str, str]:
        """Say of which metrics higher values are better, of other recordings too."""
        return {"rollout_horizon": "maximize", "rollout_horizon_decoded": "maximize"}

    def rollout_errors(self) -> Mapping[str, Any]:
        """Compute the mean squared error of roll-outs at each of the J `rollout_steps`, mean over starts.

        Returns:
            `latent` and `decoded`: seed to float64 `[J]`, NaN for a seed that met a non-finite loss. `constant` and
            `interpolated`: `[J]`, of the constant model and of a straight line from start to end. Empty without
            `rollout_steps`.

        Raises:
            RuntimeError: The trainer is closed.
        """
        group = self._require_group()
        return {
            name: dict(zip(group.seeds, errors.unbind(), strict=True)) if errors.ndim == 2 else errors
            for name, errors in group.rollout_errors().items()
        }

    def features(self) -> Mapping[int, Any]:
        """Encode validation rows, with the averaged weights when EMA is on; what is trained on is not changed.

        Returns:
            Seed to latents, float32 `[rows, latent dims]` on the CPU, of all rows or of `MOST_FEATURES` at equal
            distances; NaN for a seed that met a non-finite loss.

        Raises:
            RuntimeError: The trainer is closed.
        """
        return self._require_group().latents("validation", MOST_FEATURES)

    def state(self) -> Mapping[int, Any]:
        """Copy what each seed needs to continue exactly; call it before, between or after epochs.

        Returns:
            Seed to nested dicts of numbers and CPU tensors that share no memory with each other or the trainer.
            `torch.load(weights_only=True)` reads what `torch.save` makes of it.
        """
        return self._require_group().state()

    def baseline(self) -> Mapping[str, float]:
        """Losses of the constant model `x[t+k] = x[t]`, k `evolve_steps`, by split, in roll-outs and on `others`."""
        return self._require_group().baseline()

    def profile(self, trace: Path) -> Mapping[str, Any]:
        """Time some steps of the seeds that go through a step together, and write what happened as a Chrome trace.

        Args:
            trace: The file to write.

        Returns:
            Figures by name, see `profile_steps` in `model.device.profiling`. The trainer has trained those steps: do
            not go on.
        """
        return self._require_group().profile(trace)

    def close(self) -> None:
        """Free the memory; idempotent."""
        if self._group is not None:
            self._group = None
            self._gpu.close()

    def _train_one_epoch(self) -> Metrics:
        group = self._require_group()
        started = self._clock()
        metrics: dict[str, Sequence[float | None]] = dict(group.train_epoch())
        seconds = self._clock() - started
        gpu = self._gpu.take()
        shared = {
            "learning_rate": group.learning_rate,
            "iterations": float(group.steps_per_epoch),
            "seconds": seconds,
            "samples_per_second": group.samples_per_epoch / seconds if seconds > 0 else None,
            "gpu_utilisation": gpu.utilisation_percent,
            "gpu_memory_mib": gpu.memory_mib,
            "gpu_power_w": gpu.power_w,
        }
        return metrics | {name: [value] * len(group.seeds) for name, value in shared.items()}

    def _require_group(self) -> SeedGroup:
        if self._group is None:
            raise RuntimeError("this trainer is closed")
        return self._group


def _load(recording: Mapping[str, Any]) -> Recording:
    """Take a recording in memory as it is; load what a specification describes."""
    if "voltages" in recording:
        return from_mapping(recording)
    from model.recording.loading import load_recording  # pydantic and SciPy, which a recording in memory does without

    return load_recording(recording)
