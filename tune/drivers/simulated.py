"""The simulated driver: the study in this process, any number of slots, in virtual time.

Training is done here and at once, an epoch at a time; only when its result counts is made up. So a study that sixteen
machines would work on for a day is played in the time that its trainer takes, and a tabular trainer takes none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import isfinite
from typing import Protocol

from tune.drivers.job import Job
from tune.drivers.reports import Death, EpochReport, UnitReport
from tune.drivers.unit import TrainingSettings, Unit
from tune.errors import DiskFull
from tune.optimizer.work import Work


class Playable(Protocol):
    """What this driver asks of a unit of work; see `tune.drivers.unit.Unit`."""

    @property
    def work(self) -> Work:
        """What it trains."""

    def news(self) -> Iterator[UnitReport]:
        """Trains, and yields what there is to tell."""

    def save(self) -> Death | None:
        """Makes its state durable."""

    def close(self) -> None:
        """Frees what it holds."""


class VirtualClock:
    """Virtual seconds; only the driver moves it. Give it to `Optimizer(ledger, clock)` for wall-clock budgets.

    Args:
        now_s: Where it begins; a study that is continued begins where it was left.
    """

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """Returns how many virtual seconds have passed."""
        return self.now_s


@dataclass(order=True)
class _Flight:
    """A unit of work, or part of one, on one slot; the earliest result comes first, then what was handed out first.

    Attributes:
        due_s: When its latest result counts.
        order: How many units were handed out before it.
        item: That result; None once it counts, and before the first.
    """

    due_s: float
    order: int
    unit: Playable = field(compare=False)
    news: Iterator[UnitReport] = field(compare=False)
    item: UnitReport | None = field(compare=False, default=None)

    def train(self, now_s: float) -> None:
        """Trains the next epoch, which begins now; what it held its slot for is virtual time as well."""
        item = next(self.news)
        lasted_s = _duration_s(item, len(self.unit.work.seeds))
        self.item = replace(item, held_s=lasted_s) if isinstance(item, EpochReport) else item
        self.due_s = now_s + lasted_s

    def deliver(self, job: Job) -> bool:
        """Puts the result into the ledger; says whether the unit goes on."""
        if self.item is not None:
            job.take(self.unit.work, [self.item])
            self.item = None
        return job.trains(self.unit.work)


def drive(
    job: Job,
    slots: int = 1,
    clock: VirtualClock | None = None,
    unit_of: Callable[[Work], Playable] | None = None,
) -> None:
    """Works until the study has no work left or is asked to stop.

    An epoch lasts as long as the trainer's metric `seconds` says, or a virtual second per seed when it yields none.
    Whatever is due at one moment is in the ledger before work is asked for, so a decision knows all results there are.
    Asked to stop, it lets the epochs in progress end, saves every unit and hands it back.

    Args:
        job: The study.
        slots: How many units are trained at once, 1 or more.
        clock: Moved on as results come in.
        unit_of: Makes a unit of work; None: one that has the study's trainer train.

    Raises:
        StudyStopped: If the study cannot go on.
    """
    clock = VirtualClock() if clock is None else clock
    waiting: list[_Flight] = []  # a heap: their next result is known and not yet due
    resting: list[_Flight] = []  # their last result is in the ledger
    handed_out = 0
    try:
        while not job.should_stop():
            while len(waiting) + len(resting) < slots and (unit := _next_unit(job, slots, unit_of)) is not None:
                resting.append(_Flight(clock.now_s, handed_out, unit, unit.news()))
                handed_out += 1
            while resting:
                resting[-1].train(clock.now_s)
                heappush(waiting, resting.pop())
            if not waiting:
                return
            _land(job, waiting, resting, clock)
        _save_all(job, waiting, resting, clock)
    except DiskFull:
        _save_all(job, waiting, resting, clock)
        raise
    finally:
        for flight in (*waiting, *resting):
            flight.unit.close()


def _save_all(job: Job, waiting: list[_Flight], resting: list[_Flight], clock: VirtualClock) -> None:
    """Lets the epochs in progress end, saves every unit and hands it back."""
    while waiting:
        _land(job, waiting, resting, clock)
    for flight in resting:
        job.left(flight.unit.work, flight.unit.save())


def _next_unit(job: Job, slots: int, unit_of: Callable[[Work], Playable] | None) -> Playable | None:
    work, ledger = job.next_work(slots), job.optimizer.ledger
    if work is None:
        return None
    if unit_of is not None:
        return unit_of(work)
    return Unit(lambda: job.trainer, job.recording, work, TrainingSettings.of(ledger))


def _land(job: Job, waiting: list[_Flight], resting: list[_Flight], clock: VirtualClock) -> None:
    """Moves the clock to the next result and puts all that are due then into the ledger."""
    clock.now_s = waiting[0].due_s
    while waiting and waiting[0].due_s <= clock.now_s:
        flight = heappop(waiting)
        resting.append(flight)  # first, so that it is closed whatever happens
        if not flight.deliver(job):
            resting.pop().unit.close()


def _duration_s(item: UnitReport, seeds: int) -> float:
    """Returns how long an epoch of so many seeds together took; an end and an evaluation take no time."""
    if not isinstance(item, EpochReport):
        return 0.0
    said = next(iter(item.metrics.get("seconds", ())), None)
    return said if said is not None and isfinite(said) and said >= 0 else float(seeds)
