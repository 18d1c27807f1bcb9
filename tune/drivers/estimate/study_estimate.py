"""What a study will take: time, GPU-hours, energy, money and disk, each with an interval, from plays of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np

from tune.drivers.estimate.epoch_times import EpochTimes
from tune.drivers.estimate.play import Played, Setup, asked, play
from tune.drivers.estimate.played_losses import DrawnLosses, LossRange
from tune.scoring.check.measured import Probed
from tune.scoring.intervals import student_quantile
from tune.study.ladder import cost, race_share
from tune.study.settings.walk import size
from tune.study.study import Study
from tune.trainer import ConfigCheck

FEWEST, MOST = 3, 40
"""Plays: fewer say nothing of an interval, more change it by less than it is off."""
_LOW, _HIGH = 0.1, 0.9
_BY_COUNTING = 10  # plays from which on quantiles are counted; fewer are fitted
_SCALED_SD = 0.05  # of the logarithm of what a smaller study, played in place of a long one, makes of it
_CUT_SHORT_SD = 0.2  # the same of a play that was cut short
_MOST_TRIALS = {"tpe": 50, "gp": 50, "random": 300, "grid": 300}
"""Trials of a play: TPE takes a hundredth of a second for each, and more the more there are."""
_SHARES = {"a third": 1 / 3, "the same": 1.0, "three times": 3.0}


@dataclass(frozen=True)
class Interval:
    """What a quantity will be.

    Attributes:
        low, median, high: 10, 50 and 90 %: it lies between the outer two with a probability of 80 %.
    """

    low: float
    median: float
    high: float

    def __mul__(self, factor: float) -> "Interval":
        return Interval(self.low * factor, self.median * factor, self.high * factor)

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Returns the interval of a quantity of which plays are given, two or more.

        Many are counted. Few are taken for draws of a log-normal distribution: the interval is that of a further draw
        (Student's t; Hahn and Meeker 1991, "Statistical Intervals", section 4.7).

        Args:
            values: Of the plays, none below zero.
        """
        if min(values) == max(values):
            return cls(values[0], values[0], values[0])
        if len(values) >= _BY_COUNTING or min(values) <= 0:
            # The quantiles between which a further draw lies as often as is said, however few there are.
            low, middle, high = np.quantile(values, (_LOW, 0.5, _HIGH), method="weibull")
            return cls(float(low), float(middle), float(high))
        logs = [log(value) for value in values]
        half = student_quantile(_HIGH, len(logs) - 1) * stdev(logs) * sqrt(1 + 1 / len(logs))
        middle = fmean(logs)
        return cls(exp(middle - half), exp(middle), exp(middle + half))


@dataclass(frozen=True)
class Estimate:
    """What a study will take and bring.

    Attributes:
        wall_clock_s: From its first unit to the end of its last, as `budget.wall_clock` counts.
        seed_epochs: Each counted once.
        gpu_hours: As `budget.gpu_hours` counts; zeros without a GPU.
        energy_kwh: Of its GPUs; None where there are none, or their power is not known.
        money: Of its GPU-hours; None where there are none, or their price is not known.
        trials: How many begin.
        confirmed: How many go the full ladder.
        disk_bytes: Of its checkpoints, when they are most.
        plays: How many plays this rests on.
        scaled: Whether a smaller study was played, or a part of it, because the whole would take too long to play; what
            that came to is multiplied as the ladder says.
    """

    wall_clock_s: Interval
    seed_epochs: Interval
    gpu_hours: Interval
    energy_kwh: Interval | None
    money: Interval | None
    trials: Interval
    confirmed: Interval
    disk_bytes: Interval
    plays: int
    scaled: bool


def estimate(
    study: Study,
    probes: Sequence[Probed],
    setup: Setup,
    *,
    seconds: float = 20.0,
    plays: int = MOST,
    check: ConfigCheck = lambda _: {},
    seed: int = 0,
) -> Estimate:
    """Returns what a study will take, see `tune.drivers.estimate`.

    Args:
        study: The study.
        probes: Short trainings of it, one with an epoch at least; those of the purpose `rate` say nothing and may be
            left out.
        setup: What it is going to run on.
        seconds: How long to play; three plays are made in any case, each cut short where it would take longer.
        plays: How many are made at most, 3 or more.
        check: What the trainer has against configurations.
        seed: Of what the plays draw.

    Raises:
        ValueError: If no probe has trained an epoch.
    """
    times, told = EpochTimes.fit(study, probes), LossRange.of(study, probes)
    small = _smaller(study)
    made: list[Played] = []
    began = time.monotonic()

    def begun_at(moment: float) -> Callable[[], bool]:
        return lambda: time.monotonic() - moment > max(1.0, seconds / FEWEST)

    while len(made) < plays and (len(made) < FEWEST or time.monotonic() - began < seconds):
        rng = np.random.default_rng((seed, len(made)))
        drawn, losses = times.draw(rng), DrawnLosses(study, told, rng)
        played = play(small, setup, drawn, losses, rng, check=check, until=begun_at(time.monotonic()))
        made.append(_whole(played, study, small, rng))
    return _summary(study, setup, made, max((probe.state_bytes for probe in probes), default=0))


