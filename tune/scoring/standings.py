"""How the trials of a study stand: what every view shows, from the ledger alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import State, Trial
from tune.scoring.failure_risk import FailureRisk, failure_risk_of
from tune.scoring.measured import difference, summary_of
from tune.scoring.score import SeedSummary

QUICKER = 2.0
"""How many times as fast is cheaper; less than that may be what else the machine had to do."""

AS_SAFE = 0.1
"""Failure bounds no further apart count as the same: less says how many seeds were seen or which neighbours, not which
setting fails. One failure more among ten seeds makes 0.13."""

_AS_GOOD = 1.02  # times the loss that the score is: more is worth waiting for, even where seeds cannot tell


@dataclass(frozen=True)
class Standing:
    """One trial, at the highest rung that it reached.

    Attributes:
        trial: The trial.
        state: running, waiting, paused, confirmed, stopped or failed.
        rung: Index of the highest rung reached; None before the first.
        epochs: Epochs of each seed at that rung; 0 before the first.
        score: Lower is better: that of its own seeds and, where it is confirmed and its neighbours fail,
            `unseen_failures`; inf before the first rung, or when nothing finite can be said.
        losses: The scored metric by seed at that rung; nan where training diverged.
        summary: Of the losses; None before the first rung.
        failure_bound: How often it may fail at most; see `FailureRisk.failure_bound`.
        seed_epochs: Epochs trained so far, summed over seeds.
    """

    trial: Trial
    state: State
    rung: int | None
    epochs: int
    score: float
    losses: Mapping[int, float]
    summary: SeedSummary | None
    failure_bound: float
    seed_epochs: int

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number


@dataclass(frozen=True)
class Lucky:
    """A trial that a one-seed sweep would have preferred to the incumbent, and that fails on other seeds.

    Attributes:
        standing: The trial.
        seed: The seed that flatters it most.
        loss: Its loss with that seed.
        incumbent_loss: The incumbent's with the same seed after as many epochs.
        failed: The seeds on which it fails.
    """

    standing: Standing
    seed: int
    loss: float
    incumbent_loss: float
    failed: tuple[int, ...]


def standings(ledger: LedgerReader, in_flight: frozenset[int]) -> list[Standing]:
    """Returns every trial, best first.

    Trials are compared only with others that reached as high a rung: confirmed trials come first by score, then those
    of each lower rung by score, then those that reached none; at each rung those that died on their way to a higher
    one come last. Among the confirmed trials that the first cannot be told apart from (`tied`), those of the lowest
    failure bound, give or take 10 percentage points, lead; among these, one that trains in half of the time or less
    with a score at most 2 % worse, else the one with the best score; of a plan always that one.

    Args:
        ledger: The study.
        in_flight: The trials being trained.
    """
    return rank(ledger, ledger.trials, in_flight)


def rank(ledger: LedgerReader, trials: Iterable[Trial], in_flight: frozenset[int] = frozenset()) -> list[Standing]:
    """Returns some trials, best first; see `standings`.

    Args:
        ledger: The study.
        trials: Which of its trials.
        in_flight: The trials being trained.
    """
    scale = ledger.loss_scale
    failure_risk = failure_risk_of(ledger)
    every = (_standing(ledger, trial, scale, failure_risk, in_flight) for trial in trials)
    ranked = sorted(every, key=lambda one: _order(one, ledger.study.top.epochs))
    if not ranked or ranked[0].state != "confirmed":
        return ranked
    alike = [ranked[0], *tied(ranked[0], ranked, scale)]
    winner = _preferred(alike, {one.number: ledger.pace(one.number) for one in alike}, scale)
    return [winner, *(one for one in ranked if one is not winner)]


def tied(best: Standing, ranked: Sequence[Standing], scale: LossScale) -> list[Standing]:
    """Returns the confirmed trials that one does not beat by more than the noise of its seeds, best first.

    They fail on no more seeds than it, and the 95% interval of the paired difference holds zero.
    """
    if best.state != "confirmed" or best.summary is None:
        return []
    return [
        other
        for other in ranked
        if other is not best
        and other.state == "confirmed"
        and other.epochs == best.epochs
        and other.summary is not None
        and other.summary.failed <= best.summary.failed
        and not difference(best.losses, other.losses, scale).holds_up
    ]


def unseen_failures(ledger: LedgerReader) -> Mapping[int, float]:
    """Returns by trial what is added to its score for failures that its own seeds did not show; see `FailureRisk`."""
    penalties = failure_risk_of(ledger).penalties()
    return {number: penalty for number, penalty in penalties.items() if ledger.trials[number].confirmed}


def incumbent(ranked: list[Standing]) -> Standing | None:
    """Returns the best trial so far; it is the winner only if it is confirmed. One that died only where none lives."""
    with_result = [standing for standing in ranked if standing.rung is not None]
    return next((one for one in with_result if one.state != "failed"), next(iter(with_result), None))


def recommended(ranked: list[Standing]) -> Standing | None:
    """Returns the incumbent, unless every seed of it failed: then there is nothing to recommend."""
    best = incumbent(ranked)
    return None if best is None or best.summary is None or best.summary.failed == best.summary.seeds else best


def lucky(ledger: LedgerReader, ranked: list[Standing]) -> list[Lucky]:
    """Returns the trials that look better than the incumbent on one seed and fail on others, most flattered first.

    A trial is compared with the incumbent on the same seed at the same rung.
    """
    best = incumbent(ranked)
    if best is None:
        return []
    scale = ledger.loss_scale
    found = [_luck(standing, best, scale) for standing in ranked if standing.rung is not None]
    return sorted(
        (luck for luck in found if luck), key=lambda luck: scale.loss(luck.loss) - scale.loss(luck.incumbent_loss)
    )


def _standing(
    ledger: LedgerReader, trial: Trial, scale: LossScale, failure_risk: FailureRisk, in_flight: frozenset[int]
) -> Standing:
    last = trial.last
    penalty = failure_risk.penalties().get(trial.number, 0.0) if trial.confirmed else 0.0
    return Standing(
        trial=trial,
        state=trial.state(trial.number in in_flight),
        rung=last.rung if last else None,
        epochs=ledger.rung(trial.number, last.rung).epochs if last else 0,
        score=last.score + penalty if last else inf,
        losses=last.losses if last else {},
        summary=summary_of(list(last.losses.values()), scale) if last else None,
        failure_bound=failure_risk.failure_bound(trial.number),
        seed_epochs=sum(ledger.trained(trial.number).values()),
    )


def _preferred(alike: Sequence[Standing], pace: Mapping[int, float], scale: LossScale) -> Standing:
    """Returns which of some trials that cannot be told apart to recommend; `alike` is in the order of the scores."""
    bound = min(one.failure_bound for one in alike) + AS_SAFE
    safest = [one for one in alike if one.failure_bound <= bound]
    first = safest[0]
    if first.trial.ladder:  # later rounds begin from it, and must not hang on what else the machine had to do
        return first
    enough = scale.loss_of_score(first.score) * _AS_GOOD
    quicker = [
        one
        for one in safest
        if pace[one.number] * QUICKER <= pace[first.number] and scale.loss_of_score(one.score) <= enough
    ]
    return min(quicker, key=lambda one: (pace[one.number], one.number), default=first)


def _order(standing: Standing, epochs: int) -> tuple[int, int, bool, float, int]:
    """Returns what trials are sorted by; arms of a plan that train for other epochs than it says come after, apart."""
    rung = -1 if standing.rung is None else standing.rung
    lasts = standing.trial.ladder[-1].epochs if standing.trial.ladder else epochs
    return 0 if lasts == epochs else lasts, -rung, standing.state == "failed", standing.score, standing.number


def _failed(standing: Standing, scale: LossScale) -> list[int]:
    return [seed for seed, value in standing.losses.items() if scale.failed(value)]


def _luck(standing: Standing, best: Standing, scale: LossScale) -> Lucky | None:
    assert standing.rung is not None
    reference = best.trial.reached.get(standing.rung)
    if best.trial.ladder and best.trial.ladder[standing.rung].epochs != standing.epochs:
        return None
    failed = tuple(seed for seed, loss in standing.losses.items() if scale.failed(loss))
    if reference is None or standing is best or not failed or set(failed) <= {*_failed(best, scale)}:
        return None
    ahead = {
        seed: scale.loss(reference.losses[seed]) - scale.loss(loss)
        for seed, loss in standing.losses.items()
        if seed not in failed and isfinite(reference.losses.get(seed, inf))
    }
    better = {seed: by for seed, by in ahead.items() if by > 0}
    if not better:
        return None
    seed = max(better, key=lambda seed: better[seed])
    return Lucky(standing, seed, standing.losses[seed], reference.losses[seed], failed)
