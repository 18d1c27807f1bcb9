"""Evaluation on other recordings of the same neurons: on their own splits, with their own baselines.

They take no memory of the device between evaluations: their rows are put there when they are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.device.placing import to_device
from model.device.precision import recording_type
from model.network.evaluate import constant_loss
from model.recording.recording import Recording
from model.training.lane import Lane
from model.training.rollouts import lay_course, rollout_baseline, rollout_metrics


@dataclass(frozen=True)
class OtherRecordings:
    """What a group of seeds is evaluated on beside the recording that it is trained on.

    Attributes:
        config: Hyperparameters.
        recordings: By name.
        device: Where the seeds are.
    """

    config: TrainingConfig
    recordings: Mapping[str, Recording]
    device: torch.device

    def metrics(self, lanes: Sequence[Lane]) -> dict[str, list[float]]:
        """Compute `validation_loss@NAME`, `test_loss@NAME` and metrics of roll-outs likewise, one number per seed."""
        found: dict[str, list[float]] = {}
        for name, split, voltages, stimulus in self._rows():
            losses = [lane.loss_on(voltages, stimulus) for lane in lanes]
            found[f"{split}_loss@{name}"] = torch.cat(losses).tolist()
            course = lay_course(self.config, voltages, stimulus, (0, len(voltages))) if split == "validation" else None
            if course is not None:
                found |= {f"{metric}@{name}": told for metric, told in rollout_metrics(lanes, course).items()}
        return found

    def baseline(self) -> dict[str, float]:
        """Compute what the constant model comes to on each recording, under the names of `metrics`."""
        found: dict[str, float] = {}
        for name, split, voltages, stimulus in self._rows():
            span = (0, len(voltages))
            found[f"{split}_loss@{name}"] = constant_loss(voltages, span, self.config.evolve_steps)
            course = lay_course(self.config, voltages, stimulus, span) if split == "validation" else None
            if course is not None:
                found |= {f"{metric}@{name}": told for metric, told in rollout_baseline(course).items()}
        return found

    def _rows(self) -> Iterator[tuple[str, str, Tensor, Tensor | None]]:
        """Give name, split, and voltages `[T, N]` and stimulus `[T, M]` of that split alone, on the device."""
        for name, recording in self.recordings.items():
            for split in ("validation", "test"):
                rows = slice(*getattr(recording.split, split))
                voltages = to_device(recording.voltages[rows], self.device).to(recording_type(self.config))
                light = recording.stimulus if self.config.use_stimulus else None
                yield name, split, voltages, None if light is None else to_device(light[rows], self.device)