def options(
    study: Study, probes: Sequence[Probed], setup: Setup, *, seconds: float = 20.0, **given: Any
) -> dict[str, Estimate]:
    """Returns what a third of the budget, the same and three times as much would take and bring, by these words.

    Every limit that the study has is multiplied: its budgets, else its number of trials. A space of few settings brings
    no more than these, and seed-epochs never fewer than one trial needs to be confirmed.

    Args:
        study: As of `estimate`.
        probes: The same.
        setup: The same.
        seconds: For all three together.
        given: `plays`, `check` and `seed`, as of `estimate`.
    """
    shares = {words: share for words, share in _SHARES.items() if share == 1.0 or not study.plan}
    return {
        words: estimate(multiplied(study, share), probes, setup, seconds=seconds / len(shares), **given)
        for words, share in shares.items()
    }


def multiplied(study: Study, share: float) -> Study:
    """Returns a study with so many times its budgets, or trials where it has no budget."""
    if share == 1.0:
        return study
    budget = study.budget
    limits: dict[str, float | None] = {
        "seed_epochs": budget.seed_epochs and max(cost(study.top), round(budget.seed_epochs * share)),
        "wall_clock": budget.wall_clock and budget.wall_clock * share,
        "gpu_hours": budget.gpu_hours and budget.gpu_hours * share,
        "money": budget.money and budget.money * share,
    }
    changes: dict[str, Any] = {"budget": budget.model_copy(update=limits)}
    if study.search.trials is not None or not any(limits.values()):
        most = size(study.space)
        trials = min(max(1, round(study.trials * share)), most if most is not None else 10**9)
        changes["search"] = study.search.model_copy(update={"trials": trials})
    return study.model_copy(update=changes)


def _smaller(study: Study) -> Study:
    """Returns the study that is played: it itself, or one of fewer trials that leaves as much of its budget to a race.

    Its first trials are those of the study: chance decides them by their number.
    """
    share = _MOST_TRIALS[study.search.method] / study.trials
    if share >= 1.0 or study.plan:
        return study
    budget = study.budget.seed_epochs
    raced = race_share(study.top.epochs, budget) if study.confirm.share is None and budget else study.confirm.share
    small = multiplied(study, share)
    return small.model_copy(update={"confirm": study.confirm.model_copy(update={"share": raced})})


def _whole(played: Played, study: Study, small: Study, rng: np.random.Generator) -> Played:
    """Returns what the whole study comes to where a smaller one, or a part of it, was played."""
    if small is study and played.share >= 1.0:
        return played
    trials = study.trials / small.trials / played.share
    budget = study.budget
    timed = any(limit is not None for limit in (budget.wall_clock, budget.gpu_hours, budget.money))
    factor = trials if timed else asked(study) / asked(small) / played.share
    off = float(np.exp(rng.normal(0, _SCALED_SD if played.share >= 1.0 else _CUT_SHORT_SD)))
    return Played(
        played.wall_clock_s * factor * off,
        min(round(played.seed_epochs * factor), budget.seed_epochs or 10**12),
        played.gpu_s * factor * off,
        min(study.trials, round(played.trials * trials)),
        round(played.confirmed * trials),
        round(played.runs_kept * trials),
        played.share * small.trials / study.trials,
    )


def _summary(study: Study, setup: Setup, plays: Sequence[Played], state_bytes: int) -> Estimate:
    gpu_hours = Interval.of([one.gpu_s / 3600 for one in plays])
    watts, price, gpus = setup.watts, setup.price_per_gpu_hour, setup.gpus_of(study)
    return Estimate(
        wall_clock_s=Interval.of([one.wall_clock_s for one in plays]),
        seed_epochs=Interval.of([float(one.seed_epochs) for one in plays]),
        gpu_hours=gpu_hours,
        energy_kwh=gpu_hours * (watts / 1000) if gpus and watts is not None else None,
        money=gpu_hours * price if gpus and price is not None else None,
        trials=Interval.of([float(one.trials) for one in plays]),
        confirmed=Interval.of([float(one.confirmed) for one in plays]),
        disk_bytes=Interval.of([float(one.runs_kept * state_bytes) for one in plays]),
        plays=len(plays),
        scaled=any(one.share < 1.0 for one in plays),
    )
