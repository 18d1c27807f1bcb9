"""Which checkpoints are kept: those from which a trial may still go on, and those of the best confirmed trials."""

from tune.ledger.cursor import DecisionCursor
from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.trial_index import TrialIndex
from tune.scoring.standings import rank


class Retention:
    """Removes checkpoints that no decision can ask for any more.

    Kept are those of trials that are not finished (running, waiting, paused), of the best `storage.keep` confirmed
    ones, of the seeds that the final race has given a trial and that have not been judged yet, and of those whose
    evaluation failed: it can be done again. Another seed that has been judged needs none: its curve is in the ledger,
    and seeds that join begin at epoch 0.

    What a unit in flight is to load is never removed, because its trial is not finished or its seeds are not judged. A
    process that is killed in the middle leaves files that the next one removes.

    Args:
        ledger: The study's memory.
        index: Its trials.
    """

    def __init__(self, ledger: Ledger, index: TrialIndex) -> None:
        self._ledger, self._index = ledger, index
        self._cursor: DecisionCursor | None = None
        self._confirmed: set[int] = set()  # those that have checkpoints

    def collect(self) -> None:
        """Removes what the decisions so far have freed; a second call without a new decision does nothing.

        Raises:
            OSError: If files cannot be removed.
        """
        ledger = self._ledger
        if ledger.study.storage.keep == "all" or (self._cursor is not None and not self._cursor.behind):
            return
        changed = [ledger.trials[number] for number in self._changed()]
        self._confirmed |= {trial.number for trial in changed if trial.confirmed and not trial.ended}
        for trial in changed:
            if trial.ended:
                self._confirmed.discard(trial.number)
                ledger.forget(trial.number, keep=self._unevaluated(trial))
        if any(trial.confirmed for trial in changed):
            self._keep_best()

    def _keep_best(self) -> None:
        for number in self._confirmed - self._best():
            trial = self._ledger.trials[number]
            keep = self._unjudged(trial) | self._unevaluated(trial)
            self._ledger.forget(number, keep=keep)
            if not keep:
                self._confirmed.discard(number)

    def _changed(self) -> list[int]:
        """Returns the trials decided upon since the last time; at the first time those that have checkpoints."""
        ledger = self._ledger
        if self._cursor is None:
            cursor = DecisionCursor(ledger, len(ledger.decisions))
            there = [number for number in ledger.checkpoints.trials() if number < len(ledger.trials)]
            self._cursor = cursor  # now that the folder has been looked at
            return there
        return sorted({one.trial for one in self._cursor.take() if one.trial is not None})

    def _best(self) -> set[int]:
        """Returns the confirmed trials whose checkpoints are kept; they are only ranked when there are too many."""
        keep = self._ledger.study.storage.keep
        assert keep != "all"
        if len(self._confirmed) <= keep:
            return self._confirmed
        self._index.follow()
        trials = [self._ledger.trials[number] for number in sorted(self._confirmed & self._index.confirmed)]
        ranked = rank(self._ledger, trials)
        return {one.number for one in ranked[:keep]}

    def _unevaluated(self, trial: Trial) -> set[int]:
        return {
            seed
            for rung in self._ledger.ladder(trial.number)[: trial.rung + 1]
            for seed in self._ledger.unevaluated(trial.number, rung.epochs)
        }

    def _unjudged(self, trial: Trial) -> set[int]:
        assert trial.last is not None
        return set(self._ledger.seeds(trial.number, trial.rung)) - trial.last.losses.keys()
