"""From the losses of a trial's seeds to its score, failure rate, spread and intervals: pure functions.

A seed has failed when its loss is not finite or no better than the baseline (the constant model's loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from statistics import NormalDist, fmean, stdev
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ScoreRule(BaseModel):
    """How the losses of a trial's seeds become one number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Annotated[str, Field(min_length=1)] = Field(
        default="validation_loss", description="the curve column that is scored; lower is better"
    )
    risk: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="how many standard deviations over seeds are added to the mean"
    )
    cap: Annotated[float, Field(gt=1)] = Field(
        default=3.0, description="a failed seed counts with a loss of at most this many baselines"
    )


@dataclass(frozen=True)
class SeedSummary:
    """What the seeds of one trial say.

    Standard deviations are sample standard deviations (ddof = 1), nan when fewer than two seeds enter.

    Attributes:
        seeds: K, how many seeds.
        failed: How many of them failed.
        failure_rate: failed / K, in [0, 1].
        failure_interval: 95 % Wilson interval of the failure rate.
        mean, sd, cv: Over the seeds that did not fail; cv = sd / mean.
        mean_all, sd_all, cv_all: Over all seeds, inf or nan where a loss is not finite.
        reproducibility: (1 - failure_rate) * max(0, 1 - cv), in [0, 1]; nan when a single seed survives, 0 when none.
        improvement: 1 - mean / baseline; nan without a baseline.
    """

    seeds: int
    failed: int
    failure_rate: float
    failure_interval: tuple[float, float]
    mean: float
    sd: float
    cv: float
    mean_all: float
    sd_all: float
    cv_all: float
    reproducibility: float
    improvement: float


def has_failed(loss: float, baseline: float = inf) -> bool:
    """Says whether a seed failed: its loss is not finite, or no better than the baseline."""
    return not isfinite(loss) or loss >= baseline


def summarize(losses: Sequence[float], baseline: float = inf) -> SeedSummary:
    """Summarises the losses of one trial's seeds.

    Args:
        losses: One loss per seed, K >= 1; not finite where training diverged.
        baseline: The constant model's loss; inf when the trainer has none.

    Raises:
        ValueError: If there is no loss.
    """
    if not losses:
        raise ValueError("a summary needs the loss of at least one seed, got none")
    alive = [loss for loss in losses if not has_failed(loss, baseline)]
    failed = len(losses) - len(alive)
    mean, sd = _moments(alive)
    mean_all, sd_all = _moments(losses)
    rate = failed / len(losses)
    cv = sd / mean if alive and mean else nan
    return SeedSummary(
        seeds=len(losses),
        failed=failed,
        failure_rate=rate,
        failure_interval=wilson_interval(failed, len(losses)),
        mean=mean,
        sd=sd,
        cv=cv,
        mean_all=mean_all,
        sd_all=sd_all,
        cv_all=sd_all / mean_all if mean_all else nan,
        reproducibility=(1 - rate) * max(0.0, 1 - cv) if alive and isfinite(cv) else (nan if alive else 0.0),
        improvement=1 - mean / baseline if isfinite(baseline) else nan,
    )


def score(losses: Sequence[float], baseline: float, rule: ScoreRule) -> float:
    """Returns the risk-adjusted mean by which trials are compared; lower is better.

    `mean + risk * sd` over the counted losses (see `counted_loss`) of all seeds. A single seed has no spread of its
    own, so it is charged nothing here: trials are only compared with others that have as many seeds.

    Args:
        losses: One loss per seed, K >= 1.
        baseline: The constant model's loss; inf when the trainer has none, and then one non-finite seed makes inf.
        rule: Risk and cap.
    """
    counted = [counted_loss(loss, baseline, rule.cap) for loss in losses]
    if not all(isfinite(loss) for loss in counted):
        return inf
    spread = stdev(counted) if len(counted) > 1 else 0.0
    return fmean(counted) + rule.risk * spread


def counted_loss(loss: float, baseline: float, cap: float) -> float:
    """Returns the loss with which a seed enters the score.

    A seed that did not fail counts with its own loss. A failed seed counts with between `cap - 1 + 1 / cap` and `cap`
    baselines, in the order of its loss: far enough that one failure in five outweighs any gain of a few percent,
    bounded so that how badly it diverged does not matter, ordered so that slow starters that are all above the
    baseline at an early rung can still be told apart.
    """
    if not has_failed(loss, baseline):
        return loss
    if not isfinite(baseline):
        return inf
    capped = min(loss, cap * baseline) if isfinite(loss) else cap * baseline
    return (cap - 1) * baseline + capped / cap


def wilson_interval(failed: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the Wilson score interval of a proportion.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22, 209-212.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = failed / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def stability(curve: Sequence[float], last: int = 100) -> float:
    """Returns the standard deviation (ddof = 1) of a run's last epochs; nan when fewer than two are there.

    Args:
        curve: Validation loss by epoch.
        last: How many epochs at the end enter; the published tables use 100.
    """
    return _moments(curve[-last:])[1]


def _moments(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return nan, nan
    if not all(isfinite(value) for value in values):
        return (inf if inf in values else nan), nan
    return fmean(values), stdev(values) if len(values) > 1 else nan
