"""Who gets what is left in the end, from the ledger and the study."""

from collections.abc import Collection, Iterable

from tune.ledger.ledger import Ledger
from tune.optimizer.budget import Spending
from tune.optimizer.race import Finalist, next_finalist
from tune.optimizer.trial_index import Board
from tune.scoring.standings import scored_baseline


class Finale:
    """The end of one study: confirmed trials, and those that may still take the lead from them.

    They are compared by their scores with the failures that neighbours tell of; see `tune.scoring.failure_risk`.

    Args:
        ledger: The study's memory.
        board: Its trials; whoever asks has had it follow.
        spending: What the budget has room for.
    """

    def __init__(self, ledger: Ledger, board: Board, spending: Spending) -> None:
        self._study, self._ledger, self._board, self._spending = ledger.study, ledger, board, spending

    def challenger(self) -> tuple[int, int, str] | None:
        """Returns a trial that waits with its full epochs and beats the leader, the rung it is to climb to, and why.

        So a study whose confirmed trials turned out to fail does not give its last seeds to the luckiest of them. Few
        seeds never look safe to the score, so a trial that leads with fewer is worth more of them.
        """
        leaders = sorted((score, number) for number, score in self._scores(self._board.confirmed).items())
        rungs = self._study.rungs
        for rung in reversed(range(len(rungs) - 1)) if leaders else ():
            if rungs[rung].epochs < self._study.top.epochs:
                break
            lead, leader = leaders[0]
            waiting = sorted((score, one) for one, score in self._scores(self._board.contest(rung).waiting()).items())
            for score, number in waiting:
                trial = self._ledger.trials[number]
                if score < lead and trial.paused and self._spending.affords_climb(trial, rung + 1, reserve=False):
                    counted = f"neighbours' failures counted its score is {score:.6g}"
                    return number, rung + 1, f"{counted}, that of trial {leader}, which leads, {lead:.6g}"
        return None

    def next_finalist(self, in_flight: Collection[int]) -> tuple[int, str] | None:
        """Returns the confirmed trial that gets one more seed, and why; see `tune.optimizer.race`.

        Args:
            in_flight: The trials being trained.
        """
        study = self._study
        if study.most_seeds == study.top.seeds or not self._spending.affordable(study.top.epochs, reserve=False):
            return None
        finalists = [
            Finalist(number, tuple(trial.last.losses.values()), score)
            for number, score in self._scores(sorted(self._board.confirmed)).items()
            if (trial := self._ledger.trials[number]).last is not None
        ]
        busy = (self._board.racing | set(in_flight)) & {one.number for one in finalists}
        baseline = scored_baseline(self._ledger)
        return next_finalist(finalists, study.most_seeds, study.confirm.finalists, baseline, study.score, busy=busy)

    def _scores(self, numbers: Iterable[int]) -> dict[int, float]:
        """Returns scores by trial, of those that have one and did not die."""
        charges = self._board.suspicion.charges()
        trials = (self._ledger.trials[number] for number in numbers)
        scored = ((one.number, one.last) for one in trials if one.last is not None and not one.ended)
        return {number: last.score + charges.get(number, 0.0) for number, last in scored}
