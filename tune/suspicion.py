"""Failures that a trial's own seeds did not show, as its neighbours tell of them."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from tune.ledger import Trial
from tune.neighbours import Neighbours
from tune.scoring import has_failed, wilson_interval
from tune.study import Study

_FEWEST_NEIGHBOURS = 8  # trials; fewer say nothing about how far evidence reaches
_MOST_NEIGHBOURS = 1000  # trials; a fit takes the square of it


class Suspicion:
    """What is known of failures that a trial's own seeds did not show, kept up as results come in.

    A trial is charged the estimated failure rate beyond the one seen, times the capped loss of a failed seed; see
    `tune.neighbours`. Only seeds that trained for at least half of the full epochs count as evidence: before, a slow
    starter fails as well. Of more than a thousand trials with evidence the newest count. Nothing is charged while no
    such seed has failed, or too few trials were seen for neighbours to mean anything.

    How its state evolves: `follow(trial)` when a trial has a new result → `charges()`, `failure_bound()`. A trial's own
    result changes its charge, and where it is evidence everybody's.

    Args:
        study: Its space, ladder and score.
        baseline: The constant model's loss in the scored metric.

    Attributes:
        version: Counts the changes of evidence; while it stays, no charge changes but of trials that are new.
    """

    def __init__(self, study: Study, baseline: float) -> None:
        self.version = 0
        self._study, self._baseline = study, baseline
        self._late = [index for index, rung in enumerate(study.rungs) if 2 * rung.epochs >= study.top.epochs]
        self._trials: dict[int, Trial] = {}
        self._seen: dict[int, tuple[int, int]] = {}  # by trial with evidence: seeds that failed, seeds
        self._neighbours: Neighbours | None = None
        self._charges: dict[int, float] = {}
        self._bounds: dict[int, float] = {}  # by trial with evidence, as the neighbours tell
        self._uncharged: dict[int, None] = {}  # in the order in which they came
        self._fitted = True

    def follow(self, trial: Trial) -> None:
        """Takes over the results of a trial."""
        if not trial.reached:
            return
        if trial.number not in self._trials:
            self._uncharged[trial.number] = None
        self._trials[trial.number] = trial
        losses = [trial.reached[rung].losses.values() for rung in self._late if rung in trial.reached]
        if not losses:
            return
        seen = sum(has_failed(loss, self._baseline) for loss in losses[-1]), len(losses[-1])
        if self._seen.get(trial.number) != seen:
            self._seen[trial.number] = seen
            self._fitted = False
            self.version += 1

    def charges(self, trials: Iterable[int] | None = None) -> Mapping[int, float]:
        """Returns the charges by trial, at least those of some trials, all if not told; empty when there are none."""
        if not self._fitted:
            self._fitted, self._charges, self._bounds, self._uncharged = True, {}, {}, dict.fromkeys(self._trials)
            self._neighbours = self._fit()
        if self._neighbours is not None:
            numbers = [one for one in (self._uncharged if trials is None else trials) if one in self._uncharged]
            for number in numbers:
                del self._uncharged[number]
            if numbers:
                self._charge(numbers, self._neighbours.rates_of(*self._told(numbers)))
        return self._charges

    def failure_bound(self, number: int) -> float:
        """Returns the upper end of the 95 % interval of a trial's failure rate; 1 without evidence.

        That of the beta posterior from its own seeds and its neighbours'; Wilson's of its own where these tell nothing.
        So where nothing fails far around, three seeds without a failure are not taken for worse than ten.
        """
        self.charges(())
        if number not in self._seen:
            return 1.0
        return self._bounds[number] if number in self._bounds else wilson_interval(*self._seen[number])[1]

    def _fit(self) -> Neighbours | None:
        """Fits the evidence, and charges those that are part of it."""
        numbers = sorted(self._seen)[-_MOST_NEIGHBOURS:]
        if not isfinite(self._baseline) or not any(failed for failed, _ in self._seen.values()):
            return None
        if len(numbers) < _FEWEST_NEIGHBOURS:
            return None
        neighbours = Neighbours(self._study.space, *self._told(numbers))
        self._charge(numbers, neighbours.rates)
        self._bounds = dict(zip(numbers, neighbours.bounds(), strict=True))
        for number in numbers:
            self._uncharged.pop(number)
        return neighbours

    def _told(self, numbers: Sequence[int]) -> tuple[list[Mapping[str, Any]], list[int], list[int]]:
        """Returns the settings of trials, how many of their seeds failed, and how many were seen."""
        failed, seen = zip(*(self._seen.get(number, (0, 0)) for number in numbers), strict=True)
        return [self._trials[number].parameters for number in numbers], list(failed), list(seen)

    def _charge(self, numbers: Sequence[int], rates: Sequence[float]) -> None:
        capped = self._study.score.cap * self._baseline
        for number, rate in zip(numbers, rates, strict=True):
            failed, seen = self._seen.get(number, (0, 1))
            self._charges[number] = capped * max(0.0, rate - failed / seen)
