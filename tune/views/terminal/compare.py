"""Trials side by side: what differs in their configuration, and which difference holds up over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.scoring.measured import difference
from tune.scoring.paired import Difference
from tune.views import wording
from tune.views.results import failed_seeds, trial_seconds
from tune.views.terminal.summary import plain_table


@dataclass(frozen=True)
class Side:
    """One of the trials compared.

    Attributes:
        trial: The trial.
        losses: The scored metric, by epoch and then by seed: at the epochs asked for, else at those of every rung that
            some seed has reached, and at its last.
        finals: Every loss at the end of the runs, by metric and then by seed.
        gradient_norms: Mean over the epochs, by seed; empty when the trainer tells none.
        seconds: Spent on it; nan when the trainer tells none.
        against_first: The difference from the first trial compared; None for the first itself, and where the two
            have no rung in common.
        rung: Index of the rung at which they differ by so much.
    """

    trial: Trial
    losses: Mapping[int, Mapping[int, float]]
    finals: Mapping[str, Mapping[int, float]]
    gradient_norms: Mapping[int, float]
    seconds: float
    against_first: Difference | None
    rung: int | None


@dataclass(frozen=True)
class Comparison:
    """Some trials side by side.

    Attributes:
        metric: The scored one.
        differing: Configuration values that are not the same in all, in words, in the order of the trials.
        maximize: Whether higher values of it are better.
        sides: One per trial, in the order asked for.
    """

    metric: str
    maximize: bool
    differing: Mapping[str, tuple[str, ...]]
    sides: tuple[Side, ...]


def compare_trials(ledger: LedgerReader, numbers: Sequence[int], epochs: Sequence[int] | None = None) -> Comparison:
    """Sets trials side by side; each is compared with the first.

    Args:
        ledger: The study.
        numbers: Of the trials.
        epochs: After which epochs, from 1, to show the scored metric; None: at the rungs, and in the end.

    Raises:
        UserMistake: If a trial does not exist, fewer than two different ones are given, or none trained so far.
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
    _refuse_epochs(ledger, numbers, epochs)
    curves = ledger.curves()
    seconds = trial_seconds(curves)
    return Comparison(
        metric=ledger.study.score.metric,
        maximize=ledger.study.score.maximize,
        differing=_differing([{**ledger.study.fixed, **trial.parameters} for trial in trials]),
        sides=tuple(
            _side(ledger, trial, trials[0], curves, seconds.get(trial.number, nan), epochs=epochs) for trial in trials
        ),
    )


def _refuse_epochs(ledger: LedgerReader, numbers: Sequence[int], epochs: Sequence[int] | None) -> None:
    """Raises UserMistake if epochs are asked for to which no run of these trials came."""
    longest = max(max(ledger.trained(number).values(), default=0) for number in numbers)
    wrong = [epoch for epoch in epochs or () if not 1 <= epoch <= longest]
    if wrong or (epochs is not None and not epochs):
        got = f"got {wrong[0]}" if wrong else "none is given"
        raise UserMistake(f"--epochs: 1 to {longest} have been trained by some seed of these trials; {got}")


def print_comparison(
    ledger: LedgerReader, numbers: Sequence[int], console: Console, epochs: Sequence[int] | None = None
) -> None:
    """Prints trials side by side, and how each differs from the first; for the arguments see `compare_trials`.

    Raises:
        UserMistake: If a trial does not exist, fewer than two different ones are given, or none trained so far.
    """
    comparison = compare_trials(ledger, numbers, epochs)
    sides = comparison.sides
    console.print(_side_by_side(comparison, ledger.study.seeds))
    console.print()
    for side in sides[1:]:
        console.print(Text(_difference_sentence(sides[0], side, maximize=comparison.maximize)), highlight=False)
    for side in sides:
        last = side.trial.last
        failed = failed_seeds(last.losses, ledger.loss_scale) if last is not None else ()
        if failed:
            console.print(Text(f"trial {side.trial.number} fails on {wording.seeds(failed)}."), highlight=False)


def _side_by_side(comparison: Comparison, seeds: Sequence[int]) -> Table:
    sides = comparison.sides
    table = plain_table("Side by side")
    table.add_column("", overflow="fold")
    for side in sides:
        table.add_column(f"trial {side.trial.number}", justify="right", overflow="fold")

    def add_by_seed(label: str, values: Sequence[Mapping[int, float]]) -> None:
        table.add_section()
        for seed in seeds:
            if any(seed in by_seed for by_seed in values):
                table.add_row(Text(f"{label}, seed {seed}"), *(wording.number(one.get(seed)) for one in values))

    for name, values in comparison.differing.items():
        table.add_row(Text(name), *map(Text, values))
    for epoch in sorted({epoch for side in sides for epoch in side.losses}):
        add_by_seed(f"{comparison.metric}, epoch {epoch}", [side.losses.get(epoch, {}) for side in sides])
    for metric in dict.fromkeys(metric for side in sides for metric in side.finals):
        by_trial = [list(side.finals.get(metric, {}).values()) for side in sides]
        if metric == next(iter(sides[0].finals)):
            table.add_section()
        table.add_row(Text(f"final {metric}"), *map(_mean_and_sd, by_trial))
    add_by_seed("mean gradient norm", [side.gradient_norms for side in sides])
    table.add_row("seconds", *(wording.seconds(side.seconds) for side in sides))
    return table


