"""What limits the answer of a study: computed from its results, none of it boilerplate."""

from math import log

from tune.report import wording
from tune.report.results import Results
from tune.space import Choice, IntRange, LogUniform, Parameter, Uniform

_FEWEST_SEEDS = 5
_EDGE = 0.05
"""A value this share of the range away from an end, or nearer, counts as on the edge."""


def caveats(results: Results) -> list[str]:
    """Returns one sentence per reason for care; empty when there is none."""
    if results.best is None:
        return []
    return [*_unconfirmed(results), *_edges(results), *_ties(results), *_seeds(results), *_baseline(results)]


def edge(parameter: Parameter, value: object) -> str | None:
    """Returns `lower` or `upper` when a value lies at that end of its range, otherwise None.

    A choice counts when its values are three or more numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    match parameter:
        case LogUniform():
            low, high = parameter.log_uniform
            place = log(value / low) / log(high / low)
        case Uniform():
            low, high = parameter.uniform
            place = (value - low) / (high - low)
        case IntRange():
            low, high = parameter.int_
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
    return [
        (
            f"The winner is tied with trial{'s' if len(close) > 1 else ''} {names}: over the seeds that they share, "
            "the 95% interval of the difference holds zero."
        )
    ]


def _seeds(results: Results) -> list[str]:
    best = results.best
    assert best is not None
    if best.summary is None or best.summary.seeds >= _FEWEST_SEEDS:
        return []
    seeds = wording.count(best.summary.seeds, "seed")
    high = wording.percent(best.summary.failure_interval[1], 0)
    return [f"The answer rests on {seeds}: the failure rate could be as high as {high} (95% interval)."]


def _baseline(results: Results) -> list[str]:
    if results.ledger.baseline is not None and results.study.score.metric in results.ledger.baseline:
        return []
    return [
        (
            f"The trainer tells no baseline for {results.study.score.metric}, so only a loss that is not finite "
            "counts as a failed seed."
        )
    ]
