"""What a check promised of a study, beside what the study came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tune.ledger.reader import LedgerReader
from tune.views.results import Cost

Measure = Literal["wall_clock_s", "gpu_hours", "money", "seed_epochs", "confirmed"]
MEASURES: tuple[Measure, ...] = ("wall_clock_s", "gpu_hours", "money", "seed_epochs", "confirmed")
"""Seconds of wall clock, GPU-hours, money in the currency of the price, seed-epochs each counted once, and how many
trials are confirmed in the end."""
PAID: tuple[Measure, ...] = ("wall_clock_s", "gpu_hours", "money")
"""What is paid with, and told per confirmed trial as well."""

_LARGEST = 1e100


@dataclass(frozen=True)
class Promised:
    """One thing that was estimated, and what it came to.

    Attributes:
        low, median, high: The estimate; low to high is its 80% interval.
        bill: What it came to so far; None where that is not known.
        inside: Whether the bill lies in the interval; None while that is open: more is to come, or nothing is known.
    """

    low: float
    median: float
    high: float
    bill: float | None
    inside: bool | None


@dataclass(frozen=True)
class Promise:
    """What a check promised of a study.

    Attributes:
        session: The process that made the check, counted from 1.
        outgrown: Whether the study has grown since: then it was promised of less.
        measures: Of those that were estimated.
        per_confirmed: Of what is paid with, per confirmed trial: the ratio of the medians (None where no trial was
            expected to be confirmed), and what it came to (None before one is).
    """

    session: int
    outgrown: bool
    measures: Mapping[Measure, Promised]
    per_confirmed: Mapping[Measure, tuple[float | None, float | None]]


def promise_of(ledger: LedgerReader, cost: Cost) -> Promise | None:
    """Returns what the first check promised; None where there was none, or it says nothing that can be read.

    The first, because it was made before anything was paid; whatever its other parts are, its estimate is read.

    Args:
        ledger: Of the study.
        cost: What the study cost so far.
    """
    for index, session in enumerate(ledger.sessions):
        if estimate := _estimate(session.detail):
            return _promise(ledger, cost, index, estimate)
    return None


def _promise(
    ledger: LedgerReader, cost: Cost, index: int, estimate: Mapping[Measure, tuple[float, float, float]]
) -> Promise:
    bills = _bills(ledger, cost)
    over = bool(ledger.sessions) and ledger.sessions[-1].ended == "finished"
    measures = {name: _compared(bounds, bills[name], over=over) for name, bounds in estimate.items()}
    expected, confirmed = estimate.get("confirmed", (0.0, 0.0, 0.0))[1], bills["confirmed"] or 0.0
    per_confirmed = {
        name: (_ratio(measures[name].median, expected), _ratio(measures[name].bill, confirmed))
        for name in PAID
        if name in measures
    }
    return Promise(index + 1, _outgrown(ledger, index), measures, per_confirmed)


def _compared(bounds: tuple[float, float, float], bill: float | None, *, over: bool) -> Promised:
    low, median, high = bounds
    inside: bool | None = None
    if bill is not None and (over or bill > high):
        inside = low <= bill <= high
    return Promised(low, median, high, bill, inside)


def _ratio(part: float | None, count: float) -> float | None:
    return None if part is None or not count else part / count


def _bills(ledger: LedgerReader, cost: Cost) -> dict[Measure, float | None]:
    """Returns what the study came to so far, by measure."""
    return {
        "wall_clock_s": cost.seconds,
        "gpu_hours": cost.gpu_hours,
        "money": cost.money,
        "seed_epochs": cost.spent,
        "confirmed": sum(trial.confirmed for trial in ledger.trials),
    }


def _outgrown(ledger: LedgerReader, index: int) -> bool:
    """Says whether the study has grown in a process after the one that made the check."""
    opened = 0
    for decision in ledger.decisions:
        opened += decision.kind == "open"
        if decision.kind == "grow" and opened > index + 1:
            return True
    return False


def _estimate(detail: Mapping[str, Any]) -> dict[Measure, tuple[float, float, float]]:
    """Returns what a process's check estimated; what has another shape than it should is left out."""
    check = detail.get("check")
    told = check.get("estimate") if isinstance(check, Mapping) else None
    if not isinstance(told, Mapping):
        return {}
    found = {name: _bounds(told.get(name)) for name in MEASURES}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def _bounds(given: Any) -> tuple[float, float, float] | None:
    """Returns low, median and high, where that is what is given: three numbers in order, none below 0."""
    if not isinstance(given, list | tuple) or len(given) != 3:
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one <= _LARGEST for one in given):
        return None
    low, median, high = map(float, given)
    return (low, median, high) if low <= median <= high else None
