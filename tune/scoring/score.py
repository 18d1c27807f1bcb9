"""From the losses of a trial's seeds to its score, failure rate, spread and intervals: pure functions.

A seed has failed when its loss is not finite or no better than the baseline (the constant model's loss).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, nan, sqrt
from statistics import fmean, stdev, variance

from tune.scoring.intervals import student_quantile, wilson_interval
from tune.study.sections import ScoreRule

_FLATTERED = 1.5  # times the prior spread: how much wider an interval is where the trial was chosen for its losses
_RISEN, _JUDGED = 1.5, 2  # times its lowest loss, and for how many epochs: a run that fails and does not only jump


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
        improvement: 1 - mean / baseline; nan without a baseline, or with one of 0.
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
        improvement=1 - mean / baseline if isfinite(baseline) and baseline else nan,
    )


def score(losses: Sequence[float], baseline: float, rule: ScoreRule, unrest: float = 0.0) -> float:
    """Returns the risk-adjusted mean by which trials are compared; lower is better.

    `mean + risk * sd + unrest`, over the counted losses (see `counted_loss`) of all seeds and of `prior_failures`
    seeds more that failed. The standard deviation is that of the counted losses together with a prior one of
    `prior_spread` times their mean, which counts like one seed, so a single seed is charged as well. Among trials with
    as many seeds the priors change no order; they matter where seeds are few on one side.

    Source: the pooled variance is the posterior mean's denominator of the conjugate normal model with one prior
    degree of freedom (Gelman et al. 2013, "Bayesian Data Analysis", 3rd ed., section 3.3).

    Args:
        losses: One loss per seed, K >= 1.
        baseline: The constant model's loss; inf when the trainer has none, and then one non-finite seed makes inf.
        rule: Weights and priors.
        unrest: Mean over seeds of `restlessness`.
    """
    counted = [counted_loss(loss, baseline, rule.cap) for loss in losses]
    if not all(isfinite(loss) for loss in counted):
        return inf
    mean, charged = fmean(counted), rule.unrest * unrest
    if isfinite(baseline):
        mean = (sum(counted) + rule.prior_failures * rule.cap * baseline) / (len(counted) + rule.prior_failures)
        charged = min(charged, rule.cap * baseline)
    return mean + rule.risk * prior_sd(counted, rule) + charged


def prior_sd(counted: Sequence[float], rule: ScoreRule) -> float:
    """Returns the standard deviation over seeds, the prior one included; see `score`."""
    prior = (rule.prior_spread * fmean(counted)) ** 2
    squares = (len(counted) - 1) * variance(counted) if len(counted) > 1 else 0.0
    return sqrt((prior + squares) / len(counted))


def restlessness(curve: Sequence[float], last: int = 5) -> float:
    """Returns how much a run's loss rises from epoch to epoch at its end; 0 while it only falls.

    The mean over the last epochs of `max(0, v[e] - v[e-1])`: unlike a standard deviation it charges a run that jumps,
    not one that still learns. Values that are not finite are left out; such a seed has failed anyway.

    Args:
        curve: The scored metric by epoch, up to the one that is scored.
        last: How many steps between epochs at the end enter.
    """
    rises = [max(0.0, after - before) for before, after in pairwise(curve[-last - 1 :]) if isfinite(after - before)]
    return fmean(rises) if rises else 0.0


def early_loss(curve: Sequence[float], last: int = 3) -> float:
    """Returns the loss by which a run is judged before its full epochs: between its last one and its best of late.

    The mean of the last loss and the lowest of the last few. A run that still learns jumps from epoch to epoch, so one
    epoch of one seed says as much of the jump as of the setting; but one that ends high has not shown that it will not
    stay there. docs/search.md has what that is worth.

    Args:
        curve: The scored metric by epoch, up to the one that is judged; a last value that is not finite stays.
        last: How many epochs at the end enter.
    """
    best = min((loss for loss in curve[-last:] if isfinite(loss)), default=curve[-1])
    return fmean((curve[-1], best)) if isfinite(curve[-1]) else curve[-1]


def fails_early(curve: Sequence[float], baseline: float) -> bool | None:
    """Says whether a run shows before its full epochs that it fails; None while it was never below the baseline.

    It does where it is not finite, where it was below the baseline and is no more, or where its last two losses are
    half as much again as its lowest before. A slow starter, which has not learned yet, tells nothing.

    Args:
        curve: The scored metric by epoch, up to the one that is judged.
        baseline: The constant model's loss.
    """
    if not isfinite(curve[-1]):
        return True
    before, now = ([loss for loss in part if isfinite(loss)] for part in (curve[:-_JUDGED], curve[-_JUDGED:]))
    if min(before + now) >= baseline:
        return None
    return curve[-1] >= baseline or (bool(before) and min(now) >= _RISEN * min(before))


def late_loss(curve: Sequence[float], baseline: float, last: int = 5) -> float:
    """Returns the loss by which a run is judged that had its full epochs while its trial has not had all its seeds.

    The mean over its last few epochs: the last one alone says too much of that epoch where one seed must do. An epoch
    at the baseline or above it counts as one at the baseline, so that it makes no failure of a run that ended below; a
    run that ended there has failed and keeps its last loss. docs/search.md has what that is worth.

    Args:
        curve: The scored metric by epoch, all of them.
        baseline: The constant model's loss; inf when the trainer has none, and then epochs that are not finite are left
            out.
        last: How many epochs at the end enter.
    """
    if has_failed(curve[-1], baseline):
        return curve[-1]
    late = [min(loss, baseline) if isfinite(loss) else baseline for loss in curve[-last:]]
    return fmean(loss for loss in late if isfinite(loss))


def loss_interval(
    losses: Sequence[float], baseline: float, rule: ScoreRule, confidence: float = 0.95
) -> tuple[float, float]:
    """Returns the interval that holds a trial's mean counted loss over fresh seeds.

    Student's t with the spread of `prior_sd`, whose prior adds one degree of freedom.

    Source: Student 1908, "The probable error of a mean", Biometrika 6, 1-25.
    """
    counted = [counted_loss(loss, baseline, rule.cap) for loss in losses]
    if not all(isfinite(loss) for loss in counted):
        return -inf, inf
    half = student_quantile(0.5 + confidence / 2, len(counted)) * prior_sd(counted, rule) / sqrt(len(counted))
    return fmean(counted) - half, fmean(counted) + half


def reported_interval(losses: Sequence[float], baseline: float, rule: ScoreRule) -> tuple[float, float]:
    """Returns the 95 % interval of `loss_interval` with which a report shows a trial.

    Whoever is looked at in a report was chosen for its losses, and these flatter it. So the prior spread is taken to be
    one and a half times as wide; docs/search.md has how often the interval then holds the mean of fresh seeds.
    """
    return loss_interval(losses, baseline, rule.model_copy(update={"prior_spread": _FLATTERED * rule.prior_spread}))


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
