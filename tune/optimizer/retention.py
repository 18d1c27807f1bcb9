"""Which checkpoints are kept: those from which a trial may still go on, and those of the best confirmed trials."""

from tune.ledger import Ledger, Trial
from tune.standings import standings


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
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = -1

    def collect(self) -> None:
        """Removes what the decisions so far have freed; a second call without a new decision does nothing.

        Raises:
            OSError: If files cannot be removed.
        """
        ledger = self._ledger
        if ledger.study.storage.keep == "all" or self._seen == len(ledger.decisions):
            return
        stored = [ledger.trials[number] for number in ledger.checkpoints.trials() if number < len(ledger.trials)]
        best = self._best(stored)
        for trial in stored:
            if trial.ended:
                ledger.forget(trial.number, keep=self._unevaluated(trial))
            elif trial.confirmed and trial.rung in trial.reached and trial.number not in best:
                ledger.forget(trial.number, keep=self._unjudged(trial) | self._unevaluated(trial))
        self._seen = len(ledger.decisions)

    def _best(self, stored: list[Trial]) -> set[int]:
        """Returns the confirmed trials whose checkpoints are kept; they are only ranked when there are too many."""
        keep = self._ledger.study.storage.keep
        assert keep != "all"
        confirmed = {trial.number for trial in stored if trial.confirmed and not trial.ended}
        if len(confirmed) <= keep:
            return confirmed
        ranked = standings(self._ledger, frozenset())
        return {one.number for one in [one for one in ranked if one.state == "confirmed"][:keep]}

    def _unevaluated(self, trial: Trial) -> set[int]:
        return {
            seed
            for rung in self._ledger.study.rungs[: trial.rung + 1]
            for seed in self._ledger.unevaluated(trial.number, rung.epochs)
        }

    def _unjudged(self, trial: Trial) -> set[int]:
        assert trial.last is not None
        return set(self._ledger.seeds(trial.number, trial.rung)) - trial.last.losses.keys()
