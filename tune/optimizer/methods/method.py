"""What a search and a plan have in common: what they look at, and what they do to a trial that stands at a rung."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence

from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.budget import BudgetUse
from tune.optimizer.promotion import ordinal
from tune.optimizer.trial_index import TrialIndex
from tune.trainer import ConfigCheck


class Method(ABC):
    """Says what a study does next; it keeps nothing that the ledger does not have.

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

    @property
    @abstractmethod
    def choices(self) -> Sequence[Callable[[], Trial | None]]:
        """What to ask for a trial to be trained next, in this order."""

    def standing(self, trial: Trial) -> str:
        """Returns how a trial stands at its rung, among those it is compared with."""
        names, kind = self.study.protected if trial.rung == 0 else (), ""
        if names:
            values = ((name, trial.parameters.get(name)) for name in names)
            kind = " with " + ", ".join(f"{name} {str(value).lower()}" for name, value in values)
        place, count = self._index.contest(trial.rung).place(trial.number)
        return f"{ordinal(place)} of {count} at rung {trial.rung}{kind}"

    def promote(self, number: int, rung: int, why: str) -> Trial:
        """Has a trial climb to a rung."""
        self.ledger.decide("promote", number, rung, f"promoted to rung {rung}: {why}")
        return self.ledger.trials[number]

    def stop(self, trial: Trial) -> None:
        """Has a trial train no more."""
        losses = trial.reached[trial.rung].losses.values()
        failed = sum(map(self.ledger.loss_scale.failed, losses))
        seeds = f", {failed} of {len(losses)} seeds failed" if failed else ""
        self.ledger.decide("stop", trial.number, trial.rung, f"stopped: {self.standing(trial)}{seeds}")
