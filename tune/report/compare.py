"""Trials side by side: what differs in their configuration, and which difference holds up over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tune.errors import UserMistake
from tune.ledger import Ledger, Trial
from tune.report.results import Results, failed_seeds, trial_seconds
from tune.standings import Standing, scored_baseline

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """The paired difference of two trials over the seeds that neither fails.

    Attributes:
        seeds: Those seeds.
        mean: Of second minus first; positive: the first is better. nan without a shared seed.
        interval: 95 % t interval of the mean; nan with fewer than two seeds.
    """

    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float]

    @property
    def holds_up(self) -> bool:
        """Whether the interval leaves out zero."""
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class Side:
    """One of the trials compared.

    Attributes:
        trial: The trial.
        losses: The scored metric, by epoch and then by seed; at every rung that some seed has reached, and at its last.
        gradient_norms: Mean over the epochs, by seed; empty when the trainer tells none.
        seconds: Spent on it; nan when the trainer tells none.
        against_first: The difference from the first trial compared; None for the first itself, and where the two
            have no rung in common.
        rung: Index of the rung at which they differ by so much.
    """

    trial: Trial
    losses: Mapping[int, Mapping[int, float]]
    gradient_norms: Mapping[int, float]
    seconds: float
    against_first: Difference | None
    rung: int | None


@dataclass(frozen=True)
class Comparison:
    """Some trials side by side.

    Attributes:
        metric: The scored one.
        differing: Configuration values that are not the same in all, in the order of the trials.
        sides: One per trial, in the order asked for.
    """

    metric: str
    differing: Mapping[str, tuple[Any, ...]]
    sides: tuple[Side, ...]


def compare_trials(ledger: Ledger, numbers: Sequence[int]) -> Comparison:
    """Sets trials side by side; each is compared with the first.

    Raises:
        UserMistake: If a trial does not exist, or fewer than two different ones are given.
    """
    most = len(ledger.trials) - 1
    for number in numbers:
        if not 0 <= number <= most:
            allowed = f"its trials are 0 to {most}" if most >= 0 else "it has no trials yet"
            raise UserMistake(f"{ledger.folder}: no trial {number} in this study; {allowed}")
    if len(set(numbers)) < 2 or len(set(numbers)) < len(numbers):
        given = " ".join(map(str, numbers)) or "none"
        raise UserMistake(f"compare needs two or more different trials, got {given}; its trials are 0 to {most}")
    trials = [ledger.trials[number] for number in numbers]
    curves = ledger.curves()
    seconds = trial_seconds(curves)
    return Comparison(
        metric=ledger.study.score.metric,
        differing=_differing([{**ledger.study.fixed, **trial.parameters} for trial in trials]),
        sides=tuple(_side(ledger, trial, trials[0], curves, seconds.get(trial.number, nan)) for trial in trials),
    )


def paired(first: Mapping[int, float], second: Mapping[int, float], baseline: float) -> Difference:
    """Returns the difference of two trials' losses over the seeds that both have and neither fails.

    Source: the paired t interval, Student 1908, "The probable error of a mean", Biometrika 6, 1-25.
    """
    failed = {*failed_seeds(first, baseline), *failed_seeds(second, baseline)}
    seeds = tuple(seed for seed in first if seed in second and seed not in failed)
    gaps = [second[seed] - first[seed] for seed in seeds]
    if len(gaps) < 2:
        return Difference(seeds, gaps[0] if gaps else nan, (nan, nan))
    from scipy.stats import t

    half = float(t.ppf(0.5 + _CONFIDENCE / 2, len(gaps) - 1)) * stdev(gaps) / sqrt(len(gaps))
    mean = fmean(gaps)
    return Difference(seeds, mean, (mean - half, mean + half))


def tied(results: Results) -> list[Standing]:
    """Returns the confirmed trials that the winner does not beat by more than the noise of its seeds.

    They fail on no more seeds than the winner, and the interval of the paired difference holds zero.
    """
    best = results.best
    if best is None or best.state != "confirmed" or best.summary is None:
        return []
    return [
        other
        for other in results.ranked
        if other is not best
        and other.state == "confirmed"
        and other.summary is not None
        and other.summary.failed <= best.summary.failed
        and not paired(best.losses, other.losses, results.baseline).holds_up
    ]


def _side(ledger: Ledger, trial: Trial, first: Trial, curves: pa.Table, seconds: float) -> Side:
    shared = max(set(trial.reached) & set(first.reached), default=None) if trial is not first else None
    against = None
    if shared is not None:
        against = paired(first.reached[shared].losses, trial.reached[shared].losses, scored_baseline(ledger))
    return Side(
        trial=trial,
        losses=_losses(ledger, trial),
        gradient_norms=_gradient_norms(curves, trial),
        seconds=seconds,
        against_first=against,
        rung=shared,
    )


def _losses(ledger: Ledger, trial: Trial) -> dict[int, dict[int, float]]:
    runs = {seed: curve for seed in ledger.study.seeds if (curve := ledger.curve(trial.number, seed))}
    longest = max((len(curve) for curve in runs.values()), default=0)
    epochs = sorted({rung.epochs for rung in ledger.study.rungs if rung.epochs <= longest} | {longest} - {0})
    return {
        epoch: {seed: curve[epoch - 1] if len(curve) >= epoch else nan for seed, curve in runs.items()}
        for epoch in epochs
    }


def _gradient_norms(curves: pa.Table, trial: Trial) -> dict[int, float]:
    if "grad_norm" not in curves.column_names:
        return {}
    rows = curves.filter(pc.field("trial") == trial.number).select(["seed", "grad_norm"]).to_pylist()
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row["grad_norm"] is not None and isfinite(row["grad_norm"]):
            by_seed.setdefault(row["seed"], []).append(row["grad_norm"])
    return {seed: fmean(norms) for seed, norms in by_seed.items()}


def _differing(configurations: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for configuration in configurations for name in configuration)
    values = {name: tuple(configuration.get(name) for configuration in configurations) for name in names}
    return {name: row for name, row in values.items() if len({repr(value) for value in row}) > 1}
