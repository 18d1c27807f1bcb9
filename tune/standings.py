"""How the trials of a study stand: what every view shows, from the ledger alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

from tune.ledger import Ledger, Trial
from tune.ledger.records import State
from tune.neighbours import failure_rates
from tune.pairs import paired
from tune.scoring import SeedSummary, has_failed, summarize

QUICKER = 2.0
"""How many times as fast is cheaper; less than that may be what else the machine had to do."""

_AS_GOOD = 1.02  # times the score: more is worth waiting for, even where seeds cannot tell
_FEWEST_NEIGHBOURS = 8  # trials; fewer say nothing about how far evidence reaches


@dataclass(frozen=True)
class Standing:
    """One trial, at the highest rung that it reached.

    Attributes:
        trial: The trial.
        state: running, waiting, paused, confirmed, stopped or failed.
        rung: Index of the highest rung reached; None before the first.
        epochs: Epochs of each seed at that rung; 0 before the first.
        score: Lower is better: that of its own seeds and, where its neighbours fail, `unseen_failures`; inf before the
            first rung, or when nothing finite can be said.
        losses: Scored metric by seed at that rung; nan where training diverged.
        summary: Of the losses; None before the first rung.
        seed_epochs: Epochs trained so far, summed over seeds.
    """

    trial: Trial
    state: State
    rung: int | None
    epochs: int
    score: float
    losses: Mapping[int, float]
    summary: SeedSummary | None
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


def standings(ledger: Ledger, in_flight: frozenset[int]) -> list[Standing]:
    """Returns every trial, best first.

    Trials are compared only with others that reached as high a rung: confirmed trials come first by score, then those
    of each lower rung by score, then those that reached none; trials that died come last. Among the confirmed trials
    that the first cannot be told apart from (`tied`), the one of the lowest failure bound leads; among those that share
    it, one that trains in half of the time or less with a score at most 2 % worse, else the one with the best score.

    Args:
        ledger: The study.
        in_flight: The trials being trained.
    """
    baseline = scored_baseline(ledger)
    charges = unseen_failures(ledger)
    ranked = sorted((_standing(ledger, trial, baseline, charges, in_flight) for trial in ledger.trials), key=_order)
    if not ranked or ranked[0].state != "confirmed":
        return ranked
    alike = [ranked[0], *tied(ranked[0], ranked, baseline)]
    winner = _preferred(alike, {one.number: ledger.pace(one.number) for one in alike})
    return [winner, *(one for one in ranked if one is not winner)]


def tied(best: Standing, ranked: Sequence[Standing], baseline: float) -> list[Standing]:
    """Returns the confirmed trials that one does not beat by more than the noise of its seeds, best first.

    They fail on no more seeds than it, and the 95% interval of the paired difference holds zero; see `tune.pairs`.
    """
    if best.state != "confirmed" or best.summary is None:
        return []
    return [
        other
        for other in ranked
        if other is not best
        and other.state == "confirmed"
        and other.summary is not None
        and other.summary.failed <= best.summary.failed
        and not paired(best.losses, other.losses, baseline).holds_up
    ]


def unseen_failures(ledger: Ledger) -> dict[int, float]:
    """Returns by trial what is added to its score for failures that its own seeds did not show.

    The estimated failure rate beyond the one seen, times the capped loss of a failed seed; see `tune.neighbours`. Only
    seeds that trained for at least half of the full epochs count as evidence: before, a slow starter fails as well.
    Empty while no such seed has failed, or too few trials were seen for neighbours to mean anything.
    """
    study, baseline = ledger.study, scored_baseline(ledger)
    late = [index for index, rung in enumerate(study.rungs) if 2 * rung.epochs >= study.top.epochs]
    trials = [trial for trial in ledger.trials if trial.reached]
    evidence = [[trial.reached[rung].losses.values() for rung in late if rung in trial.reached] for trial in trials]
    seen = [len(losses[-1]) if losses else 0 for losses in evidence]
    failed = [sum(has_failed(loss, baseline) for loss in losses[-1]) if losses else 0 for losses in evidence]
    if not isfinite(baseline) or not any(failed) or sum(map(bool, seen)) < _FEWEST_NEIGHBOURS:
        return {}
    rates = failure_rates(study.space, [trial.parameters for trial in trials], failed, seen)
    capped = study.score.cap * baseline
    return {
        trial.number: capped * max(0.0, rate - (bad / count if count else 0.0))
        for trial, rate, bad, count in zip(trials, rates, failed, seen, strict=True)
    }


def incumbent(ranked: list[Standing]) -> Standing | None:
    """Returns the best trial so far; it is the winner only if it is confirmed."""
    return next((standing for standing in ranked if standing.rung is not None and standing.state != "failed"), None)


def lucky(ledger: Ledger, ranked: list[Standing]) -> list[Lucky]:
    """Returns the trials that look better than the incumbent on one seed and fail on others, most flattered first.

    A trial is compared with the incumbent on the same seed at the same rung.
    """
    best = incumbent(ranked)
    if best is None:
        return []
    baseline = scored_baseline(ledger)
    found = [_luck(standing, best, baseline) for standing in ranked if standing.rung is not None]
    return sorted((luck for luck in found if luck), key=lambda luck: luck.loss - luck.incumbent_loss)


def scored_baseline(ledger: Ledger) -> float:
    """Returns the constant model's loss in the scored metric; inf when no trainer has said one."""
    return (ledger.baseline or {}).get(ledger.study.score.metric, inf)


def _standing(
    ledger: Ledger, trial: Trial, baseline: float, charges: Mapping[int, float], in_flight: frozenset[int]
) -> Standing:
    last = trial.last
    return Standing(
        trial=trial,
        state=trial.state(trial.number in in_flight),
        rung=last.rung if last else None,
        epochs=ledger.study.rungs[last.rung].epochs if last else 0,
        score=last.score + charges.get(trial.number, 0.0) if last else inf,
        losses=last.losses if last else {},
        summary=summarize(list(last.losses.values()), baseline) if last else None,
        seed_epochs=sum(ledger.trained(trial.number).values()),
    )


def _preferred(alike: Sequence[Standing], pace: Mapping[int, float]) -> Standing:
    """Returns which of some trials that cannot be told apart to recommend; `alike` is in the order of the scores."""
    bounds = [one.summary.failure_interval[1] if one.summary else inf for one in alike]
    safest = [one for one, bound in zip(alike, bounds, strict=True) if bound == min(bounds)]
    first = safest[0]
    quicker = [
        one
        for one in safest
        if pace[one.number] * QUICKER <= pace[first.number] and one.score <= first.score * _AS_GOOD
    ]
    return min(quicker, key=lambda one: (pace[one.number], one.number), default=first)


def _order(standing: Standing) -> tuple[bool, int, float, int]:
    rung = -1 if standing.rung is None else standing.rung
    return standing.state == "failed", -rung, standing.score, standing.number


def _luck(standing: Standing, best: Standing, baseline: float) -> Lucky | None:
    assert standing.rung is not None
    reference = best.trial.reached.get(standing.rung)
    failed = tuple(seed for seed, loss in standing.losses.items() if has_failed(loss, baseline))
    if reference is None or standing is best or not failed:
        return None
    better = {
        seed: loss - reference.losses[seed]
        for seed, loss in standing.losses.items()
        if seed not in failed and isfinite(reference.losses.get(seed, inf)) and loss < reference.losses[seed]
    }
    if not better:
        return None
    seed = min(better, key=lambda seed: better[seed])
    return Lucky(standing, seed, standing.losses[seed], reference.losses[seed], failed)
