"""What a study is expected to take, as plain data: the estimate of a check, and what less and more would cost."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Literal
from zlib import crc32

from tune.drivers.calibration import gpus_of_one
from tune.drivers.config_checks import config_check
from tune.drivers.estimate.overheads import measured
from tune.drivers.estimate.play import Setup
from tune.drivers.estimate.study_estimate import Estimate, Interval, options
from tune.scoring.check.measured import Probed
from tune.study.study import Study
from tune.trainer import TrainerClass, hook

_SAME = "the same"


def expected(
    study: Study,
    trainer: TrainerClass,
    recording: Mapping[str, Any],
    probed: Sequence[Probed],
    *,
    driver: Literal["inline", "ray"],
    slots: int,
    cluster: bool,
    seconds: float,
) -> dict[str, Any] | None:
    """Returns what a study is expected to take, see `tune.drivers.estimate`; None where nothing has trained.

    Args:
        study: The study.
        trainer: Its class.
        recording: As prepared.
        probed: The short trainings of it.
        driver: On which it is going to run.
        slots: How many trials train at once.
        cluster: Whether on other machines than this.
        seconds: How long to play it.

    Returns:
        By name `[low, median, high]`, an 80 % interval: wall_clock_s, seed_epochs, trials, confirmed, disk_bytes,
        gpu_hours; energy_kwh and money, None where they are not known. `plays` and `scaled` say on what it rests;
        `options` has the same of a third of the budget and of three times as much.
    """
    trained = [one for one in probed if one.epochs]
    if not trained or probed[0].died:
        return None
    begins_again = hook(trainer, "begins_again")
    setup = Setup(
        driver=driver,
        slots=slots,
        gpus=gpus_of_one(study),
        watts=_watts(trained),
        cores=None if cluster else os.cpu_count(),
        price_per_gpu_hour=study.budget.price_per_gpu_hour,
        overheads=measured(study),
        construction_s=median(one.construction_s for one in trained),
        busy=0.0 if cluster else _busy(),
        resumes=begins_again is None or not begins_again(),
    )
    check = config_check(trainer, recording)
    seed = crc32(study.name.encode())  # one for all would be as wrong in the same way for all
    found = options(study, trained, setup, seconds=seconds, check=check, seed=seed)
    others = {words: _plain(one) for words, one in found.items() if words != _SAME}
    return {**_plain(found[_SAME]), "options": others}


def _watts(trained: Sequence[Probed]) -> float | None:
    """Returns the mean power of one GPU's board over the short trainings; None where it was not told."""
    told = [one.watts for one in trained if one.watts is not None]
    return sum(told) / len(told) if told else None


def _busy() -> float:
    """Returns how many processes of others want a core, per core; one of those that do was the last short training."""
    return max(0.0, os.getloadavg()[0] - 1) / (os.cpu_count() or 1)


def _plain(found: Estimate) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in asdict(found)}
    return {name: [one.low, one.median, one.high] if isinstance(one, Interval) else one for name, one in values.items()}
