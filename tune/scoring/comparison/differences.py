"""By how much one side is better than another, at the last epoch that both have."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean
from typing import Any

from tune.ledger.imports.run import ImportedRun
from tune.ledger.loss_scale import LossScale
from tune.scoring.comparison.sides import Side
from tune.scoring.paired import paired


@dataclass(frozen=True)
class Apart:
    """A side minus the first one.

    Attributes:
        epoch: After how many epochs, the last that most of their runs have; None where no curve is told and the values
            are final ones, of runs that are not known to be of unequal length.
        mean: Of the metric, in its units; nan where nothing is comparable.
        interval: 95 % interval of the mean; nan where a side has one run.
        pairs: Seeds that both have and neither fails; empty where they are not paired.
        better: Whether the side is better than the first; None where the interval holds zero, or is not known.
    """

    epoch: int | None
    mean: float
    interval: tuple[float, float]
    pairs: tuple[int, ...]
    better: bool | None


def apart(first: Side, side: Side, metric: str, scale: LossScale) -> Apart | None:
    """Returns the difference of a side from the first; None where they have no epoch in common.

    Paired over the seeds that both have (`paired`), else by Welch's interval for the means of two samples (Welch 1947,
    "The generalization of Student's problem", Biometrika 34, 28-35).

    Args:
        first: Minus this one.
        side: The other.
        metric: What is compared.
        scale: What makes losses of its values.
    """
    epoch = shared_epoch(first, side, metric)
    if epoch is None and not _final_alike(first, side, metric):
        return None
    one, other = (by_seed_at(each, metric, epoch) for each in (first, side))
    if first.seeded and side.seeded and one.keys() & other.keys():
        found = paired(_losses(one, scale), _losses(other, scale), scale.limit)
        return _apart(epoch, found.mean, found.interval, found.seeds, scale)
    alive = [[scale.loss(value) for value in values.values() if not scale.failed(value)] for values in (one, other)]
    if not all(alive):
        return _apart(epoch, nan, (nan, nan), (), scale)
    return _apart(epoch, fmean(alive[1]) - fmean(alive[0]), _welch(alive[0], alive[1]), (), scale)


def shared_epoch(first: Side, side: Side, metric: str) -> int | None:
    """Returns the last of the epochs to which most runs of both sides came; None where one tells no curve.

    Runs are counted by pairs of one seed where both sides have seeds in common, else by the side that has fewer.
    """
    reached: list[Counter[int]] = []
    pairs = {run.seed for run in first.runs} & {run.seed for run in side.runs} - {None}
    for each in (first, side):
        runs = [run for run in each.runs if run.curve(metric) and (not pairs or run.seed in pairs)]
        reached.append(Counter(epoch for run in runs for epoch in run.curve(metric)))
    if pairs:
        ends = Counter(
            epoch
            for seed in pairs
            for epoch in set.intersection(
                *({e for run in each.runs if run.seed == seed for e in run.curve(metric)} for each in (first, side))
            )
        )
    else:
        ends = reached[0] & reached[1]
    return max(ends, key=lambda epoch: (ends[epoch], epoch)) if ends else None


def by_seed_at(side: Side, metric: str, epoch: int | None) -> dict[int, float]:
    """Returns the metric of each run after an epoch, nan where it diverged before; None: its final value.

    Runs that did not come so far are left out.
    """
    if epoch is None:
        return side.by_seed(lambda run: run.final(metric))
    return side.by_seed(lambda run: _at(run, metric, epoch))


def _at(run: ImportedRun, metric: str, epoch: int) -> float | None:
    curve = run.curve(metric)
    if epoch in curve:
        return curve[epoch]
    return None if not curve or max(curve) < epoch or min(curve) > epoch else nan


def _final_alike(first: Side, side: Side, metric: str) -> bool:
    """Says whether both tell a final value, and are not known to have trained for different numbers of epochs."""
    told = all(any(run.final(metric) is not None for run in each.runs) for each in (first, side))
    return told and (first.epochs is None or side.epochs is None or first.epochs == side.epochs)


def _losses(values: Mapping[int, float], scale: LossScale) -> dict[int, float]:
    return {seed: scale.loss(value) for seed, value in values.items()}


def _apart(
    epoch: int | None, mean: float, interval: tuple[float, float], pairs: tuple[int, ...], scale: LossScale
) -> Apart:
    low, high = interval
    better = None
    if isfinite(low) and isfinite(high) and (low > 0 or high < 0):
        better = high < 0
    if scale.maximize:
        mean, low, high = -mean, -high, -low
    return Apart(epoch, mean, (low, high), pairs, better)


def _welch(one: list[float], other: list[float]) -> tuple[float, float]:
    """Returns the interval of the second mean minus the first."""
    if min(len(one), len(other)) < 2:
        return nan, nan
    from scipy.stats import ttest_ind

    found: Any = ttest_ind(other, one, equal_var=False)
    if not isfinite(found.df):  # no spread at all
        gap = fmean(other) - fmean(one)
        return gap, gap
    interval = found.confidence_interval(0.95)
    return float(interval.low), float(interval.high)
