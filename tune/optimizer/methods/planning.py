"""How a plan goes on: the next arm of the first round that may begin; of a round that searches, its next trial."""

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune.errors import StudyStopped
from tune.ledger.arms import arms_in, is_over, trials_of
from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.abort import first_trials_may_all_die
from tune.optimizer.budget import BudgetUse
from tune.optimizer.feasible import Suggestion, suggest_feasible
from tune.optimizer.methods.method import Method
from tune.optimizer.methods.winners import Winner, winner_of
from tune.optimizer.trial_index import TrialIndex
from tune.study.ladder import Rung, cost
from tune.study.plan.arms import Arm, carried
from tune.study.plan.derived import trial_ladder
from tune.study.plan.section import Round, RoundSearch
from tune.trainer import ConfigCheck


class Planning(Method):
    """Says what a plan does next; it keeps nothing that the ledger does not have.

    Rounds go in the order of the file. One that is from earlier ones waits until these are over; meanwhile those that
    are not may begin. An arm trains all its seeds before a later arm trains any, so a plan that is cut short has
    finished comparisons, and has dropped the arms that stand last.
    """

    def __init__(
        self, ledger: Ledger, index: TrialIndex, budget: BudgetUse, in_flight: Collection[int], check: ConfigCheck
    ) -> None:
        super().__init__(ledger, index, budget, in_flight, check)
        self._used_up: set[str] = set()  # rounds that search, and find nothing else to try

    @property
    def choices(self) -> Sequence[Callable[[], Trial | None]]:
        """What to ask for a trial to be trained next, in this order."""
        return (self._promotion, self._new)

    def _promotion(self) -> Trial | None:
        """Promotes the best trial of a round that searches that has earned it."""
        for rung in range(len(self.study.rungs) - 1):
            for number in self._index.earned(rung):
                trial = self.ledger.trials[number]
                if trial.paused and self._budget.affords_climb(trial, rung + 1):
                    return self.promote(number, rung + 1, self.standing(trial))
        return None

    def _new(self) -> Trial | None:
        if not self._index.any_result and first_trials_may_all_die(self.ledger.trials, self.study.resources.retries):
            return None
        failed = []
        for name, of in self.study.plan.items():
            if name not in self.ledger.rounds:
                winners = {earlier: winner_of(self.ledger, earlier) for earlier in of.from_ if self._over(earlier)}
                if len(winners) < len(of.from_):
                    continue
                failed += [(name, earlier) for earlier, winner in winners.items() if winner is None]
                found = {earlier: winner for earlier, winner in winners.items() if winner is not None}
                if len(found) < len(of.from_):
                    continue
                self._begin(name, of, found)
            trial = self._next_arm(name) if of.search is None else self._next_searched(name, of.search)
            if trial is not None or self._stopped_short(name):
                return trial
        if failed and not self._in_flight:
            raise StudyStopped(self._from_failed(*failed[0]))
        return None

    def _begin(self, name: str, of: Round, winners: Mapping[str, Winner]) -> None:
        """Has a round begin, from `base` and what earlier rounds found."""
        configurations = {earlier: self.ledger.trials[one.trial].parameters for earlier, one in winners.items()}
        begun = {one: self.ledger.rounds[one] for one in winners}
        bases, earlier = ({one: getattr(of_it, key) for one, of_it in begun.items()} for key in ("base", "carried"))
        taken = carried(of, configurations, bases, earlier)
        detail = {
            "round": name,
            "base": {**self.study.base, **taken},
            "carried": taken,
            "winners": {one: winner.trial for one, winner in winners.items()},
            "tied": {one: list(winner.tied) for one, winner in winners.items()},
        }
        why = "; ".join(winner.reason for winner in winners.values())
        self.ledger.decide("round", reason=f"round {name} begins{': ' if why else ''}{why}", detail=detail)

    def _next_arm(self, name: str) -> Trial | None:
        for placed in arms_in(self.ledger, name):
            trial, arm = placed.trial, placed.arm
            if trial is None and not self._budget.has_room(arm.seed_epochs):
                return None
            if trial is None:
                trial = self._start(arm)
                if trial.ended is None:
                    return trial
                continue  # refused
            if trial.confirmed and not trial.open and not is_over(self.ledger, placed):
                more = arm.seeds - len(self.ledger.seeds(trial.number, trial.rung))
                if not self._budget.has_room(arm.epochs * more):
                    return None
                why = f"gets {more} more of the plan's seeds, as arm {arm.full_name}"
                self.ledger.decide("race", trial.number, trial.rung, why, {"seeds": arm.seeds})
                return trial
        return None

    def _start(self, arm: Arm) -> Trial:
        """Begins an arm; one that the trainer refuses is dead at once."""
        rungs, why = [Rung(epochs=arm.epochs, seeds=arm.seeds)], f"arm {arm.full_name} of the plan"
        trial = self._begin_trial(arm.round, arm.name, rungs, why, {"parameters": dict(arm.configuration)})
        against = self._check({**self.study.fixed, **arm.configuration})
        if against:
            why = "; ".join(f"{key}: {message}" for key, message in against.items())
            self.ledger.decide("fail", trial.number, trial.rung, f"the trainer refuses this arm: {why}")
            self._index.follow()
        return trial

    def _next_searched(self, name: str, search: RoundSearch) -> Trial | None:
        """Begins a trial of a round that searches; sends its best one up where none else would be confirmed."""
        rungs = self.study.plan[name].ladder(self.study.top.epochs, len(self.study.seeds))
        own = trials_of(self.ledger, name)
        if len(own) < search.wanted and self._budget.has_room(cost(rungs[0])):
            base = self.ledger.rounds[name].base
            found = self._suggested(base, search, rungs, own)
            if found is not None:
                detail: dict[str, Any] = {"parameters": {**base, **found.parameters}}
                if found.refused:
                    detail["refused"] = [{**base, **one} for one in found.refused]
                return self._begin_trial(name, f"search-{len(own)}", rungs, found.reason, detail)
            self._used_up.add(name)
        waiting = [one for one in own if one.paused]
        if waiting and not any(one.open or one.confirmed for one in own):
            best = min(waiting, key=lambda one: (-one.rung, one.reached[one.rung].score, one.number))
            if self._budget.affords_climb(best, best.rung + 1, reserve=False):
                return self.promote(best.number, best.rung + 1, "the best of its round, of which none is confirmed")
        return None

    def _suggested(
        self, base: Mapping[str, Any], search: RoundSearch, rungs: Sequence[Rung], own: Sequence[Trial]
    ) -> Suggestion | None:
        """Returns what a round would try next if it were a study of its own; None when there is nothing else."""
        others = {name: value for name, value in base.items() if name not in search.space}
        update = {
            "plan": {}, "base": {}, "space": search.space, "fixed": {**self.study.fixed, **others}, "search": search,
            "rungs": trial_ladder(rungs, len(self.study.rungs)),
        }  # fmt: skip
        names = search.space.keys()
        settings = ({key: one.parameters[key] for key in names & one.parameters.keys()} for one in own)
        pairs = enumerate(zip(own, settings, strict=True))
        seen = [replace(one, number=place, parameters=setting) for place, (one, setting) in pairs]
        alone = self.study.model_copy(update=update)
        return suggest_feasible(alone, seen, self.ledger.loss_scale, check=self._check)

    def _begin_trial(self, name: str, arm: str, rungs: Sequence[Rung], reason: str, detail: Mapping[str, Any]) -> Trial:
        """Begins a trial that climbs some rungs, of which the last is the study's last."""
        ladder = [[rung.epochs, rung.seeds] for rung in trial_ladder(rungs, len(self.study.rungs))]
        first = len(self.study.rungs) - len(rungs)
        told = {**detail, "round": name, "arm": arm, "ladder": ladder}
        self.ledger.decide("start", len(self.ledger.trials), first, reason, told)
        return self.ledger.trials[-1]

    def _over(self, name: str) -> bool:
        """Says whether a round has come to its end: all its arms are trained, or dead."""
        if name not in self.ledger.rounds:
            return False
        search = self.study.plan[name].search
        if search is None:
            return all(is_over(self.ledger, one) for one in arms_in(self.ledger, name))
        own = trials_of(self.ledger, name)
        begun = name in self._used_up or len(own) >= search.wanted
        return begun and not any(one.open for one in own) and any(map(_at_its_end, own))

    def _stopped_short(self, name: str) -> bool:
        """Says whether a round has arms left for which the budget has no room: no later one may overtake them."""
        if self.study.plan[name].search is not None:
            return False
        waits = (one for one in arms_in(self.ledger, name) if one.trial is None or not one.trial.open)
        return not all(is_over(self.ledger, one) for one in waits)

    def _from_failed(self, name: str, earlier: str) -> str:
        folder = shlex.quote(str(self.ledger.folder))
        mend = f"give it others: latent-tune resume {folder} --set 'plan.{earlier}.arms.NAME={{...}}'"
        if any(trial.ended == "failed" for trial in trials_of(self.ledger, earlier)):
            mend = f"mend what they died of, then: latent-tune resume {folder} --retry-failed; or {mend}"
        return (
            f"round '{name}' begins from '{earlier}', of which no arm came to a result that could be carried on "
            f"(latent-tune status {folder}); {mend}"
        )


def _at_its_end(trial: Trial) -> bool:
    return trial.confirmed or trial.ended == "failed"
