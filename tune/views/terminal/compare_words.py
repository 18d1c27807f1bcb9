"""A comparison in sentences: which difference holds up, what may not be ranked, what cannot be told apart."""

from math import isfinite

from tune.ledger.printable import printable_line
from tune.scoring.comparison.column import Column
from tune.scoring.comparison.comparison import Comparison
from tune.scoring.confounding import Aliased
from tune.views import wording

_MOST_NAMED = 12
_APART = 1.5
"""Learning rates are said to differ from this factor on."""


def difference_sentence(first: Column, second: Column, comparison: Comparison) -> str:
    """Says by how much a side is better than the first, and how sure that is."""
    names, gap = f"{second.side.name} minus {first.side.name}", second.apart
    if gap is None:
        return f"{names}: not ranked, for they have no {comparison.axis} in common."
    when = "at the end" if gap.epoch is None else f"after {wording.count(gap.epoch, comparison.axis)}"
    if not isfinite(gap.mean):
        return f"{names}: there is no seed on which neither fails."
    if gap.pairs:
        over = f"over {wording.count(len(gap.pairs), 'seed')} {when}"
    else:
        over = f"{when}, not paired: {_why_unpaired(first, second)}"
    low, high = gap.interval
    if not isfinite(low):
        return f"{names}: {gap.mean:+.4g} {over}; one run of a side says nothing about how sure this is."
    verdict = "the difference is within the noise of the seeds"
    if gap.better is not None:
        verdict = f"{(second if gap.better else first).side.name} is better"
    return f"{names}: {gap.mean:+.4g} {over} (95% interval {low:+.4g} to {high:+.4g}): {verdict}."


def _why_unpaired(first: Column, second: Column) -> str:
    untold = [column.side.name for column in (first, second) if not column.side.seeded]
    tell = "tells" if len(untold) == 1 else "tell"
    return f"{wording.listed(untold)} {tell} no seeds" if untold else "they have no seed in common"


def length_sentences(comparison: Comparison) -> list[str]:
    """Says which sides are not ranked by their final values, for they trained for different numbers of epochs."""
    first, *others = comparison.columns
    found = []
    for column in others:
        mine, theirs = first.side.epochs, column.side.epochs
        if mine is None or theirs is None or mine[1] == theirs[1]:
            continue
        when = column.apart.epoch if column.apart is not None else None
        how = f"compared after {wording.count(when, comparison.axis)}, " if when else ""
        found.append(
            f"{column.side.name} trained {theirs[1]:,} {comparison.axis}s, {first.side.name} {mine[1]:,}: {how}their "
            f"final values are not ranked.{_rates(first, column, when)}"
        )
    if len({column.side.axis for column in comparison.columns}) > 1:
        found.append("Some curves are by epoch and others by step, so nothing holds between them but their ends.")
    return found


def _rates(first: Column, second: Column, epoch: int | None) -> str:
    """Says that learning rates differ after the epoch at which sides are compared, as those of unlike schedules do."""
    if epoch is None:
        return ""
    rates = []
    for column in (first, second):
        told = [curve[epoch] for run in column.side.runs if epoch in (curve := run.curve("learning_rate"))]
        rates.append(sum(told) / len(told) if told else 0.0)
    low, high = sorted(rates)
    if low <= 0 or high / low < _APART:
        return ""
    return f" There the learning rate is {rates[1]:.3g} against {rates[0]:.3g}."


def confounding_sentences(comparison: Comparison) -> list[str]:
    """Says what cannot be told apart, what would separate it, and what some sides do not tell."""
    found = [_aliased(one) for one in comparison.confounding.aliased]
    if comparison.further:
        runs = [f"{one.factor} {wording.value(one.value)}" for one in comparison.further]
        base, what = comparison.columns[0].side.name, "this" if len(found) == 1 else "these"
        shown = runs if len(runs) <= _MOST_NAMED else [*runs[:_MOST_NAMED], f"{len(runs) - _MOST_NAMED} more"]
        found.append(
            f"{wording.count(len(runs), 'more run')} would separate {what}, no fewer: "
            f"{base} {'; '.join(f'with {run}' for run in shown)}. "
            "--plan-out FILE writes a plan of them."
        )
    if untold := comparison.confounding.untold:
        said = [printable_line(name) for name in untold[:_MOST_NAMED]]
        more = [] if len(untold) <= _MOST_NAMED else [f"{len(untold) - _MOST_NAMED} more"]
        found.append(f"Not every side tells {wording.listed([*said, *more])}: whether that differs is not known.")
    if not any(column.learning_rates for column in comparison.columns) and comparison.columns[0].values:
        found.append("Nobody tells the learning rate by epoch, so it is not known.")
    return found


def _aliased(one: Aliased) -> str:
    names = wording.listed([printable_line(name) for name in one.factors])
    if one.together:
        return f"{names} change together: nothing can be said of one."
    return f"{names} cannot be told apart: in these runs the effect of one may be that of others."
