"""The final race: which of the confirmed trials gets one more seed, until the best is known; pure functions.

The ladder finds candidates; on its five seeds a setting that fails on one in ten looks safe more often than not. So
the best few get the study's remaining seeds, one at a time: the leader first, because it is what the study would
recommend, then whoever could still be better. Source: best-arm identification by confidence bounds, Kalyanakrishnan et
al. 2012, "PAC subset selection in stochastic multi-armed bandits" (LUCB, for a set of one).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tune.ledger.ledger import Ledger
from tune.optimizer.budget import BudgetUse
from tune.optimizer.trial_index import TrialIndex
from tune.scoring.score import has_failed, loss_interval
from tune.study.sections import ScoreRule


@dataclass(frozen=True)
class Finalist:
    """A confirmed trial.

    Attributes:
        number: The trial's.
        losses: Of the seeds seen so far; as `LossScale.loss` makes them.
        score: Of these.
        given_up: How many further seeds of it died.
    """

    number: int
    losses: Sequence[float]
    score: float
    given_up: int = 0


def next_finalist(
    finalists: Sequence[Finalist],
    most: int,
    entrants: int,
    baseline: float,
    rule: ScoreRule,
    *,
    busy: Collection[int] = (),
    zero: float = 0.0,
) -> tuple[int, str] | None:
    """Returns the trial that gets one more seed, and why; None when the race is over.

    Args:
        finalists: Every confirmed trial.
        most: Seeds that one of them can have.
        entrants: How many may have more seeds than the ladder gave.
        baseline: The loss of the baseline.
        rule: How losses are scored.
        busy: Trials that are in training, so they get nothing now.
        zero: What makes a score of a loss, for the words.
    """
    if not finalists:
        return None
    order = sorted(finalists, key=lambda one: (one.score, one.number))
    leader = order[0]
    fewest = min(len(one.losses) for one in finalists)
    racing = {one.number for one in finalists if len(one.losses) > fewest} | set(busy)

    def may_enter(one: Finalist) -> bool:
        if one.number in busy or len(one.losses) + one.given_up >= most:
            return False
        return one.number in racing or len(racing) < entrants

    if may_enter(leader):
        return leader.number, f"it leads with score {leader.score:.6g} on {len(leader.losses)} seeds"
    bound = loss_interval(leader.losses, baseline, rule)[1]
    failed = _failures(leader, baseline)
    open_ones = {
        one.number: loss_interval(one.losses, baseline, rule)[0]
        for one in order[1:]
        if may_enter(one) and _failures(one, baseline) <= failed
    }
    rivals = {number: low for number, low in open_ones.items() if low < bound}
    if not rivals:
        return None
    number = min(rivals, key=lambda number: (rivals[number], number))
    return number, f"its mean loss may be {rivals[number] + zero:.6g}, that of trial {leader.number} {bound + zero:.6g}"


def _failures(one: Finalist, baseline: float) -> int:
    return sum(has_failed(loss, baseline) for loss in one.losses)


class FinalRace:
    """The end of one study: confirmed trials, and those that may still take the lead from them.

    They are compared by their scores with the failures that neighbours tell of; see `tune.scoring.failure_risk`.

    Args:
        ledger: The study's memory.
        index: Its trials; whoever asks has had it follow.
        budget: What the budget has room for.
    """

    def __init__(self, ledger: Ledger, index: TrialIndex, budget: BudgetUse) -> None:
        self._study, self._ledger, self._index, self._budget = ledger.study, ledger, index, budget

    def challenger(self) -> tuple[int, int, str] | None:
        """Returns a trial that waits with its full epochs and beats the leader, the rung it is to climb to, and why.

        So a study whose confirmed trials turned out to fail does not give its last seeds to the luckiest of them. Few
        seeds never look safe to the score, so a trial that leads with fewer is worth more of them.
        """
        leaders = sorted((score, number) for number, score in self._scores(self._index.confirmed).items())
        rungs = self._study.rungs
        for rung in reversed(range(len(rungs) - 1)) if leaders else ():
            if rungs[rung].epochs < self._study.top.epochs:
                break
            lead, leader = leaders[0]
            waiting = sorted((score, one) for one, score in self._scores(self._index.contest(rung).waiting()).items())
            for score, number in waiting:
                trial = self._ledger.trials[number]
                if score < lead and trial.paused and self._budget.affords_climb(trial, rung + 1, reserve=False):
                    counted = f"neighbours' failures counted its score is {score:.6g}"
                    return number, rung + 1, f"{counted}, that of trial {leader}, which leads, {lead:.6g}"
        return None

    def next_finalist(self, in_flight: Collection[int]) -> tuple[int, str] | None:
        """Returns the confirmed trial that gets one more seed, and why (`next_finalist`).

        Args:
            in_flight: The trials being trained.
        """
        study = self._study
        if study.most_seeds == study.top.seeds or not self._budget.affordable(study.top.epochs, reserve=False):
            return None
        scale = self._ledger.loss_scale
        finalists = [
            Finalist(number, tuple(map(scale.loss, trial.last.losses.values())), score, len(trial.given_up))
            for number, score in self._scores(sorted(self._index.confirmed)).items()
            if (trial := self._ledger.trials[number]).last is not None
        ]
        busy = (self._index.racing | set(in_flight)) & {one.number for one in finalists}
        entrants = study.most_seeds, study.confirm.finalists
        return next_finalist(finalists, *entrants, scale.limit, study.score, busy=busy, zero=scale.score(0.0))

    def _scores(self, numbers: Iterable[int]) -> dict[int, float]:
        """Returns scores by trial, of those that have one and did not die."""
        penalties = self._index.failure_risk.penalties()
        trials = (self._ledger.trials[number] for number in numbers)
        scored = ((one.number, one.last) for one in trials if one.last is not None and not one.ended)
        return {number: last.score + penalties.get(number, 0.0) for number, last in scored}