def _mean_and_sd(values: Sequence[float]) -> str:
    """Returns mean and deviation over the seeds, and how many of them have no finite value."""
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return wording.UNKNOWN
    shown = wording.spread(fmean(finite), stdev(finite) if len(finite) > 1 else nan)
    return shown if len(finite) == len(values) else f"{shown} ({len(values) - len(finite)} not finite)"


def _difference_sentence(first: Side, second: Side, *, maximize: bool) -> str:
    names = f"trial {second.trial.number} minus trial {first.trial.number}"
    if second.against_first is None:
        return f"{names}: they have no rung in common."
    gap = second.against_first
    if not gap.seeds:
        return f"{names}: there is no seed on which neither fails."
    over = f"over {wording.count(len(gap.seeds), 'seed')} at rung {second.rung}"
    mean, (low, high) = (-gap.mean, (-gap.interval[1], -gap.interval[0])) if maximize else (gap.mean, gap.interval)
    if len(gap.seeds) < 2:
        return f"{names}: {mean:+.4g} {over}; one seed says nothing about how sure this is."
    better = (second if gap.mean < 0 else first).trial.number
    verdict = f"trial {better} is better" if gap.holds_up else "the difference is within the noise of the seeds"
    return f"{names}: {mean:+.4g} {over} (95% interval {low:+.4g} to {high:+.4g}): {verdict}."


def _side(
    ledger: LedgerReader, trial: Trial, first: Trial, curves: pa.Table, seconds: float, *, epochs: Sequence[int] | None
) -> Side:
    shared = max(set(trial.reached) & set(first.reached), default=None) if trial is not first else None
    against = None
    if shared is not None:
        against = difference(first.reached[shared].losses, trial.reached[shared].losses, ledger.loss_scale)
    return Side(
        trial=trial,
        losses=_losses(ledger, trial, epochs),
        finals=_finals(curves, trial),
        gradient_norms=_gradient_norms(curves, trial),
        seconds=seconds,
        against_first=against,
        rung=shared,
    )


def _losses(ledger: LedgerReader, trial: Trial, epochs: Sequence[int] | None) -> dict[int, dict[int, float]]:
    runs = {seed: curve for seed in ledger.study.seeds if (curve := ledger.curve(trial.number, seed))}
    longest = max((len(curve) for curve in runs.values()), default=0)
    if epochs is None:
        epochs = sorted(
            {rung.epochs for rung in ledger.ladder(trial.number) if rung.epochs <= longest} | {longest} - {0}
        )
    return {
        epoch: {seed: curve[epoch - 1] if len(curve) >= epoch else nan for seed, curve in runs.items()}
        for epoch in epochs
    }


def _finals(curves: pa.Table, trial: Trial) -> dict[str, dict[int, float]]:
    """Returns every loss that the trainer tells, at the last epoch of each seed at which it is known."""
    names = [name for name in ("train_loss", "validation_loss", "test_loss") if name in curves.column_names]
    rows = curves.filter(pc.field("trial") == trial.number).select(["seed", "epoch", *names]).to_pylist()
    rows.sort(key=lambda row: row["epoch"])
    return {name: {row["seed"]: row[name] for row in rows if row[name] is not None} for name in names}


def _gradient_norms(curves: pa.Table, trial: Trial) -> dict[int, float]:
    if "grad_norm" not in curves.column_names:
        return {}
    rows = curves.filter(pc.field("trial") == trial.number).select(["seed", "grad_norm"]).to_pylist()
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row["grad_norm"] is not None and isfinite(row["grad_norm"]):
            by_seed.setdefault(row["seed"], []).append(row["grad_norm"])
    return {seed: fmean(norms) for seed, norms in by_seed.items()}


def _differing(configurations: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name for configuration in configurations for name in configuration)
    values = {name: [one[name] for one in configurations if name in one] for name in names}
    return {
        name: tuple(wording.parameter(one, name) for one in configurations)
        for name, there in values.items()
        if len(there) < len(configurations) or len({repr(value) for value in there}) > 1
    }
