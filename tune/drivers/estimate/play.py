"""One play of a study: the real optimizer and the simulated driver, with losses and seconds that are made up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np

from tune.drivers.estimate.epoch_times import DrawnTimes
from tune.drivers.estimate.overheads import DEFAULTS, Overheads
from tune.drivers.estimate.played_ledger import PlayedLedger
from tune.drivers.estimate.played_losses import DrawnLosses
from tune.drivers.job import Job
from tune.drivers.reports import Death, EpochReport, UnitReport
from tune.drivers.simulated import VirtualClock, drive
from tune.errors import StudyStopped
from tune.optimizer.optimizer import Optimizer
from tune.optimizer.work import Work
from tune.study.ladder import stages
from tune.study.study import Study
from tune.trainer import ConfigCheck, Trainer

_SUGGESTION_S = {"random": 0.002, "grid": 0.001, "tpe": 0.015, "gp": 0.4}
"""Seconds that a suggestion takes, on one core of a machine of 2020."""
_SUGGESTION_SD = 0.5  # of their logarithm: machines differ
_CONSTRUCTION = (0.003, 0.1)
"""Of the start of a process, how much comes again with each unit in a process that goes on: it is constructed again,
and imports nothing. Where nobody measured it, it is drawn between these, evenly in its logarithm; the built-in trainer
lies between 0.003 and 0.05."""
_ACTOR_S = (1.0, 4.0)  # more than that start takes a process of Ray's
_FIRST_S = (0.0, 2.0)  # what the tuner imports when the first unit ends and begins
_BUSY_SD = 0.2
"""Of the logarithm of seconds, for each other process per core: on two cores that four processes shared, studies of
`benchmarks.check_estimate` took 0.65 to 1.65 times what probes of a minute before let expect."""
_CONTENTION = 0.1  # mean of the share by which trainings side by side slow each other down, beside cores


@dataclass(frozen=True)
class Setup:
    """What a study is going to run on.

    Attributes:
        driver: inline: one unit after the other in one process; ray: in processes of their own, one per slot.
        slots: How many units train at once, 1 or more.
        gpus: How many GPUs a unit holds; None: as the study says.
        cores: CPU cores of all machines together; None: not known, and trainings are never short of them.
        watts: Mean power of one GPU while a unit holds it; None: not known.
        price_per_gpu_hour: In whatever currency; None: not known.
        construction_s: How long a further unit in the same process takes until it trains; None: not known.
        overheads: What the tuner takes beside training; None: not measured.
        busy: How many other processes want a core, per core, while probes are made: with 1 twice as many as there are
            cores want one. Nobody knows how many will during the study, so it widens the interval.
        resumes: Whether a training goes on where it was; not one of a function that takes no `checkpoint`. Of a program
            the study says it.
    """

    driver: Literal["inline", "ray"] = "inline"
    slots: int = 1
    gpus: float | None = None
    cores: int | None = None
    watts: float | None = None
    price_per_gpu_hour: float | None = None
    construction_s: float | None = None
    overheads: Overheads | None = None
    busy: float = 0.0
    resumes: bool = True

    def gpus_of(self, study: Study) -> float:
        """Returns how many GPUs a unit holds."""
        return study.resources.gpus if self.gpus is None else self.gpus


@dataclass(frozen=True)
class Played:
    """What a play came to.

    Attributes:
        wall_clock_s: From the first unit to the end of the last.
        seed_epochs: Trained, each counted once.
        gpu_s: GPU-seconds, as budget.gpu_hours counts them.
        trials: How many began.
        confirmed: How many went the full ladder.
        runs_kept: Of how many runs checkpoints lay there, at most.
        share: Of the study that was played; 1 but for one that was cut short.
    """

    wall_clock_s: float
    seed_epochs: int
    gpu_s: float
    trials: int
    confirmed: int
    runs_kept: int
    share: float = 1.0


class UnitSeconds:
    """How long units of work last: training, and what comes with it, with chance decided once for a play.

    Args:
        study: The study.
        setup: What it runs on.
        times: Of epochs.
        rng: Decides what is not known.
    """

    def __init__(self, study: Study, setup: Setup, times: DrawnTimes, rng: np.random.Generator) -> None:
        self._study, self._setup, self._times, self._rng = study, setup, times, rng
        model = times.model
        beside = setup.overheads or DEFAULTS[setup.driver]
        slow = float(np.exp(rng.normal(0, beside.sd)))
        self.suggestion_s = _SUGGESTION_S[study.search.method] * float(np.exp(rng.normal(0, _SUGGESTION_SD)))
        again = float(np.exp(rng.uniform(*np.log(_CONSTRUCTION)))) * model.start_s
        again = again if setup.construction_s is None else setup.construction_s
        self._again_s = slow * beside.unit_s + times.drift * again
        self._epoch_s = slow * beside.epoch_s
        self._warm = 1.0 if study.program is not None else float(rng.uniform(0, 1)) ** 2
        self._actor_s = model.start_s + float(rng.uniform(*_ACTOR_S)) if setup.driver == "ray" else 0.0
        self._slower = 1 + (float(rng.exponential(_CONTENTION)) if setup.slots > 1 else 0.0)
        self._slower *= float(np.exp(rng.normal(0, _BUSY_SD * setup.busy)))
        self._fresh = setup.slots
        self._first_s = float(rng.uniform(*_FIRST_S))
        self._trials: set[int] = set()

    def of(self, work: Work) -> Iterator[float]:
        """Yields the seconds of a unit's epochs, which are called for once and in the order in which they begin."""
        model, parameters = self._times.model, searched(self._study, work)
        node = model.nodes[int(self._rng.integers(len(model.nodes)))]
        epoch_s = self._times.seconds(parameters, len(work.seeds), node) * self._slower
        if self._setup.cores is not None:
            cpu_s = self._times.cpu_seconds(parameters, len(work.seeds), node)
            epoch_s = max(epoch_s, cpu_s * self._setup.slots / self._setup.cores)
        excess_s = self._times.excess_s(len(work.seeds))
        extra = self._again_s + self._warm * excess_s
        if self._fresh:
            self._fresh -= 1
            extra += self._first_s + self._actor_s + (1 - self._warm) * excess_s
        if work.trial not in self._trials:
            self._trials.add(work.trial)
            extra += self.suggestion_s
        program = self._study.program
        if not (self._setup.resumes if program is None else program.resumes):
            extra += work.from_epoch * epoch_s  # it trains again from its first epoch
        epochs = work.to_epoch - work.from_epoch
        noise = float(np.exp(self._rng.normal(0, model.spread / max(1, epochs) ** 0.5)))
        for number in range(epochs):
            last = model.evaluation * epoch_s if number == epochs - 1 else 0.0
            yield epoch_s * noise + self._epoch_s + (0.0 if number else extra) + last


