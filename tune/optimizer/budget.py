"""What the budget has room for, from the ledger and the study."""

from collections.abc import Callable

from tune.ledger.arm_pace import arm_pace
from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.optimizer.trial_index import TrialIndex
from tune.study.ladder import Rung, cost


class BudgetUse:
    """The budget of one study: what is used, promised and kept back, and what that leaves.

    Args:
        ledger: What was trained so far.
        index: Its trials; whoever asks has had it follow.
        elapsed_s: How long the study has been worked on, in seconds.
    """

    def __init__(self, ledger: Ledger, index: TrialIndex, elapsed_s: Callable[[], float]) -> None:
        self._study, self._ledger, self._index, self._elapsed_s = ledger.study, ledger, index, elapsed_s

    def aim(self, trial: Trial, rung: int) -> Rung:
        """Returns a rung with the seeds that the trial has there."""
        return Rung(
            epochs=self._ledger.rung(trial.number, rung).epochs, seeds=len(self._ledger.seeds(trial.number, rung))
        )

    def climb(self, trial: Trial, rung: int) -> int:
        """Returns the seed-epochs that a trial still costs up to a rung."""
        seeds = self._ledger.seeds(trial.number, rung)
        return cost(self.aim(trial, rung), self._ledger.trained(trial.number), seeds)

    def affords_climb(self, trial: Trial, rung: int, *, reserve: bool = True) -> bool:
        """Says whether the budget has room for what a trial still costs up to a rung."""
        return self.affordable(self.climb(trial, rung), reserve=reserve)

    def affordable(self, seed_epochs: int, *, reserve: bool = True) -> bool:
        """Says whether the budget has room; what the final race and the first confirmation will ask is kept back."""
        if self.time_used() >= 1:
            return False
        budget = self._study.budget.seed_epochs
        if budget is None:
            return True
        open_trials = [self._ledger.trials[number] for number in self._index.open]
        promised = sum(self.climb(trial, trial.rung) for trial in open_trials)
        kept = self._to_confirm_one() + self._race_kept() if reserve else 0
        return self._ledger.spent + promised + seed_epochs + kept <= budget

    def has_room(self, seed_epochs: int) -> bool:
        """Says whether an arm of a plan would be done within the budget, by what a seed-epoch has taken so far.

        Seed-epochs are counted exactly. Of time, GPU-hours and money it is asked whether the arm would be done in time
        at the pace of those that are trained; while none is, whether there is any left.
        """
        if not self.affordable(seed_epochs):
            return False
        wall_clock, hours, trained = (
            self._study.budget.wall_clock,
            self._study.budget.most_gpu_hours,
            self._ledger.spent,
        )
        if hours is not None and trained:
            each = self._ledger.gpu_seconds / (trained + self._ledger.redone)
            if each * seed_epochs > 3600 * hours - self._ledger.gpu_seconds:
                return False
        takes_s = arm_pace(self._ledger) * seed_epochs if self._index.confirmed else 0.0
        return wall_clock is None or takes_s <= wall_clock - self._elapsed_s()

    def time_used(self) -> float:
        """Returns the share of the wall clock, the GPU-hours or the money that is used up, the largest; 0 without."""
        budget, hours = self._study.budget, self._study.budget.most_gpu_hours
        clock = 0.0 if budget.wall_clock is None else self._elapsed_s() / budget.wall_clock
        return clock if hours is None else max(clock, self._ledger.gpu_seconds / (3600 * hours))

    def _to_confirm_one(self) -> int:
        if self._index.confirmed:
            return 0
        rungs = self._study.rungs
        return cost(rungs[-1]) - cost(rungs[0]) if len(rungs) > 1 else 0

    def _race_kept(self) -> int:
        top = self._study.top
        return max(0, self._study.race_reserve - self._index.raced * top.epochs)
