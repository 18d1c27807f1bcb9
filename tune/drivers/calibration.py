"""One short run of a study's trainer, and what it took of its GPU: memory and time, asked of NVML.

Without a GPU, or where NVML does not answer, nothing is known of it: never invented.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from threading import Event, Thread
from typing import Any

from tune.drivers.config_checks import middle
from tune.drivers.process_state import limit_threads
from tune.errors import UserMistake
from tune.gpus import Gpu, Sample, gpu_called, visible_gpus
from tune.study.node import for_trainer
from tune.study.sections import OTHER_BUDGETS
from tune.study.study import Study
from tune.trainer import Trainer, TrainerClass

_SAMPLE_S = 0.1
_LONG_ENOUGH_S = 3.0  # NVML averages utilisation over 1/6 to 1 s
_EPOCHS = 3


@dataclass(frozen=True)
class Measured:
    """What a short run took.

    Attributes:
        epoch_s: Of the seeds together, the first epoch left out; nan where there was only one.
        peak_bytes: The most GPU memory that its process held; 0 when it used no GPU.
        room_bytes: What the GPU had for this process and others like it: all but what strangers hold.
        utilisation: Share of the time in which the GPU ran a kernel, 0 to 1; None where it is not told.
    """

    epoch_s: float
    peak_bytes: int = 0
    room_bytes: int = 0
    utilisation: float | None = None


def short_run(
    trainer: TrainerClass, study: Study, recording: Mapping[str, Any], seeds: Sequence[int], gpu: Gpu | None = None
) -> Measured:
    """Trains the middle configuration and throws it away: two epochs; with a GPU three, and 3 s of them, as a trial.

    Of a study whose full training is one epoch it trains that, for there may be no second.

    Args:
        trainer: The class.
        study: The study.
        recording: What the trainer is given.
        seeds: Which train together.
        gpu: Where this process trains.

    Raises:
        Exception: Whatever the trainer raises.
    """
    limit_threads(study.resources.threads)
    configuration = for_trainer({**study.fixed, **middle(study, trainer, recording)})
    before, cold = gpu.sample() if gpu else None, [0]
    if gpu is None or before is None:
        return Measured(_timed(trainer(configuration, recording, list(seeds)), min(2, study.top.epochs)))
    with _watched(gpu) as samples:
        # As many epochs as a trial is asked for: how many are left may decide what is compiled.
        epochs = max(_EPOCHS, study.top.epochs) if study.top.epochs > 1 else 1
        tried = trainer(configuration, recording, list(seeds))
        epoch_s = _timed(tried, epochs, lambda: cold.append(len(samples)))
    used = [one.utilisation for one in samples[cold[-1] :] if one.utilisation is not None]
    strangers = before.used_bytes - (before.own_bytes or 0)
    return Measured(
        epoch_s,
        max((_held(one, strangers) for one in samples), default=0),
        gpu.total_bytes - strangers,
        fmean(used) if used else None,
    )


def _held(sample: Sample, strangers: int) -> int:
    return max(0, sample.used_bytes - strangers) if sample.own_bytes is None else sample.own_bytes


def _timed(tried: Trainer, epochs: int, warm: Callable[[], None] | None = None) -> float:
    """Trains until it was long enough; returns the mean seconds of an epoch after the first, which warms up.

    Where there is only one, it is that one's.

    Args:
        tried: The trainer; it is closed.
        epochs: At most.
        warm: Called after the first epoch; None: all epochs are trained.
    """
    try:
        begun, ends = time.perf_counter(), []
        for _ in tried.train(epochs):
            ends.append(time.perf_counter())
            if warm is not None and len(ends) == 1:
                warm()
            if warm is not None and len(ends) >= _EPOCHS and ends[-1] - ends[0] >= _LONG_ENOUGH_S:
                break
    finally:
        tried.close()
    if epochs == 1 and ends:
        return ends[0] - begun
    return (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else float("nan")


@contextmanager
def _watched(gpu: Gpu) -> Iterator[list[Sample]]:
    """Samples a GPU in a thread; the last sample is of the end."""
    samples: list[Sample] = []
    over = Event()

    def look() -> None:
        if (sample := gpu.sample()) is not None:
            samples.append(sample)

    def watch() -> None:
        while not over.wait(_SAMPLE_S):
            look()

    thread = Thread(target=watch, name="gpu-watch", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        look()
        over.set()
        thread.join()


def refuse_unused_gpu_hours(study: Study, gpus: int) -> None:
    """Raises where `auto` means no GPU, and the budget is of GPU-hours or their money, which would never be used.

    Raises:
        UserMistake: If it is so.
    """
    for key in ("gpu_hours", "money"):
        limit = getattr(study.budget, key)
        if limit is not None and study.resources.gpus_per_trial == "auto" and not gpus:
            raise UserMistake(
                f"budget.{key}: {limit:g} would never be used, because resources.gpus_per_trial is auto and there "
                f"is no GPU here that trials use; {OTHER_BUDGETS}"
            )


def gpus_of_one(study: Study) -> float:
    """Returns how many GPUs a trial holds that trains in this process, where it has what there is to itself."""
    if study.resources.gpus_per_trial != "auto":
        return study.resources.gpus
    return 1.0 if visible_gpus() else 0.0


def own_gpu() -> Gpu | None:
    """Returns the GPU on which this process trains; None where there is none, or NVML does not answer."""
    import torch

    if torch.cuda.is_available():  # by UUID: CUDA and NVML need not count alike
        return gpu_called(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
    return next(iter(visible_gpus()), None)
