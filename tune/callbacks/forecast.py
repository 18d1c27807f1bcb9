"""How much of a study is still to come: an estimate, from what the ladder will ask for and the rate so far."""

from collections import Counter, deque
from math import inf

from tune.ledger import Ledger
from tune.rungs import cost

_WINDOW_S = 60.0


class Pace:
    """The rate of the last minute, in seed-epochs per second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, spent: int) -> None:
        """Takes note of the seed-epochs trained so far."""
        self._seen.append((now, spent))
        while len(self._seen) > 2 and self._seen[1][0] < now - _WINDOW_S:
            self._seen.popleft()

    def rate(self) -> float | None:
        """Returns the rate; None before anything was trained."""
        if len(self._seen) < 2:
            return None
        (begun, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - begun) if now > begun and last > first else None


def remaining_seed_epochs(ledger: Ledger) -> int:
    """Returns the seed-epochs that are still to be trained.

    Of the trials planned, one in `reduction_factor` is taken to climb from each rung to the next, at least one to the
    top: of all that will come to the rung, and once all are there, of each group that is compared apart. What the open
    trials have already trained is taken off; a budget caps the sum, one of GPU-hours at what a seed-epoch took of them
    so far.
    """
    study, expected, total = ledger.study, ledger.study.trials, 0
    for index, rung in enumerate(study.rungs):
        entered = [trial for trial in ledger.trials if trial.rung >= index]
        step = cost(rung) - (cost(study.rungs[index - 1]) if index else 0)
        total += max(0, expected - len(entered)) * step
        groups = [expected]
        if len(entered) >= expected:
            names = () if index else study.protected
            alive = [trial for trial in entered if trial.ended != "failed"]
            groups = list(Counter(tuple(trial.parameters.get(name) for name in names) for trial in alive).values())
        expected = max(1, sum(int(size / study.search.reduction_factor) for size in groups))
    for trial in ledger.trials:
        if trial.open:
            total += cost(study.rungs[trial.rung], ledger.trained(trial.number), study.seeds)
    budget = study.budget
    if budget.gpu_hours is not None and ledger.gpu_seconds:
        each = ledger.gpu_seconds / (ledger.spent + ledger.redone)
        total = min(total, max(0, int((3600 * budget.gpu_hours - ledger.gpu_seconds) / each)))
    return total if budget.seed_epochs is None else min(total, max(0, budget.seed_epochs - ledger.spent))


def remaining_seconds(ledger: Ledger, rate: float | None) -> float | None:
    """Returns the seconds left at a rate, at most what the wall-clock budget leaves; None while the rate is unknown."""
    if rate is None:
        return None
    limit = ledger.study.budget.wall_clock
    left = inf if limit is None else max(0.0, limit - ledger.elapsed_s())
    return min(remaining_seed_epochs(ledger) / rate, left)