def searched(study: Study, work: Work) -> dict[str, Any]:
    """Returns the parameters of a unit, without what is fixed."""
    return {name: work.configuration[name] for name in study.space if name in work.configuration}


class _PlayedUnit:
    """A unit of work that trains nothing; see `tune.drivers.unit.Unit`."""

    def __init__(self, work: Work, study: Study, losses: DrawnLosses, seconds: UnitSeconds, gpus: float) -> None:
        self._work, self._study, self._losses, self._seconds, self._gpus = work, study, losses, seconds, gpus

    @property
    def work(self) -> Work:
        return self._work

    def news(self) -> Iterator[UnitReport]:
        work = self._work
        parameters = searched(self._study, work)
        if self._losses.dies(parameters):
            yield Death("died in the play, as the probe of a setting like this", "")
            return
        curves = [self._losses.curve(parameters, seed, work.to_epoch) for seed in work.seeds]
        for epoch, seconds in enumerate(self._seconds.of(work), work.from_epoch + 1):
            metrics = {
                self._study.score.metric: [curve[epoch - 1] for curve in curves],
                "seconds": [seconds] * len(curves),
            }
            yield EpochReport(epoch, metrics, epoch == work.to_epoch, self._losses.baseline, seconds, gpus=self._gpus)

    def save(self) -> None:
        return None

    def close(self) -> None:
        pass


class _PlayedJob(Job):
    """A study without a folder, which cannot vanish, and whose deaths are told to nobody."""

    def _refuse_vanished(self) -> None:
        pass

    def _tell(self, work: Work, death: Death) -> str:  # noqa: ARG002 - as of `Job`
        return "nowhere"


def play(
    study: Study,
    setup: Setup,
    times: DrawnTimes,
    losses: DrawnLosses,
    rng: np.random.Generator,
    *,
    check: ConfigCheck = lambda _: {},
    until: Callable[[], bool] = lambda: False,
) -> Played:
    """Plays a study to its end.

    The GP sampler takes half a second to suggest a setting, so TPE suggests in its place, and the time is counted.

    Args:
        study: The study.
        setup: What it runs on.
        times: How long epochs take.
        losses: What they come to.
        rng: Decides the rest.
        check: What the trainer has against configurations.
        until: Says when it has taken too long; then it is cut short, and what it comes to scaled by the ladder.
    """
    quick = study.search.model_copy(update={"method": "tpe"}) if study.search.method == "gp" else study.search
    storage = study.storage.model_copy(update={"min_free": 0})
    ledger = PlayedLedger(study.model_copy(update={"search": quick, "storage": storage}), clock := VirtualClock())
    seconds, gpus = UnitSeconds(study, setup, times, rng), setup.gpus_of(study)
    job = _PlayedJob(Optimizer(ledger, clock, check), {}, _no_trainer, until)
    stopped = False
    try:
        drive(job, setup.slots, clock, lambda work: _PlayedUnit(work, study, losses, seconds, gpus))
    except StudyStopped:  # its first trials all died
        stopped = True
    used_s = ledger.gpu_seconds
    share = share_of(study, ledger.spent, clock.now_s, used_s) if until() and not stopped else 1.0
    confirmed = sum(trial.confirmed and not trial.ended for trial in ledger.trials)
    return Played(
        clock.now_s, ledger.spent, used_s, len(ledger.trials), confirmed, ledger.most_runs_kept, min(1.0, share)
    )


def share_of(study: Study, seed_epochs: int, wall_clock_s: float, gpu_s: float) -> float:
    """Returns which share of a study is done, as far as its ladder tells, or of the budget that ends it first.

    Args:
        study: The study.
        seed_epochs: Trained so far.
        wall_clock_s: Passed so far.
        gpu_s: GPU-seconds used so far.
    """
    return max(
        seed_epochs / asked(study),
        wall_clock_s / (study.budget.wall_clock or inf),
        gpu_s / (3600 * (study.budget.most_gpu_hours or inf)),
    )


def asked(study: Study) -> int:
    """Returns the seed-epochs of ladder and race as they are expected to go, no more than the budget has."""
    planned = stages(study.rungs, study.trials, study.search.reduction_factor)
    racers = min(study.confirm.finalists, planned[-1].trials)
    race = racers * (study.most_seeds - study.top.seeds) * study.top.epochs
    total = sum(stage.seed_epochs for stage in planned) + race
    return min(total, study.budget.seed_epochs or total)


def _no_trainer(*_: Any) -> Trainer:
    raise AssertionError("a play constructs no trainer")
