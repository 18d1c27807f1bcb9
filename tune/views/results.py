"""The results of a study: one model of the data, from which the terminal's tables and the report are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import Any

import pyarrow as pa

from tune.ledger.attempts import CLASSES, DIVERGED, Attempt
from tune.ledger.curves.arrays import mask_of, values_of
from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import State
from tune.scoring.score import SeedSummary
from tune.scoring.standings import Lucky, Standing, lucky, recommended, standings, tied
from tune.study.ladder import cost
from tune.study.study import Study
from tune.views import wording
from tune.views.runs import Features, Run, features_of, runs_of


@dataclass(frozen=True)
class Results:
    """All that is said of a study.

    Attributes:
        ledger: The study's memory.
        ranked: Every trial, best first.
        best: The best trial so far, the winner if it is confirmed; None before any trial reached a rung, and where
            every seed of the best failed: then there is nothing to recommend.
        lucky: Trials that one seed flatters and that fail on others.
        scale: How values of the scored metric become losses.
        seconds: By trial, see `trial_seconds`.
        test_losses: Of the best trial, by seed, at its rung; empty when the trainer tells none.
        curves: As `LedgerReader.curves` returns them.
    """

    ledger: LedgerReader
    ranked: Sequence[Standing]
    best: Standing | None
    lucky: Sequence[Lucky]
    scale: LossScale
    seconds: Mapping[int, float]
    test_losses: Mapping[int, float]
    curves: pa.Table

    @cached_property
    def runs(self) -> Sequence[Run]:
        """Every run, by trial and then by seed."""
        return runs_of(self.ledger, self.curves)

    @cached_property
    def features(self) -> Mapping[int, Features]:
        """How far the features of each trial have collapsed, by its number; empty when the trainer has none."""
        return features_of(self.curves)

    @property
    def study(self) -> Study:
        """The study."""
        return self.ledger.study

    @property
    def baseline(self) -> float:
        """The value of the scored metric that a run must beat; inf when unknown."""
        return inf if self.scale.baseline is None else self.scale.baseline

    @property
    def varying(self) -> tuple[str, ...]:
        """The parameters that can take more than one value."""
        return tuple(self.study.varying)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell trials apart: those parameters, of a plan the arm before them."""
        return wording.columns(self.study)

    @property
    def tied(self) -> list[Standing]:
        """The confirmed trials that the winner cannot be told apart from, best first."""
        return tied(self.best, self.ranked, self.scale) if self.best is not None else []

    @property
    def runner_up(self) -> Standing | None:
        """The second of the confirmed trials, when the best is confirmed."""
        return self.confirmed[1] if len(self.confirmed) > 1 else None

    @property
    def confirmed(self) -> list[Standing]:
        """The confirmed trials, best first; of a plan those that trained for as many epochs as the best."""
        epochs = self.best.epochs if self.best is not None and self.best.trial.ladder else None
        every = (one for one in self.ranked if one.state == "confirmed")
        return [one for one in every if epochs is None or one.epochs == epochs]


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard.

    Attributes:
        number: The trial.
        state: running, waiting, paused, confirmed, stopped or failed.
        rung: Index of the highest rung reached; None before the first.
        parameters: The varying ones that it has; of a plan its arm before them.
        score: Lower is better; inf where nothing finite can be said.
        summary: Of the losses at that rung; None before the first.
        epochs: Of each seed at that rung.
        seconds: Spent on the trial, see `trial_seconds`; nan when the trainer tells none.
    """

    number: int
    state: State
    rung: int | None
    parameters: Mapping[str, Any]
    score: float
    summary: SeedSummary | None
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Failure:
    """One cause of failure: its class, the latest words for it, how often, of which trials, where the latest log lies.

    `deaths` counts units of work without a result, those included whose trial went on; seeds where the class is
    `diverged`.
    """

    kind: str
    cause: str
    deaths: int
    trials: tuple[int, ...]
    log: str


@dataclass(frozen=True)
class Cost:
    """What the study cost.

    Attributes:
        spent: Seed-epochs trained, each counted once.
        redone: Seed-epochs that had to be trained again.
        seconds: Wall clock while processes worked on the study.
        sessions: How many processes did.
        interruptions: How many of them were interrupted or killed.
        full: Seed-epochs of the same trials, had each gone the full ladder; 0 where none has reached a rung.
        gpu_hours: GPU-hours used, see `LedgerReader.gpu_seconds`; None when trials have no GPU.
        gpu_hours_budget: How many the study may use; None when that is not limited.
        price: Of a GPU-hour, in any currency; None where nobody said.
        money: What the GPU-hours cost at that price; None without it, or without GPUs.
        money_budget: What the study may cost; None when that is not limited.
    """

    spent: int
    redone: int
    seconds: float
    sessions: int
    interruptions: int
    full: int
    gpu_hours: float | None
    gpu_hours_budget: float | None
    price: float | None = None
    money: float | None = None
    money_budget: float | None = None

    @property
    def saved(self) -> float:
        """Share of the full cost that early stopping saved, in [0, 1]."""
        return 1 - self.spent / self.full if self.full else 0.0


def gather(ledger: LedgerReader) -> Results:
    """Reads everything that is said of a study; the curves are read once."""
    ranked = standings(ledger, ledger.in_flight)
    best = recommended(ranked)
    curves = ledger.curves()
    return Results(
        ledger=ledger,
        ranked=ranked,
        best=best,
        lucky=lucky(ledger, ranked),
        scale=ledger.loss_scale,
        seconds=trial_seconds(curves),
        test_losses=_test_losses(curves, best) if best else {},
        curves=curves,
    )


def leaderboard(results: Results) -> list[Row]:
    """Returns every trial, best first; those of higher rungs before those of lower ones."""
    return [
        Row(
            number=standing.number,
            state=standing.state,
            rung=standing.rung,
            parameters=wording.setting_of(results.study, standing.trial),
            score=standing.score,
            summary=standing.summary,
            epochs=standing.epochs,
            seconds=results.seconds.get(standing.number, nan),
        )
        for standing in results.ranked
    ]


def trial_seconds(curves: pa.Table) -> dict[int, float]:
    """Returns the wall seconds spent on each trial, evaluation included; empty when the trainer tells none.

    Seeds that train together share an epoch's seconds, so equal values of one trial and epoch are counted once; seeds
    that caught up later have seconds of their own and are added. Work that was trained again counts once.
    """
    if "seconds" not in curves.column_names:
        return {}
    apart = curves.select(["trial", "epoch", "seconds"]).group_by(["trial", "epoch", "seconds"]).aggregate([])
    summed = apart.group_by("trial").aggregate([("seconds", "sum")])
    pairs = zip(summed["trial"].to_pylist(), summed["seconds_sum"].to_pylist(), strict=True)
    return {trial: seconds for trial, seconds in pairs if seconds is not None}


def failures(ledger: LedgerReader) -> list[Failure]:
    """Returns what went wrong, by class and cause, the most frequent first; then the seeds that diverged."""
    found: dict[tuple[str, str], list[tuple[Attempt, int]]] = {}
    for trial in ledger.trials:
        for attempt in trial.attempts:
            found.setdefault(attempt.same, []).append((attempt, trial.number))
    rows = []
    for (kind, _), all_of_it in found.items():
        latest = max((attempt for attempt, _ in all_of_it), key=lambda attempt: attempt.time)
        trials = tuple(sorted({number for _, number in all_of_it}))
        rows.append(Failure(kind, latest.cause, len(all_of_it), trials, latest.log))
    rows.sort(key=lambda row: (-row.deaths, row.cause))
    diverged = {trial.number: len(ledger.dead(trial.number)) for trial in ledger.trials}
    seeds, numbers = sum(diverged.values()), tuple(number for number, count in diverged.items() if count)
    return [*rows, *([Failure(DIVERGED, "the loss of a seed became non-finite", seeds, numbers, "")] if seeds else [])]


def failure_counts(ledger: LedgerReader) -> dict[str, dict[str, int]]:
    """Returns by class of failure how many attempts (where it is diverged: seeds) and how many trials there were."""
    counts: dict[str, dict[str, int]] = {}
    rows = failures(ledger)
    for kind in (*CLASSES, DIVERGED):
        here = [row for row in rows if row.kind == kind]
        trials = {number for row in here for number in row.trials}
        unit = "seeds" if kind == DIVERGED else "attempts"
        counts[kind] = {unit: sum(row.deaths for row in here), "trials": len(trials)}
    return counts


def cost_of(ledger: LedgerReader, price_per_gpu_hour: float | None = None) -> Cost:
    """Returns what the study cost so far.

    Args:
        ledger: Of the study.
        price_per_gpu_hour: In whatever currency; None: the study's own, if it has one.
    """
    budget = ledger.study.budget
    price = budget.price_per_gpu_hour if price_per_gpu_hour is None else price_per_gpu_hour
    gpu_hours = ledger.gpu_seconds / 3600 if ledger.study.resources.gpus or ledger.gpu_seconds else None
    return Cost(
        spent=ledger.spent,
        redone=ledger.redone,
        seconds=ledger.elapsed_s(),
        sessions=len(ledger.sessions),
        interruptions=sum(session.ended in ("interrupted", "lost") for session in ledger.sessions),
        full=_full(ledger) if any(trial.reached for trial in ledger.trials) else 0,
        gpu_hours=gpu_hours,
        gpu_hours_budget=budget.gpu_hours,
        price=price,
        money=None if price is None or gpu_hours is None else price * gpu_hours,
        money_budget=budget.money,
    )


def _full(ledger: LedgerReader) -> int:
    """Returns the seed-epochs of all trials, had each gone its full ladder."""
    return sum(cost(ledger.ladder(trial.number)[-1]) for trial in ledger.trials)


def failed_seeds(losses: Mapping[int, float], scale: LossScale = UNSCALED) -> tuple[int, ...]:
    """Returns the seeds that failed."""
    return tuple(seed for seed, loss in losses.items() if scale.failed(loss))


def _test_losses(curves: pa.Table, best: Standing) -> dict[int, float]:
    if "test_loss" not in curves.column_names:
        return {}
    here = (values_of(curves["trial"]) == best.number) & (values_of(curves["epoch"]) == best.epochs)
    rows = curves.filter(mask_of(here)).select(["seed", "test_loss"]).to_pylist()
    found = {row["seed"]: row["test_loss"] for row in rows if row["test_loss"] is not None}
    return {seed: found.get(seed, nan) for seed in best.losses} if found else {}
