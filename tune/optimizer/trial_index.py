"""How the trials of a study stand, by what may become of them next, kept up decision by decision.

Everything here could be found by a look at all trials. Decisions are as many as trials, so a study of ten thousand
would look at a hundred million; instead each decision says which trial has changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.optimizer.observations import Observations
from tune.optimizer.promotion import Contest, Fate
from tune.scoring.failure_risk import failure_risk_of
from tune.scoring.trial_follower import TrialFollower
from tune.study.values import frozen


class TrialIndex:
    """An index of the ledger's trials.

    How its state evolves: `follow()` takes over what was decided since it was last called; call it before looking.

    Args:
        ledger: The study's memory.

    Attributes:
        open: The trials that head for a rung.
        paused: Those that stand at a rung below the last.
        confirmed: Those that went the full ladder.
        racing: Those that have a seed of the final race to train.
        raced: How many seeds the final race has given in all.
        any_result: Whether any trial has reached a rung.
        observations: What a sampler sees.
        failure_risk: What is known of failures that a trial's own seeds did not show.
    """

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger, self._follower = ledger, TrialFollower(ledger)
        self._begin()

    def _begin(self) -> None:
        ledger = self._ledger
        study = ledger.study
        self.open: set[int] = set()
        self.paused: set[int] = set()
        self.confirmed: set[int] = set()
        self.racing: set[int] = set()
        self._seeds: dict[int, int] = {}
        self.raced = 0
        self.any_result = False
        self.observations = Observations(study, ledger.loss_scale)
        self.failure_risk = failure_risk_of(ledger)
        self._penalties: list[Mapping[int, float]] = [{} for _ in study.rungs[:-1]]  # not yet taken over
        self._protected = study.protected
        self._contests = [
            Contest(study.search.reduction_factor, at_once=study.search.halving == "stop") for _ in study.rungs
        ]
        self._changed: list[set[int]] = [set() for _ in study.rungs]  # at each rung, since its contest was looked at

    def follow(self) -> None:
        """Takes over what was decided since the last time."""
        changes, trials = self._follower.changes(), self._ledger.trials
        if changes.anew:
            self._begin()
        for number in changes.trials:
            self._take(trials[number])
        self.failure_risk = failure_risk_of(self._ledger)
        again = {*changes.trials} | self._renew_penalties()
        penalties = self._penalties[0] if self._penalties else {}
        for number in sorted(again):
            self.observations.follow(trials[number], penalties.get(number, 0.0))

    def _renew_penalties(self) -> set[int]:
        """Takes over penalties that changed for all; returns the trials that are penalised anew at the first rung."""
        renewed = set()
        for rung, before in enumerate(self._penalties):
            self._penalties[rung] = self.failure_risk.penalties_at(rung)
            if self._penalties[rung] is not before:
                there = {one.number for one in self._ledger.trials if rung in one.reached}
                self._changed[rung] |= there
                renewed |= there if rung == 0 else set()
        return renewed

    def contest(self, rung: int) -> Contest:
        """Returns the trials at a rung in order, those that have died since left out."""
        contest, changed = self._contests[rung], sorted(self._changed[rung])
        self._changed[rung] = set()
        penalties = self._penalties[rung] if rung < len(self._penalties) else {}
        for number in changed:
            trial = self._ledger.trials[number]
            if trial.ended == "failed":
                contest.drop(number)
                continue
            group = trial.round, *(self.kind(trial) if rung == 0 else ())
            fate: Fate = "climbed" if trial.rung > rung else "ended" if trial.ended else "waits"
            contest.put(number, trial.reached[rung].score + penalties.get(number, 0.0), group, fate)
        return contest

    def earned(self, rung: int) -> Iterator[int]:
        """Yields the trials that have earned promotion from a rung, best first."""
        return self.contest(rung).earned()

    def kind(self, trial: Trial) -> tuple[Any, ...]:
        """Returns what a trial is compared within at the first rung: there a slow starter only with its kind."""
        return tuple(frozen(trial.parameters.get(name)) for name in self._protected)

    def _take(self, trial: Trial) -> None:
        number = trial.number
        for members, belongs in (
            (self.open, trial.open),
            (self.paused, trial.paused),
            (self.confirmed, trial.confirmed),
            (self.racing, trial.racing),
        ):
            (members.add if belongs else members.discard)(number)
        extra = max(0, trial.seeds - self._ledger.study.top.seeds)
        self.raced += extra - self._seeds.get(number, 0)
        self._seeds[number] = extra
        self.any_result = self.any_result or bool(trial.reached)
        for rung in trial.reached:
            self._changed[rung].add(number)
