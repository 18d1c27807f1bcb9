"""Roll-outs of all seeds of a group: their errors step by step, and the metrics that are told of them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.network.rollout import Course, summarise
from model.training.lane import Lane

WAYS: Mapping[str, bool] = {"": False, "_decoded": True}
"""How a metric's name ends to whether its roll-outs go through voltages."""


def lay_course(
    config: TrainingConfig, voltages: Tensor, stimulus: Tensor | None, span: tuple[int, int]
) -> Course | None:
    """Say where a configuration's roll-outs begin in a split and how far they go; None where there are to be none."""
    if config.rollout_steps == 0:
        return None
    return Course(voltages, stimulus, span, config.rollout_steps, config.rollout_starts, config.evolve_steps)


def rollout_errors(lanes: Sequence[Lane], course: Course, *, through_voltages: bool) -> Tensor:
    """Compute each seed's errors, mean over starts, float64 `[S, J]` on the CPU; NaN for failed seeds."""
    return torch.cat([_errors(lane, course, through_voltages=through_voltages).mean(dim=1) for lane in lanes]).cpu()


def rollout_metrics(lanes: Sequence[Lane], course: Course) -> dict[str, list[float]]:
    """Compute the metrics, one number per seed; of a failed seed all are NaN but those that say so."""
    metrics: dict[str, list[float]] = {}
    for ending, through_voltages in WAYS.items():
        for lane in lanes:
            found = summarise(_errors(lane, course, through_voltages=through_voltages), course)
            failed = lane.tensors.failed
            for name, values in found.items():
                told = values if name == "diverged" else values.masked_fill(failed, torch.nan)
                metrics.setdefault(f"rollout_{name}{ending}", []).extend(told.tolist())
    return metrics


def rollout_baseline(course: Course) -> dict[str, float]:
    """Compute what the constant model comes to: it is no better than itself from the first step on."""
    loss = course.constant.mean()
    of_one = {"rollout_horizon": 1.0, "rollout_loss": float(loss)}
    if course.steps > 1:
        of_one["rollout_loss_to_interpolation"] = float(loss / course.interpolated.mean())
    return {f"{name}{ending}": value for ending in WAYS for name, value in of_one.items()}


def _errors(lane: Lane, course: Course, *, through_voltages: bool) -> Tensor:
    errors = lane.roll_out(course, through_voltages=through_voltages)
    return errors.masked_fill(lane.tensors.failed[:, None, None], torch.nan)
