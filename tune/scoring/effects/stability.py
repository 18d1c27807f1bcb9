"""The stability region of one parameter: at which of its values seeds fail, and where that begins.

What was seen stands first: failures by value with their interval, the last value before which no seed failed, the first
at which one did. The threshold, where more seeds fail than not (or another rate), is estimated with an interval that
assumes only that failures rise towards it (`tune.scoring.effects.crossing`). With few seeds it is wide, and rightly so:
where half of the seeds fail, none of three does so in one case of eight.

Where no value fails there is no threshold to estimate; the interval still says how far on each side the region reaches
at least, and beyond the values tried nothing is known. To find the end, try further values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, isclose, log, nan
from typing import Literal

import numpy as np

from tune.scoring.effects.crossing import crossing, gaps_not_ruled_out, isotonic, log_likelihood
from tune.scoring.intervals import wilson_interval

Side = Literal["above", "below"]
Shape = Literal["above", "below", "both", "none", "all", "unordered"]

_TURNS = 1.92  # log likelihood that a second end must explain: half of the 95 % quantile of chi-squared with one degree


@dataclass(frozen=True)
class FailuresAt:
    """What was seen at one value.

    Attributes:
        value: Of the parameter.
        seeds: Runs at it.
        failed: How many of them failed.
        interval: 95 % Wilson interval of the failure rate.
    """

    value: float
    seeds: int
    failed: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class Threshold:
    """One end of the region, in units of the parameter.

    Attributes:
        side: Where seeds fail: above it or below it.
        safe: The last value, towards this end, up to which no seed failed; None where the first one has failures.
        failing: The first value, towards this end, at which some seed failed; None where none did.
        estimate: Where the failure rate crosses the level; nan where it does not among the values tried.
        interval: 95 %: it lies between these values; infinite where it may lie beyond all that were tried,
            nan where it can lie nowhere: failures do not rise towards it.
    """

    side: Side
    safe: float | None
    failing: float | None
    estimate: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class StabilityRegion:
    """Where along a parameter seeds fail.

    Attributes:
        values: What was seen, by rising value.
        shape: Seeds fail `above` the region, `below` it or on `both` sides; at `none` or at `all` of the values; or
            `unordered`: as often everywhere, or in an order that no region has. Chosen by the likelihood where it was
            not given; the intervals do not count that choice.
        thresholds: The ends that the region has: none where all fail or the order says nothing; both where none fails,
            with no estimate, for what their intervals say.
        level: The failure rate at the threshold.
    """

    values: tuple[FailuresAt, ...]
    shape: Shape
    thresholds: tuple[Threshold, ...]
    level: float

    @property
    def caveat(self) -> str:
        """What must be said with it, in a sentence; empty where nothing must."""
        if self.shape == "none":
            return "no seed failed at any value: where that begins lies beyond them; try further values"
        if self.shape == "all":
            return "every seed failed at every value: there is no region among them"
        if self.shape == "unordered":
            return "failures do not rise along the values: there is no threshold to speak of"
        if any(np.isnan(end.estimate) for end in self.thresholds):
            return f"the failure rate does not cross {self.level:.0%} among the values tried"
        return ""


def stability_region(
    runs: Sequence[tuple[float, bool]], side: Side | None = None, level: float = 0.5, confidence: float = 0.95
) -> StabilityRegion:
    """Returns where along a parameter seeds fail.

    Args:
        runs: The value of the parameter and whether the seed failed, of each run. For a parameter that has an order and
            no numbers, its places in that order.
        side: On which seeds are expected to fail, where that is known before; None: seen from the runs.
        level: The failure rate at the threshold, in (0, 1). At low ones the near end of the interval takes many seeds
            to find: none of 35 failing does not show that fewer than one in ten do.
        confidence: Of each end's interval, in (0, 1).

    Raises:
        ValueError: If there is no run.
    """
    if not runs:
        raise ValueError("a stability region needs at least one run, got none")
    values = sorted({value for value, _ in runs})
    seen = [sum(value == one for one, _ in runs) for value in values]
    failed = [sum(value == one and fails for one, fails in runs) for value in values]
    told = tuple(
        FailuresAt(value, count, some, wilson_interval(some, count))
        for value, count, some in zip(values, seen, failed, strict=True)
    )
    shape, low, high = _shape(failed, seen, side)
    sides: dict[Shape, tuple[Side, ...]] = {"above": ("above",), "below": ("below",)}
    ends = sides.get(shape, ("below", "above") if shape in {"both", "none"} else ())
    thresholds = tuple(
        _threshold(one, told[: high + 1] if one == "below" else told[low:], level, confidence) for one in ends
    )
    return StabilityRegion(told, shape, thresholds, level)


def _shape(failed: Sequence[int], seen: Sequence[int], side: Side | None) -> tuple[Shape, int, int]:
    """Returns the likeliest shape, and from which value to which its middle is: those with the lowest rate."""
    last = len(seen) - 1
    if not any(failed):
        return "none", 0, last
    if list(failed) == list(seen):
        return "all", 0, last
    rising = log_likelihood(isotonic(failed, seen), failed, seen)
    falling = log_likelihood(isotonic(failed[::-1], seen[::-1]), failed[::-1], seen[::-1])
    turned, low, high = max(_turning(failed, seen, turn) for turn in range(1, last + 1)) if last else (-inf, 0, 0)
    if side is None and turned > max(rising, falling) + _TURNS:
        return ("both", low, high) if _fits(turned, failed, seen) else ("unordered", 0, last)
    if side is None and isclose(rising, falling):
        return "unordered", 0, last
    shape = side or ("above" if rising > falling else "below")
    return (shape if _fits(rising if shape == "above" else falling, failed, seen) else "unordered"), 0, last


def _fits(fitted: float, failed: Sequence[int], seen: Sequence[int]) -> bool:
    """Says whether failures follow an order: its likelihood is not far below that of every value by itself.

    Source: the deviance of grouped binomial data against the 95 % quantile of chi-squared (McCullagh & Nelder 1989,
    "Generalized linear models", 2nd ed., section 4.4.3); with few seeds a rough guide, and meant as one.
    """
    from scipy.special import chdtri  # takes a while to import, and not every command needs it

    own = log_likelihood(np.asarray(failed) / np.asarray(seen), failed, seen)
    return len(seen) < 2 or 2 * (own - fitted) <= float(chdtri(len(seen) - 1, 0.05))


def _turning(failed: Sequence[int], seen: Sequence[int], turn: int) -> tuple[float, int, int]:
    """Returns the log likelihood where rates fall before a value and rise from it on, and the ends of the lowest."""
    before = isotonic(failed[:turn][::-1], seen[:turn][::-1])[::-1]
    rates = np.concatenate([before, isotonic(failed[turn:], seen[turn:])])
    lowest = np.flatnonzero(rates <= rates.min() + 1e-9)
    return log_likelihood(rates, failed, seen), int(lowest[0]), int(lowest[-1])


def _threshold(side: Side, told: Sequence[FailuresAt], level: float, confidence: float) -> Threshold:
    """Returns one end, from the values on its side; its interval is nan where every place of it is ruled out."""
    outward = list(told) if side == "above" else list(told[::-1])
    failed, seen = [one.failed for one in outward], [one.seeds for one in outward]
    values = [one.value for one in outward]
    first = next((place for place, some in enumerate(failed) if some), len(failed))
    in_logs = min(values) > 0
    sign = 1 if side == "above" else -1
    places = [sign * (log(value) if in_logs else value) for value in values]
    estimate = sign * crossing(places, failed, seen, level)
    gaps = gaps_not_ruled_out(failed, seen, level, confidence)
    interval = (nan, nan)
    if gaps:
        bounds = [-sign * inf, *values, sign * inf]
        near, far = bounds[gaps[0]], bounds[gaps[-1] + 1]
        interval = (min(near, far), max(near, far))
    return Threshold(
        side=side,
        safe=values[first - 1] if first else None,
        failing=values[first] if first < len(values) else None,
        estimate=exp(estimate) if in_logs else estimate,
        interval=interval,
    )
