"""Failures that a trial's own seeds did not show, as its neighbours tell of them."""

from collections.abc import Mapping, Sequence
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

    A confirmed trial is charged the estimated failure rate beyond the one seen, times the capped loss of a failed seed;
    see `tune.neighbours`. One that may still climb is not: at the next rung its own seeds tell more (docs/search.md has
    what that is worth). Only seeds that trained for at least half of the full epochs count as evidence: before, a slow
    starter fails as well. Of more than a thousand trials with evidence the newest count. Nothing is charged while no
    such seed has failed, or too few trials were seen for neighbours to mean anything.

    How its state evolves: `follow(trial)` when a trial has a new result → `charges()`, `failure_bound()`. Any evidence
    changes the charges of all.

    Args:
        study: Its space, ladder and score.
        baseline: The constant model's loss in the scored metric.
    """

    def __init__(self, study: Study, baseline: float) -> None:
        self._study, self._baseline = study, baseline
        self._late = [index for index, rung in enumerate(study.rungs) if 2 * rung.epochs >= study.top.epochs]
        self._settings: dict[int, Mapping[str, Any]] = {}  # by trial with evidence, as the next two
        self._seen: dict[int, tuple[int, int]] = {}  # seeds that failed, seeds
        self._bounds: dict[int, float] = {}  # as the neighbours tell
        self._confirmed: set[int] = set()
        self._charges: dict[int, float] = {}
        self._fitted = True

    def follow(self, trial: Trial) -> None:
        """Takes over the results of a trial."""
        losses = [trial.reached[rung].losses.values() for rung in self._late if rung in trial.reached]
        if not losses:
            return
        number = trial.number
        seen = sum(has_failed(loss, self._baseline) for loss in losses[-1]), len(losses[-1])
        if self._seen.get(number) != seen or trial.confirmed != (number in self._confirmed):
            self._settings[number], self._seen[number] = trial.parameters, seen
            (self._confirmed.add if trial.confirmed else self._confirmed.discard)(number)
            self._fitted = False

    def charges(self) -> Mapping[int, float]:
        """Returns the charges by trial, those of all that are confirmed; empty when there are none."""
        if not self._fitted:
            self._fitted = True
            self._fit()
        return self._charges

    def failure_bound(self, number: int) -> float:
        """Returns the upper end of the 95 % interval of a trial's failure rate; 1 without evidence.

        That of the beta posterior from its own seeds and its neighbours'; Wilson's of its own where these tell nothing.
        So where nothing fails far around, three seeds without a failure are not taken for worse than ten.
        """
        self.charges()
        if number not in self._seen:
            return 1.0
        return self._bounds[number] if number in self._bounds else wilson_interval(*self._seen[number])[1]

    def _fit(self) -> None:
        self._charges, self._bounds = {}, {}
        numbers = sorted(self._seen)[-_MOST_NEIGHBOURS:]
        if not isfinite(self._baseline) or not any(failed for failed, _ in self._seen.values()):
            return
        if len(numbers) < _FEWEST_NEIGHBOURS:
            return
        neighbours = Neighbours(self._study.space, *self._told(numbers))
        self._bounds = dict(zip(numbers, neighbours.bounds(), strict=True))
        rates = dict(zip(numbers, neighbours.rates, strict=True))
        if older := sorted(self._confirmed - rates.keys()):
            rates |= zip(older, neighbours.rates_of(*self._told(older)), strict=True)
        capped = self._study.score.cap * self._baseline
        for number in sorted(self._confirmed):
            failed, seen = self._seen[number]
            self._charges[number] = capped * max(0.0, rates[number] - failed / seen)

    def _told(self, numbers: Sequence[int]) -> tuple[list[Mapping[str, Any]], list[int], list[int]]:
        """Returns the settings of trials, how many of their seeds failed, and how many were seen."""
        failed, seen = zip(*(self._seen[number] for number in numbers), strict=True)
        return [self._settings[number] for number in numbers], list(failed), list(seen)
