"""Failures that a trial's own seeds did not show, as other trials tell of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.scoring.failure_kernel import KernelRates
from tune.scoring.failure_trend import LogisticRates, SeedCounts
from tune.scoring.intervals import wilson_interval
from tune.scoring.score import fails_early
from tune.scoring.trial_follower import TrialFollower

_FEWEST_NEIGHBOURS = 8  # trials; fewer say nothing about how far evidence reaches
_MOST_NEIGHBOURS = 1000  # trials; a fit takes the square of it
_FIRST = 200  # trials by number whose first rung is evidence; each result there is one more fit
_LEARNED = 0.75  # of the runs at the first rung; where more have not learned yet, it does not tell which will fail

Count = tuple[int, int]
"""Seeds that failed, and seeds that were seen."""


_NONE: dict[int, float] = {}  # the same each time, so that whoever keeps it sees that nothing has changed


@dataclass(frozen=True)
class _Trended:
    """A trend, None where there is none, and the penalties of trials by it."""

    trend: LogisticRates | None
    penalties: dict[int, float]


def failure_risk_of(ledger: LedgerReader) -> "FailureRisk":
    """Returns the failure risk of a ledger's trials as of now: one for all who ask of that ledger, so one fit.

    For the thread that writes the ledger; others may only be told what it has found.
    """
    return ledger.derived(_Followed).now()


class FailureRisk:
    """What is known of failures that a trial's own seeds did not show, kept up as results come in.

    A trial is penalised the estimated failure rate beyond the one seen, times the capped loss of a failed seed. Nothing
    is penalised while no seed has failed, or too few trials were seen for others to mean anything.

    - `penalties()`: of trials whose seeds had at least half of the full epochs, for these are evidence; before, a slow
      starter fails as well. From their neighbours, see `tune.scoring.failure_kernel`. It counts where a trial is
      confirmed, or is compared with one that is: while it may climb, at the next rung its own seeds tell more
      (docs/search.md has what that is worth). Of more than a thousand trials the newest are evidence.
    - `penalties_at(rung)`: of trials that may climb, and only where the first rung tells of failures: with fewer
      epochs, of which most runs have learned nevertheless, so that a failure there is one. From a trend over the space,
      see `tune.scoring.failure_trend`: at the first rung from what was seen there, at those with half of the epochs
      from all that was seen. Of more than 200 trials the first are evidence.

    How its state evolves: `follow(trial)` when a trial has a new result → `penalties()`, `failure_bound()`,
    `penalties_at(rung)`. Any evidence changes the penalties of all.

    Args:
        ledger: The study's memory.
        scale: What makes losses of the scored metric.
    """

    def __init__(self, ledger: LedgerReader, scale: LossScale) -> None:
        study = ledger.study
        self._ledger, self._space, self._scale = ledger, study.space, scale
        self._capped = study.score.cap * scale.limit
        self._late = [index for index, rung in enumerate(study.rungs) if 2 * rung.epochs >= study.top.epochs]
        self._first_epochs = 0 if 0 in self._late else study.rungs[0].epochs
        self._settings: dict[int, Mapping[str, Any]] = {}  # by trial with evidence
        self._seen: dict[int, Count] = {}  # late
        self._early: dict[int, Count] = {}  # at the first rung, of the seeds that had learned by then
        self._runs = 0  # at the first rung, of the trials that are evidence there
        self._bounds: dict[int, float] = {}  # as the neighbours tell
        self._confirmed: set[int] = set()
        self._penalties: dict[int, float] = {}
        self._trends: dict[bool, _Trended | None] = {True: None, False: None}  # by whether late; None: to be fitted
        self._fitted = True

    def follow(self, trial: Trial) -> None:
        """Takes over the results of a trial."""
        self._settings[trial.number] = trial.parameters
        self._follow_early(trial)
        losses = [trial.reached[rung].losses.values() for rung in self._late if rung in trial.reached]
        if not losses:
            return
        number = trial.number
        seen = sum(map(self._scale.failed, losses[-1])), len(losses[-1])
        if self._seen.get(number) != seen or trial.confirmed != (number in self._confirmed):
            self._seen[number] = seen
            (self._confirmed.add if trial.confirmed else self._confirmed.discard)(number)
            self._fitted = False
            self._renew(number, late=True)

    def penalties(self) -> Mapping[int, float]:
        """Returns the penalties by trial, those of all with evidence; empty when there are none."""
        if not self._fitted:
            self._fit()
            self._fitted = True
        return self._penalties

    def penalties_at(self, rung: int) -> Mapping[int, float]:
        """Returns the penalties at a rung below the last by trial, of all with evidence; empty when there are none.

        While the evidence stays the same, the same mapping is returned, though it may have got more trials.
        """
        late = rung in self._late
        if rung > 0 and not late:
            return _NONE
        trended = self._trends[late]
        if trended is None:
            trended = self._trends[late] = self._fit_trend(late=late)
        return trended.penalties

    def failure_bound(self, number: int) -> float:
        """Returns the upper end of the 95 % interval of a trial's failure rate; 1 without evidence.

        That of the beta posterior from its own seeds and its neighbours'; Wilson's of its own where these tell nothing.
        So where nothing fails far around, three seeds without a failure are not taken for worse than ten.
        """
        self.penalties()
        if number not in self._seen:
            return 1.0
        return self._bounds[number] if number in self._bounds else wilson_interval(*self._seen[number])[1]

    def _follow_early(self, trial: Trial) -> None:
        number = trial.number
        if not self._first_epochs or 0 not in trial.reached or number in self._early:
            return
        seeds = trial.reached[0].losses
        curves = (self._ledger.told(number, seed, self._first_epochs) for seed in seeds)
        scale = self._scale
        told = (fails_early([scale.loss(value) for value in curve], scale.limit) for curve in curves if curve)
        shown = [failed for failed in told if failed is not None]
        self._early[number] = sum(shown), len(shown)
        if number < _FIRST:
            self._runs += len(seeds)
            self._fitted = False
            self._renew(number, late=True)
        self._renew(number, late=False)

    def _renew(self, number: int, *, late: bool) -> None:
        """Takes note that a trial has new evidence: of the first it changes all penalties, of others only their own."""
        trended = self._trends[late]
        if number < _FIRST:
            self._trends[late] = None
        elif trended is not None and trended.trend is not None:
            rates = trended.trend.rates_of([self._settings[number]])
            trended.penalties.update(self._penalties_of([number], self._seen if late else self._early, rates))

    def _fit(self) -> None:
        self._penalties, self._bounds = {}, {}
        numbers = sorted(self._seen)[-_MOST_NEIGHBOURS:]
        if not isfinite(self._scale.limit) or not any(failed for failed, _ in self._seen.values()):
            return
        if len(numbers) < _FEWEST_NEIGHBOURS:
            return
        early = self._told(self._learned() - self._seen.keys(), self._early) if self._tells() else None
        late = self._told(numbers, self._seen)
        kernel = KernelRates(self._space, late.settings, late.failed, late.seen, early)
        self._bounds = dict(zip(numbers, kernel.bounds(), strict=True))
        self._penalties = self._penalties_of(numbers, self._seen, kernel.rates)
        if older := sorted(self._confirmed - self._penalties.keys()):
            those = self._told(older, self._seen)
            rates = kernel.rates_of(those.settings, those.failed, those.seen)
            self._penalties |= self._penalties_of(older, self._seen, rates)

    def _fit_trend(self, *, late: bool) -> _Trended:
        seen = self._seen if late else self._early
        if not seen or not self._tells():
            return _Trended(None, _NONE)
        early = self._learned()
        if late:
            first = {number for number in self._seen if number < _FIRST}
            trend = LogisticRates(self._space, self._told(first, self._seen), self._told(early - first, self._early))
        else:
            trend = LogisticRates(self._space, self._told(early, self._early), SeedCounts())
        numbers = sorted(seen)
        rates = trend.rates_of([self._settings[number] for number in numbers])
        return _Trended(trend, self._penalties_of(numbers, seen, rates))

    def _learned(self) -> set[int]:
        """Returns the trials that are evidence at the first rung."""
        return {number for number, (_, seen) in self._early.items() if seen and number < _FIRST}

    def _tells(self) -> bool:
        """Says whether the first rung tells of failures."""
        evidence = [self._early[number] for number in self._learned()]
        return (
            isfinite(self._scale.limit)
            and len(evidence) >= _FEWEST_NEIGHBOURS
            and any(failed for failed, _ in evidence)
            and sum(seen for _, seen in evidence) >= _LEARNED * self._runs
        )

    def _penalties_of(
        self, numbers: Sequence[int], seen: Mapping[int, Count], rates: Iterable[float]
    ) -> dict[int, float]:
        """Returns the penalties of trials, by the rates at which they are taken to fail."""
        penalties = {}
        for number, rate in zip(numbers, rates, strict=True):
            failed, runs = seen[number]
            penalties[number] = self._capped * max(0.0, float(rate) - (failed / runs if runs else 0.0))
        return penalties

    def _told(self, trials: Iterable[int], seen: Mapping[int, Count]) -> SeedCounts:
        numbers = sorted(trials)
        counts = [seen[number] for number in numbers]
        return SeedCounts(
            [self._settings[number] for number in numbers],
            [failed for failed, _ in counts],
            [runs for _, runs in counts],
        )


class _Followed:
    """The failure risk of a ledger's trials, which are followed."""

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger, self._follower = ledger, TrialFollower(ledger)
        self._failure_risk: FailureRisk | None = None

    def now(self) -> FailureRisk:
        changes = self._follower.changes()
        risk, self._failure_risk = self._failure_risk, None  # where following fails it is made anew the next time
        trials: Collection[int] = changes.trials
        if risk is None or changes.anew:
            risk, trials = FailureRisk(self._ledger, self._ledger.loss_scale), range(len(self._ledger.trials))
        for number in trials:
            risk.follow(self._ledger.trials[number])
        self._failure_risk = risk
        return risk
