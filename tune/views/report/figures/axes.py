"""What the figures share: which trials they show, which axes losses get, and how long curves are thinned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10, nan
from typing import Any, Literal

from tune.scoring.standings import Standing
from tune.study.space import Choice, IntRange, LogUniform, Parameter
from tune.views import wording
from tune.views.report.marks import Axis, Mark, Rule
from tune.views.results import Results

TOP = 12
"""Trials in figures that have a row for each."""

MOST_TRIALS = 300
"""Trials in figures that have points for each: more make a page slow and a figure black."""

MOST_EPOCHS = 200
"""Places in the curve of one run."""

TABLE_ROWS = 60
"""Of the data behind a figure."""

_SHORT = 6  # letters of a range that fits in one line
_LOG_FROM = 3.0  # times as large: then a linear axis shows only the largest


@dataclass(frozen=True)
class Omitted:
    """A figure that is not drawn, and why, as the end of a sentence."""

    title: str
    why: str


def seen(results: Results) -> list[Standing]:
    """Returns the trials that have a result, best first."""
    return [one for one in results.ranked if one.rung is not None]


def trials_shown(results: Results) -> tuple[list[Standing], str]:
    """Returns the trials of a figure with points for each, and the sentence that says which were left out."""
    trials = seen(results)
    if len(trials) <= MOST_TRIALS:
        return trials, ""
    best, rest = trials[: MOST_TRIALS // 3], trials[MOST_TRIALS // 3 :]
    step = ceil(len(rest) / (MOST_TRIALS - len(best)))
    sentence = f" Of {len(trials):,} trials the best {len(best)} are drawn, and of the rest every {step}th by rank."
    return [*best, *rest[::step]], sentence


def common_rung(results: Results) -> int | None:
    """Returns the rung that most trials have reached, the highest of these; None when none has."""
    counts = [sum(rung in one.trial.reached for one in results.ranked) for rung in range(len(results.study.rungs))]
    most = max(counts, default=0)
    return max(rung for rung, count in enumerate(counts) if count == most) if most else None


def rung_name(results: Results, rung: int | None) -> str:
    """Returns `top` for the last rung and `rung 0` for others."""
    return "top" if rung == len(results.study.rungs) - 1 else f"rung {rung}"


def rung_text(results: Results, rung: int) -> str:
    """Returns `18 epochs x 2 seeds`."""
    one = results.study.rungs[rung]
    return f"{wording.count(one.epochs, 'epoch')} x {wording.count(one.seeds, 'seed')}"


def axis_of(label: str, values: Iterable[float]) -> Axis:
    """Returns an axis for positive values, logarithmic where they differ by much."""
    known = [value for value in values if isfinite(value)]
    low, high = min(known, default=1.0), max(known, default=1.0)
    log = low > 0 and high / low > _LOG_FROM
    return Axis(label, log=log, at=log_ticks(low, high) if log else ())


def log_ticks(low: float, high: float) -> list[float]:
    """Returns the ticks of a logarithmic axis: powers of ten, with 2 and 5 where there are few of these."""
    first, last = floor(log10(low)), ceil(log10(high))
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        # The ends are a little wider than the data, and a tick there helps.
        inside = [float(f"{tick:.3g}") for tick in ticks if low / 1.1 <= tick <= high * 1.1]
        if len(inside) >= 3:
            return inside[:: ceil(len(inside) / 8)]
    return inside


def epoch_axis(length: int) -> Axis:
    """Returns an axis of epochs, whose ticks are whole."""
    return Axis("epoch", at=list(range(1, length + 1)) if length <= 8 else ())


def beyond(values: Iterable[float]) -> float:
    """Returns a place above all values, where those are drawn that are not finite."""
    known = [value for value in values if isfinite(value)]
    low, high = min(known, default=1.0), max(known, default=1.0)
    return high * 1.25 if low > 0 and high / low > _LOG_FROM else high + 0.15 * (high - low or abs(high) or 1.0)


def parameter_axis(name: str, parameter: Parameter) -> Axis:
    """Returns the axis of a parameter, over all that was searched; a choice has a place for each value."""
    match parameter:
        case Choice():
            return Axis(name, ticks=[wording.value(value) for value in parameter.choice])
        case LogUniform():
            return Axis(name, log=True, at=log_ticks(*parameter.extremes))
        case IntRange():
            return Axis(name, log=parameter.log, at=log_ticks(*parameter.extremes) if parameter.log else ())
        case _:
            return Axis(name)


def place_on(parameter: Parameter, value: Any) -> float:
    """Returns where a value lies on its parameter's axis; nan where it is none of those searched."""
    if isinstance(parameter, Choice):
        return float(next((i for i, one in enumerate(parameter.choice) if _same(one, value)), nan))
    return float(value) if isinstance(value, int | float) else nan


def baseline_rule(results: Results, axis: Literal["x", "y"]) -> list[Mark]:
    """Returns the baseline as a line across a panel; nothing where it is not known."""
    owner = wording.baseline_owner(results.study.score)
    return [Rule(owner, results.baseline, axis)] if isfinite(results.baseline) else []


@dataclass(frozen=True)
class Bins:
    """A parameter in a few steps: a value each, or parts of its range that are equal on its own scale."""

    labels: Sequence[str]
    edges: Sequence[float]

    def find(self, parameter: Parameter, value: Any) -> int | None:
        """Returns the step of a value; None when it lies in none, as after the space has grown."""
        if isinstance(parameter, Choice):
            place = place_on(parameter, value)
            return int(place) if isfinite(place) else None
        if not isinstance(value, int | float) or not self.edges[0] <= value <= self.edges[-1]:
            return None
        return min(sum(value >= edge for edge in self.edges[1:]), len(self.labels) - 1)


def bins_of(parameter: Parameter, count: int = 5) -> Bins:
    """Returns the steps of a parameter."""
    if isinstance(parameter, Choice):
        return Bins([wording.value(value) for value in parameter.choice], ())
    low, high = parameter.extremes
    values = parameter.values
    if values is not None and len(values) <= count:
        return Bins([wording.value(value) for value in values], [*values, 2 * values[-1] - values[-2]])
    if isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log):
        edges = [low * 10 ** (log10(high / low) * step / count) for step in range(count + 1)]
    else:
        edges = [low + (high - low) * step / count for step in range(count + 1)]
    edges[-1] = high
    texts = [(f"{start:.2g}–", f"{end:.2g}") for start, end in pairwise(edges)]
    return Bins([("\n" if len(start + end) > _SHORT else "").join((start, end)) for start, end in texts], edges)


def buckets(length: int) -> list[tuple[int, int]]:
    """Returns the parts, as start and end, in which a curve of some length is drawn: one epoch each if it is short."""
    step = ceil(length / MOST_EPOCHS) if length else 1
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other
