"""What is known of a study at a moment, for those who show it while it runs."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from tune.ledger.cursor import DecisionCursor
from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision, State
from tune.scoring.standings import Standing
from tune.study.study import Study
from tune.views.live.counts import TrialCounts
from tune.views.live.forecast import Pace, remaining_seconds, remaining_seed_epochs

_LEADERS = 10
_NEWEST = 10
_PACED = 400
"""The best trials are found again after this many times what it took: at most 1/400 of a core."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What is known of a study at a moment.

    Attributes:
        taken: The moment, in seconds since the epoch.
        study: The study.
        reached: How many trials have reached each rung.
        spent, redone, remaining: Seed-epochs; those that remain are an estimate.
        gpu_hours: Used.
        rate: Seed-epochs per second; None before anything was trained.
        left_s: How much longer it takes, at the faster and at the slower quarter of the pace so far; None where `rate`
            is None; twice the same before the pace's spread is known.
        leaders: The best trials, best first.
        scale: How values of the scored metric become losses.
        newest: The newest decisions about trials, but those that began one; oldest first.
    """

    taken: float
    study: Study
    reached: tuple[int, ...]
    spent: int
    redone: int
    remaining: int
    gpu_hours: float
    rate: float | None
    left_s: tuple[float, float] | None
    leaders: tuple[Standing, ...]
    scale: LossScale
    newest: tuple[Decision, ...]

    @property
    def share(self) -> float:
        """Of the work, done by now, 0 to 1."""
        return self.spent / (self.spent + self.remaining) if self.remaining else 1.0

    @property
    def money(self) -> float | None:
        """What `gpu_hours` cost; None where the study has no price."""
        return self.study.budget.bill(self.gpu_hours)

    @property
    def best(self) -> Standing | None:
        """The best trial so far; None before any has reached a rung."""
        return self.leaders[0] if self.leaders else None


class Snapshots:
    """Takes snapshots of a study, each at a cost that does not grow with what was decided before.

    How its state evolves: `take()` now and then, in the thread that writes the ledger, so that nothing changes
    meanwhile. What the pace is, it knows from the snapshots taken.

    Args:
        ledger: The study's memory.
        in_flight: Says which trials are being trained.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, ledger: LedgerReader, in_flight: Callable[[], frozenset[int]], clock: Callable[[], float]
    ) -> None:
        self._ledger, self._in_flight, self._clock = ledger, in_flight, clock
        self._counts, self._pace = TrialCounts(ledger), Pace()
        self._newest: deque[Decision] = deque(maxlen=_NEWEST)
        self._cursor = DecisionCursor(ledger, max(0, len(ledger.decisions) - 4 * _NEWEST))
        self._ranked_at, self._ranking_s, self._ranked_of = float("-inf"), 0.0, -1
        self._leaders: tuple[Standing, ...] = ()

    def take(self, *, exact: bool = False) -> Snapshot:
        """Returns what is known now.

        Args:
            exact: Whether to find the best trials now, whatever it takes; else they are as found last, not long ago.
        """
        ledger, now, running = self._ledger, self._clock(), self._in_flight()
        self._newest.extend(one for one in self._cursor.take() if one.of_search and one.kind != "start")
        self._pace.add(now, ledger.spent)
        self._counts.follow()
        if exact or now - self._ranked_at >= _PACED * self._ranking_s:
            self._rank(now, running)
        rate, remaining = self._pace.rate(), remaining_seed_epochs(self._counts)
        slow, fast = self._pace.spread() or (rate, rate)
        longest, shortest = (remaining_seconds(ledger, remaining, one) for one in (slow, fast))
        return Snapshot(
            taken=now,
            study=ledger.study,
            reached=tuple(self._counts.reached),
            spent=ledger.spent,
            redone=ledger.redone,
            remaining=remaining,
            gpu_hours=ledger.gpu_seconds / 3600,
            rate=rate,
            left_s=None if longest is None or shortest is None else (shortest, longest),
            leaders=self._leaders,
            scale=ledger.loss_scale,
            newest=tuple(self._newest),
        )

    def counts(self, in_flight: frozenset[int]) -> Counter[State]:
        """Returns how many trials are in each state; any thread may ask.

        Args:
            in_flight: The trials being trained now.
        """
        return self._counts.counts(in_flight)

    def _rank(self, now: float, running: frozenset[int]) -> None:
        """Finds the best trials again if there are decisions that they may hang on."""
        decided = len(self._ledger.decisions)
        if decided == self._ranked_of:
            return
        began = time.thread_time()
        self._leaders = tuple(self._counts.leaders(_LEADERS, running))
        self._ranked_of, self._ranked_at, self._ranking_s = decided, now, time.thread_time() - began
