"""Promoting a trial and stopping one, with the reasons that people read."""

from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.promotion import ordinal
from tune.optimizer.trial_index import TrialIndex


class Moves:
    """What may be done to a trial that stands at a rung.

    Args:
        ledger: The study's memory.
        index: Its trials; whoever moves one has had it follow.
    """

    def __init__(self, ledger: Ledger, index: TrialIndex) -> None:
        self._ledger, self._index = ledger, index

    def standing(self, trial: Trial) -> str:
        """Returns how a trial stands at its rung, among those it is compared with."""
        names, kind = self._ledger.study.protected if trial.rung == 0 else (), ""
        if names:
            values = ((name, trial.parameters.get(name)) for name in names)
            kind = " with " + ", ".join(f"{name} {str(value).lower()}" for name, value in values)
        place, count = self._index.contest(trial.rung).place(trial.number)
        return f"{ordinal(place)} of {count} at rung {trial.rung}{kind}"

    def promote(self, number: int, rung: int, why: str) -> Trial:
        """Has a trial climb to a rung."""
        self._ledger.decide("promote", number, rung, f"promoted to rung {rung}: {why}")
        return self._ledger.trials[number]

    def stop(self, trial: Trial) -> None:
        """Has a trial train no more."""
        losses = trial.reached[trial.rung].losses.values()
        failed = sum(map(self._ledger.loss_scale.failed, losses))
        seeds = f", {failed} of {len(losses)} seeds failed" if failed else ""
        self._ledger.decide("stop", trial.number, trial.rung, f"stopped: {self.standing(trial)}{seeds}")
