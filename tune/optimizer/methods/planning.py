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
from tune.optimizer.feasible import suggest_feasible
from tune.optimizer.methods.moves import Moves
from tune.optimizer.methods.winners import Winner, winner_of
from tune.optimizer.trial_index import TrialIndex
from tune.study.ladder import Rung, cost
from tune.study.plan.arms import Arm, carried
from tune.study.plan.derived import trial_ladder
from tune.study.plan.section import Round, RoundSearch
from tune.study.study import Study
from tune.trainer import ConfigCheck

_DEFAULT_TRIALS = 24


class Planning:
    """Says what a plan does next; it keeps nothing that the ledger does not have.

    Rounds go in the order of the file. One that is from earlier ones waits until these are over; meanwhile those that
    are not may begin. An arm trains all its seeds before a later arm trains any, so a plan that is cut short has
    finished comparisons, and has dropped the arms that stand last.

    Args:
        ledger: The study's memory.
        index: Its trials; whoever asks has had it follow.
        budget: What is left.
        in_flight: The trials that a driver is training, as of now.
        check: Says what the trainer has against a configuration, before it becomes a trial.
    """

    def __init__(
        self, ledger: Ledger, index: TrialIndex, budget: BudgetUse, in_flight: Collection[int], check: ConfigCheck
    ) -> None:
        self.study, self.ledger, self._check = ledger.study, ledger, check
        self._index, self._budget, self._in_flight = index, budget, in_flight
        self._moves = Moves(ledger, index)
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
                    return self._moves.promote(number, rung + 1, self._moves.standing(trial))
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
        ladder = trial_ladder([Rung(epochs=arm.epochs, seeds=arm.seeds)], len(self.study.rungs))
        trial = self._begin_trial(arm.configuration, ladder, 1, arm.round, arm.name)
        against = self._check({**self.study.fixed, **arm.configuration})
        if against:
            why = "; ".join(f"{key}: {message}" for key, message in against.items())
            self.ledger.decide("fail", trial.number, trial.rung, f"the trainer refuses this arm: {why}")
            self._index.follow()
        return trial

    def _next_searched(self, name: str, search: RoundSearch) -> Trial | None:
        """Begins a trial of a round that searches; sends its best one up where none else would be confirmed."""
        ladder = self._padded(name)
        own = trials_of(self.ledger, name)
        if len(own) < (search.trials or _DEFAULT_TRIALS) and self._budget.has_room(cost(ladder[0])):
            alone = _as_search(self.study, self.ledger.rounds[name].base, search, ladder)
            names = alone.space.keys()
            seen = [
                replace(
                    one, number=place, parameters={key: one.parameters[key] for key in names & one.parameters.keys()}
                )
                for place, one in enumerate(own)
            ]
            found = suggest_feasible(alone, seen, self.ledger.loss_scale, check=self._check)
            if found is None:
                self._used_up.add(name)
            else:
                base = self.ledger.rounds[name].base
                whole = {**base, **found.parameters}
                refused = [{**base, **one} for one in found.refused]
                climbs = len(self.study.plan[name].ladder(self.study.top.epochs, len(self.study.seeds)))
                number = f"search-{len(own)}"
                return self._begin_trial(whole, ladder, climbs, name, number, reason=found.reason, refused=refused)
        waiting = [one for one in own if one.paused]
        if waiting and not any(one.open or one.confirmed for one in own):
            best = min(waiting, key=lambda one: (-one.rung, one.reached[one.rung].score, one.number))
            if self._budget.affords_climb(best, best.rung + 1, reserve=False):
                return self._moves.promote(
                    best.number, best.rung + 1, "the best of its round, of which none is confirmed"
                )
        return None

    def _begin_trial(
        self,
        parameters: Mapping[str, Any],
        ladder: Sequence[Rung],
        climbs: int,
        of: str,
        arm: str,
        *,
        reason: str = "",
        refused: Sequence[Mapping[str, Any]] = (),
    ) -> Trial:
        detail = {
            "parameters": dict(parameters),
            "round": of,
            "arm": arm,
            "ladder": [[rung.epochs, rung.seeds] for rung in ladder],
            **({"refused": [dict(one) for one in refused]} if refused else {}),
        }
        first = len(self.study.rungs) - climbs
        self.ledger.decide("start", len(self.ledger.trials), first, reason or f"arm {of}/{arm} of the plan", detail)
        return self.ledger.trials[-1]

    def _padded(self, name: str) -> list[Rung]:
        own = self.study.plan[name].ladder(self.study.top.epochs, len(self.study.seeds))
        return trial_ladder(own, len(self.study.rungs))

    def _over(self, name: str) -> bool:
        """Says whether a round has come to its end: all its arms are trained, or dead."""
        if name not in self.ledger.rounds:
            return False
        search = self.study.plan[name].search
        if search is None:
            return all(is_over(self.ledger, one) for one in arms_in(self.ledger, name))
        own = trials_of(self.ledger, name)
        begun = name in self._used_up or len(own) >= (search.trials or _DEFAULT_TRIALS)
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


def _as_search(study: Study, base: Mapping[str, Any], search: RoundSearch, ladder: Sequence[Rung]) -> Study:
    """Returns a round as if it were a study of its own."""
    others = {name: value for name, value in base.items() if name not in search.space}
    update = {
        "plan": {}, "base": {}, "space": search.space, "fixed": {**study.fixed, **others}, "search": search,
        "rungs": list(ladder),
    }  # fmt: skip
    return study.model_copy(update=update)
