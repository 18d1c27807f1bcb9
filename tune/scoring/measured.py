"""From the values of the scored metric by seed to what is said of a trial, in units of the metric."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from statistics import fmean

from tune.ledger.loss_scale import LossScale
from tune.scoring.paired import Difference, paired
from tune.scoring.score import SeedSummary, reported_interval, summarize
from tune.study.sections import ScoreRule


def summary_of(values: Sequence[float], scale: LossScale) -> SeedSummary:
    """Summarises the values of one trial's seeds.

    Means are values of the metric, whatever its direction. The coefficient of variation is a share of the loss; an
    improvement is known only where a share of the baseline means something, else nan.

    Args:
        values: One per seed, K >= 1; not finite where training diverged.
        scale: What makes losses of them.

    Raises:
        ValueError: If there is no value.
    """
    summary = summarize([scale.loss(value) for value in values], scale.limit)
    return replace(
        summary,
        mean=scale.value(summary.mean),
        mean_all=scale.value(summary.mean_all),
        improvement=summary.improvement if scale.is_ratio else nan,
    )


def scale_of(values: Sequence[float], *, maximize: bool, baseline: float | None) -> LossScale:
    """Returns the scale of one trial alone: where its metric has no zero of its own, it is the best that is known.

    Args:
        values: One per seed; not finite where training diverged.
        maximize: Whether higher values are better.
        baseline: The value that a run must beat.
    """
    scale = LossScale(maximize, baseline)
    alive = [scale.oriented(value) for value in values if not scale.failed(value)]
    if not alive or baseline is None or (scale.is_ratio and min(alive) >= 0):
        return scale
    return LossScale(maximize, baseline, 2 * fmean(alive) - scale.oriented(baseline))


def interval_of(values: Sequence[float], scale: LossScale, rule: ScoreRule) -> tuple[float, float]:
    """Returns the interval with which a report shows the values of a trial's seeds, see `reported_interval`."""
    ends = reported_interval([scale.loss(value) for value in values], scale.limit, rule)
    low, high = sorted(map(scale.value, ends))
    return low, high


def difference(first: Mapping[int, float], second: Mapping[int, float], scale: LossScale) -> Difference:
    """Returns by how much the values of one trial are better than those of another; see `paired`.

    Args:
        first: Values by seed.
        second: Of the other trial.
        scale: What makes losses of them.
    """
    one, other = ({seed: scale.loss(value) for seed, value in values.items()} for values in (first, second))
    return paired(one, other, scale.limit)
