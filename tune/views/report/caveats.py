"""What limits the answer of a study: computed from its results, none of it boilerplate."""

from math import isfinite, log, sqrt
from statistics import fmean

from tune.scoring.collapse import COLLAPSED_SHARE
from tune.scoring.intervals import student_quantile
from tune.scoring.measured import difference
from tune.scoring.paired import Difference
from tune.scoring.standings import Standing
from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.views import wording
from tune.views.results import Results

_FEWEST_SEEDS = 5
_STEEP = 0.05
_MOST_SEEDS = 200  # more is no advice
_MOST_NAMED = 8
_EDGE = 0.05
"""A value this share of the range away from an end, or nearer, counts as on the edge."""


def caveats(results: Results) -> list[str]:
    """Returns one sentence per reason for care; empty when there is none."""
    if results.best is None:
        return []
    checks = (_unconfirmed, _slow_starters, _edges, _ties, _seeds, _baseline, _collapse)
    return [sentence for check in checks for sentence in check(results)]


def edge(parameter: Parameter, value: object) -> str | None:
    """Returns `lower` or `upper` when a value lies at that end of its range, otherwise None.

    A choice counts when its values are three or more numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    match parameter:
        case LogUniform():
            low, high = parameter.extremes
            place = log(value / low) / log(high / low)
        case Uniform():
            low, high = parameter.extremes
            place = (value - low) / (high - low)
        case IntRange():
            low, high = parameter.extremes
            place = log(value / low) / log(high / low) if parameter.log else (value - low) / (high - low)
        case Choice():
            numbers = [one for one in parameter.choice if isinstance(one, int | float) and not isinstance(one, bool)]
            if len(numbers) < 3 or len(numbers) < len(parameter.choice):
                return None
            place = {min(numbers): 0.0, max(numbers): 1.0}.get(value, 0.5)
    if place <= _EDGE:
        return "lower"
    return "upper" if place >= 1 - _EDGE else None


def _unconfirmed(results: Results) -> list[str]:
    best, study = results.best, results.study
    assert best is not None
    if best.state != "confirmed":
        seen = f"{wording.count(best.epochs, 'epoch')} on {wording.count(len(best.losses), 'seed')}"
        asked = f"{wording.count(study.top.epochs, 'epoch')} on {wording.count(study.top.seeds, 'seed')}"
        return [f"No trial was confirmed: the best one was seen after {seen}, the full ladder is {asked}."]
    early = [standing for standing in results.ranked if standing.state != "confirmed"]
    if not early:
        return []
    return [
        (
            f"{len(early)} of {wording.count(len(results.ranked), 'trial')} were not confirmed on the full ladder. A "
            "setting that starts slowly may have been stopped before it could show what it can do."
        )
    ]


def _slow_starters(results: Results) -> list[str]:
    """Says how many trials were stopped while they still fell, and more steeply than the winner did at that rung."""
    best = results.best
    assert best is not None
    stopped = [one for one in results.ranked if one.state == "stopped" and one.rung is not None]
    steep = [one for one in stopped if _fall(results, one, one.epochs) > max(_STEEP, _fall(results, best, one.epochs))]
    if not steep:
        return []
    said = (
        f"{len(steep)} of {wording.count(len(stopped), 'trial')} that were stopped early were still falling, over the "
        f"last quarter of their epochs by more than {wording.percent(_STEEP, 0)} and more steeply than the winner "
        "did then: a slow starter may be among them"
    )
    for name in results.study.protected:
        kinds = dict.fromkeys(repr(one.trial.parameters.get(name)) for one in steep)
        counts = [
            (
                f"{sum(repr(one.trial.parameters.get(name)) == kind for one in steep)} of "
                f"{sum(repr(one.trial.parameters.get(name)) == kind for one in stopped)} with {name} {kind.lower()}"
            )
            for kind in kinds
        ]
        said += f" ({', '.join(counts)})"
    return [f"{said}."]


def _fall(results: Results, one: Standing, epochs: int) -> float:
    """Returns by which share the scored metric fell over the last quarter of so many epochs, mean over the seeds."""
    start = epochs - max(1, epochs // 4)
    curves = [results.ledger.curve(one.number, seed) for seed in one.losses]
    loss, told = results.scale.loss, [curve for curve in curves if start >= 1 and len(curve) >= epochs]
    ends = [(loss(curve[start - 1]), loss(curve[epochs - 1])) for curve in told]
    falls = [1 - last / first for first, last in ends if isfinite(first) and isfinite(last) and first > 0]
    return fmean(falls) if falls else 0.0


def _edges(results: Results) -> list[str]:
    assert results.best is not None
    found = []
    for name in results.varying:
        value = results.best.trial.parameters.get(name)
        side = edge(results.study.space[name], value)
        if side is not None:
            shown = wording.value(value)
            found.append(
                f"{name} = {shown} lies at the {side} end of what was searched; a better value may lie beyond it."
            )
    return found


def _ties(results: Results) -> list[str]:
    close = results.tied
    if not close:
        return []
    names = wording.listed([str(standing.number) for standing in close])
    said = (
        f"The winner is tied with trial{'s' if len(close) > 1 else ''} {names}: over the seeds that they share, "
        "the 95% interval of the difference holds zero."
    )
    assert results.best is not None
    gap = difference(results.best.losses, close[0].losses, results.scale)
    needed = seeds_needed(gap)
    if needed is not None and needed > len(gap.seeds):
        said += (
            f" If the difference to trial {close[0].number} is what was seen, it takes about "
            f"{wording.count(needed, 'seed')} to show it; they share {len(gap.seeds)}."
        )
    return [said]


def seeds_needed(gap: Difference) -> int | None:
    """Returns how many seeds two trials must share for the 95% interval of their mean difference to leave out zero.

    From the mean and the spread that were seen, so it is a rough figure; None where these say nothing.
    """
    if len(gap.seeds) < 2 or not isfinite(gap.mean) or gap.mean == 0:
        return None
    half = (gap.interval[1] - gap.interval[0]) / 2
    sd = half * sqrt(len(gap.seeds)) / student_quantile(0.975, len(gap.seeds) - 1)
    for count in range(2, _MOST_SEEDS + 1):
        if student_quantile(0.975, count - 1) * sd / sqrt(count) < abs(gap.mean):
            return count
    return None


def _seeds(results: Results) -> list[str]:
    best = results.best
    assert best is not None
    if best.summary is None or best.summary.seeds >= _FEWEST_SEEDS:
        return []
    seeds = wording.count(best.summary.seeds, "seed")
    high = wording.percent(best.summary.failure_interval[1], 0)
    return [f"The answer rests on {seeds}: the failure rate could be as high as {high} (95% interval)."]


def _baseline(results: Results) -> list[str]:
    if results.scale.baseline is not None:
        return []
    return [
        (
            f"The trainer tells no baseline for {results.study.score.metric}, so only a value that is not finite "
            "counts as a failed seed."
        )
    ]


def _collapse(results: Results) -> list[str]:
    """Says which trials have seeds whose features use few of their dimensions."""
    found = [one for one in results.ranked if (of := results.features.get(one.number)) and of.collapsed]
    if not found:
        return []
    assert results.best is not None
    names = [str(one.number) for one in found[:_MOST_NAMED]]
    more = len(found) - len(names)
    named = wording.listed([*names, f"{more} more"] if more else names)
    said = (
        f"Features have collapsed in {len(found)} of {wording.count(len(results.features), 'trial')}: the effective "
        f"rank is below {wording.percent(COLLAPSED_SHARE, 0)} of the dimensions in at least one seed of trial"
        f"{'s' if len(found) > 1 else ''} {named}."
    )
    winner = results.features.get(results.best.number)
    if winner is not None and winner.collapsed:
        said += (
            f" The winner is among them, with {winner.collapsed} of {wording.count(winner.seeds, 'seed')}: fewer "
            "dimensions may do as well, or the training has lost what the others held."
        )
    return [said]
