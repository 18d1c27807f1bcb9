"""Where a rate that only rises along some values crosses a level: an estimate, and a confidence set that is exact.

Nothing is assumed of the rate but that it rises: three seeds at each of five values tell no curve. The interval of a
logistic fit by its profile likelihood is that of many seeds: where a steep rate is just below a half at one value, all
three seeds there fail in one case of eight, and then it ends at that value and misses the threshold.

The threshold lies between two of the values, or beyond them; each of these gaps is tested. Where it is the threshold,
the rates before it are at most the level and those behind it at least. Failures before it that are too many for that,
or behind it too few, rule it out. Too many: the smallest of the binomial probabilities of as many failures or more
among the runs at the nearest value, the two nearest, the three nearest, … That smallest one is small by itself, so it
is set against its own distribution with all rates at the level, which is computed, not approximated; of all rates that
are allowed these make many failures likeliest, so the test is right for all of them. Both sides at half of the error:
Bonferroni.

Source: a confidence set by inverting tests (Lehmann & Romano 2005, "Testing statistical hypotheses", 3rd ed., section
3.5); the binomial probabilities are those of Clopper & Pearson 1934, Biometrika 26, 404-413; the estimate is the
isotonic one, interpolated (Stylianou & Flournoy 2002, "Dose finding using the biased coin up-and-down design and
isotonic regression", Biometrics 58, 171-177).
"""

from collections.abc import Sequence
from math import nan

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]


def gaps_not_ruled_out(failed: Sequence[int], seen: Sequence[int], level: float, confidence: float) -> list[int]:
    """Returns the gaps in which the threshold may lie: gap i is before value i, the last one is beyond all values.

    Args:
        failed: Failures by value, in the order in which the rate rises.
        seen: Runs by value, at least 1 each.
        level: The rate whose crossing is the threshold, in (0, 1).
        confidence: With which the threshold lies in one of the gaps, in (0, 1). All are ruled out where failures do not
            rise along the values.
    """
    error = (1 - confidence) / 2
    passed = [runs - some for some, runs in zip(failed, seen, strict=True)]
    return [
        gap
        for gap in range(len(seen) + 1)
        if _chance_of_more(failed[:gap][::-1], seen[:gap][::-1], level) > error
        and _chance_of_more(passed[gap:], seen[gap:], 1 - level) > error
    ]


def crossing(places: Sequence[float], failed: Sequence[int], seen: Sequence[int], level: float) -> float:
    """Returns where the isotonic rate, linear between values, crosses the level; nan where that is not among them.

    Args:
        places: Of the values, rising.
        failed: Failures by value.
        seen: Runs by value.
        level: In (0, 1). Where the rate rests on it, the middle of the rest.
    """
    rates = isotonic(failed, seen)
    there, below = np.flatnonzero(rates >= level), np.flatnonzero(rates <= level)
    if not len(there) or not len(below) or there[0] == 0 or below[-1] == len(rates) - 1:
        return nan
    ends = [
        float(np.interp(level, rates[[left, left + 1]], np.asarray(places)[[left, left + 1]]))
        for left in (there[0] - 1, below[-1])
    ]
    return (ends[0] + ends[1]) / 2


def isotonic(failed: Sequence[int], seen: Sequence[int]) -> _Array:
    """Returns the most likely rates `[values]` that do not fall along the values."""
    from scipy.optimize import isotonic_regression  # takes a while to import, and not every command needs it

    weights = np.asarray(seen, dtype=float)
    return np.asarray(isotonic_regression(np.asarray(failed) / weights, weights=weights).x, dtype=float)


def log_likelihood(rates: _Array, failed: Sequence[int], seen: Sequence[int]) -> float:
    """Returns the logarithm of the probability of the failures, but for a constant."""
    from scipy.special import xlogy

    some, runs = np.asarray(failed, dtype=float), np.asarray(seen, dtype=float)
    return float((xlogy(some, rates) + xlogy(runs - some, 1 - rates)).sum())


def _chance_of_more(events: Sequence[int], runs: Sequence[int], rate: float) -> float:
    """Returns how likely events are that are as many or more in this sense, see the module; 1 without runs.

    Args:
        events: By value, the nearest first.
        runs: By value.
        rate: Of events at every value.
    """
    from scipy.special import bdtr, bdtrc

    if not runs:
        return 1.0
    totals, counts = np.cumsum(runs), np.cumsum(events)
    smallest = float(np.min(bdtrc(counts - 1.0, totals, rate), initial=1.0, where=counts > 0))
    if smallest == 1.0:
        return 1.0
    below = np.array([1.0])  # [total so far]: the chance of so many events without having been as unlikely anywhere
    for more, total in zip(runs, totals, strict=True):
        cumulative = bdtr(np.arange(more + 1), more, rate)
        below = np.convolve(below, np.diff(cumulative, prepend=0.0))
        tails = np.concatenate([[1.0], bdtrc(np.arange(total), total, rate)])
        below = np.where(tails <= smallest * (1 + 1e-9), 0.0, below)
    return float(1 - below.sum())
