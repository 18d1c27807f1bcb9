"""How a search goes on: new trials, promotions, the final race."""

from collections.abc import Callable, Collection, Sequence

from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.abort import first_trials_may_all_die
from tune.optimizer.budget import BudgetUse
from tune.optimizer.feasible import suggest_feasible
from tune.optimizer.final_race import FinalRace
from tune.optimizer.methods.method import Method
from tune.optimizer.pending import most_pending
from tune.optimizer.promotion import ordinal
from tune.optimizer.trial_index import TrialIndex
from tune.study.ladder import cost
from tune.trainer import ConfigCheck

_EXPLORED = 0.5  # of the time there is


class Searching(Method):
    """Says what a search does next; it keeps nothing that the ledger does not have."""

    def __init__(
        self, ledger: Ledger, index: TrialIndex, budget: BudgetUse, in_flight: Collection[int], check: ConfigCheck
    ) -> None:
        super().__init__(ledger, index, budget, in_flight, check)
        self._final_race = FinalRace(ledger, index, budget)

    @property
    def choices(self) -> Sequence[Callable[[], Trial | None]]:
        """What to ask for a trial to be trained next, in this order."""
        next_ones = (self._new, self._promotion) if self._exploring else (self._promotion, self._new)
        return (*next_ones, self._last_resort, self._challenge, self._race, self._spend_rest)

    @property
    def _unhurried(self) -> bool:
        """Whether a rung may wait for all that come there, so that those who climb are the best of all.

        Not where each must go on at once or never, and not when half of a time limit is over: it may cut the study
        short, and a study ends with a winner.
        """
        return self.study.search.halving == "promote" and self._budget.time_used() < _EXPLORED

    @property
    def _thrifty(self) -> bool:
        """Whether a free slot may wait for what others find out: seed-epochs are limited, and time is not short."""
        return self._unhurried and self.study.budget.seed_epochs is not None

    @property
    def _exploring(self) -> bool:
        """Whether new trials come before promotions; not beyond what the seed-epochs pay for, or none could climb."""
        paid = self.study.paid_trials
        return self._unhurried and (paid is None or len(self.ledger.trials) < paid)

    def _promotion(self) -> Trial | None:
        """Promotes the best trial that has earned it; stops others if asked to.

        From the lowest rung up, so that whoever climbs on is the best of all that come there; from the highest down
        when time may run out. Where seed-epochs are limited a rung waits for those who are on their way to it.
        """
        for number in sorted(self._index.paused) if self.study.search.halving == "stop" else ():
            trial = self.ledger.trials[number]
            if number not in self._index.earned(trial.rung):
                self.stop(trial)
                self._index.follow()
        rungs = range(len(self.study.rungs) - 1)
        for rung in rungs if self._unhurried else reversed(rungs):
            if self._thrifty and any(self.ledger.trials[number].rung <= rung for number in self._in_flight):
                return None
            for number in self._index.earned(rung):
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1):
                    return self.promote(number, rung + 1, self.standing(trial))
        return None

    def _new(self) -> Trial | None:
        if len(self.ledger.trials) >= self.study.trials or not self._budget.affordable(cost(self.study.rungs[0])):
            return None
        hopeless = not self._index.any_result and first_trials_may_all_die(
            self.ledger.trials, self.study.resources.retries
        )
        if hopeless or self._results_due():
            return None
        seen = self.ledger.trials, self.ledger.loss_scale, self._index.observations
        found = suggest_feasible(self.study, *seen, self._check)
        if found is None:
            return None
        self.ledger.decide("start", len(self.ledger.trials), 0, found.reason, found.detail)
        return self.ledger.trials[-1]

    def _results_due(self) -> bool:
        """Says whether the next suggestion should wait for one of the new trials in training; see `most_pending`."""
        most = most_pending(self.study, len(self.ledger.trials)) if self._thrifty else None
        return most is not None and sum(not self.ledger.trials[number].reached for number in self._in_flight) >= most

    def _last_resort(self) -> Trial | None:
        """When nothing else is left and no trial is confirmed, sends the best one up: a study ends with a winner."""
        if self._in_flight or self._budget.time_used() >= 1 or self._index.confirmed:
            return None
        for rung in reversed(range(len(self.study.rungs) - 1)):
            for number in self._index.contest(rung).waiting():
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1, reserve=False):
                    return self.promote(number, rung + 1, f"best at rung {rung}, and no trial was confirmed yet")
        return None

    def _challenge(self) -> Trial | None:
        """Promotes a trial that waits and beats the leader; see `FinalRace.challenger`."""
        if self._in_flight or self.study.budget.seed_epochs is None or self.study.search.halving == "stop":
            return None
        chosen = self._final_race.challenger()
        return self.promote(*chosen) if chosen else None

    def _race(self) -> Trial | None:
        """Gives one more seed to the confirmed trial that could still be best; see `tune.optimizer.final_race`.

        Where seed-epochs are limited it waits for all that are in training, who may climb or lead: what is left should
        go to the right trial and not to a free slot.
        """
        if self.study.budget.seed_epochs is not None and self._in_flight:
            return None
        chosen = self._final_race.next_finalist(self._in_flight)
        if chosen is None:
            return None
        number, why = chosen
        trial = self.ledger.trials[number]
        seeds = len(self.ledger.seeds(number, trial.rung)) + len(trial.given_up) + 1
        self.ledger.decide("race", number, trial.rung, f"gets its {ordinal(seeds)} seed: {why}", {"seeds": seeds})
        return trial

    def _spend_rest(self) -> Trial | None:
        """When all that was planned is done and budget is left, sends up the best of those that wait."""
        if self._in_flight or self.study.budget.seed_epochs is None or self.study.search.halving == "stop":
            return None
        for rung in reversed(range(len(self.study.rungs) - 1)):
            for number in self._index.contest(rung).waiting():
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1):
                    return self.promote(number, rung + 1, f"{self.standing(trial)}, and budget is left")
        return None
