"""How much of a study is still to come: an estimate, from what the ladder will ask for and the pace so far."""

from collections import deque
from itertools import pairwise
from math import inf
from statistics import quantiles

from tune.ledger.reader import LedgerReader
from tune.study.ladder import cost
from tune.views.live.counts import TrialCounts

_STRETCH_S = 5.0
_STRETCHES = 12
_FEWEST = 4  # stretches; of fewer the quartiles say nothing


class Pace:
    """The rate of the last minute, in seed-epochs per second, and how much it varies.

    The time is cut into stretches of five seconds, longer ones where reports are rarer; the last twelve count.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque(maxlen=_STRETCHES + 1)
        self._last: tuple[float, int] | None = None

    def add(self, now: float, spent: int) -> None:
        """Takes note of the seed-epochs trained so far."""
        if not self._ends:
            self._ends.append((now, spent))
            return
        (began, before), (_, latest) = self._ends[-1], self._last or self._ends[-1]
        if spent > latest:
            self._last = now, spent
            if now - began >= _STRETCH_S and spent > before:
                self._ends.append((now, spent))

    def rate(self) -> float | None:
        """Returns the rate; None before anything was trained."""
        if self._last is None:
            return None
        (begun, first), (now, last) = self._ends[0], self._last
        return (last - first) / (now - begun) if now > begun and last > first else None

    def spread(self) -> tuple[float, float] | None:
        """Returns the rates that a quarter of the stretches fell below and rose above; None while they are too few."""
        rates = [(last - first) / (end - begin) for (begin, first), (end, last) in pairwise(self._ends)]
        if len(rates) < _FEWEST:
            return None
        low, _, high = quantiles(rates, n=4, method="inclusive")
        return low, high


def remaining_seed_epochs(counted: TrialCounts) -> int:
    """Returns the seed-epochs that are still to be trained.

    Of the trials planned, one in `reduction_factor` is taken to climb from each rung to the next, at least one to the
    top: of all that will come to the rung, and once all are there, of each group that is compared apart. What the open
    trials have already trained is taken off; a budget caps the sum, one of GPU-hours or money at what a seed-epoch
    took of them so far.

    Args:
        counted: Of the study, up to date.
    """
    ledger = counted.ledger
    study, expected, total = ledger.study, ledger.study.trials, 0
    for index, rung in enumerate(study.rungs):
        step = cost(rung) - (cost(study.rungs[index - 1]) if index else 0)
        total += max(0, expected - counted.entered[index]) * step
        groups = counted.kinds(index) if counted.entered[index] >= expected else [expected]
        expected = max(1, sum(int(size / study.search.reduction_factor) for size in groups))
    for number in counted.open:
        total += cost(study.rungs[ledger.trials[number].rung], ledger.trained(number), study.seeds)
    budget, hours = study.budget, study.budget.most_gpu_hours
    if hours is not None and ledger.gpu_seconds:
        each = ledger.gpu_seconds / (ledger.spent + ledger.redone)
        total = min(total, max(0, int((3600 * hours - ledger.gpu_seconds) / each)))
    return total if budget.seed_epochs is None else min(total, max(0, budget.seed_epochs - ledger.spent))


def remaining_seconds(ledger: LedgerReader, remaining: int, rate: float | None) -> float | None:
    """Returns the seconds left at a rate, at most what the wall-clock budget leaves; None while the rate is unknown.

    Args:
        ledger: The study.
        remaining: Seed-epochs still to be trained.
        rate: Seed-epochs per second, above 0.
    """
    if rate is None:
        return None
    limit = ledger.study.budget.wall_clock
    left = inf if limit is None else max(0.0, limit - ledger.elapsed_s())
    return min(remaining / rate, left)
