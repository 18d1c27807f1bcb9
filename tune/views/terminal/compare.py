"""Runs side by side: what differs in their configuration, how each went, what can be said of it."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, isnan, nan
from statistics import fmean, stdev

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tune.scoring.comparison.column import DROP_SHARE, Column
from tune.scoring.comparison.comparison import Comparison
from tune.views import wording
from tune.views.console import plain_table
from tune.views.terminal.compare_json import ratio
from tune.views.terminal.compare_words import confounding_sentences, difference_sentence, length_sentences

_ALWAYS_BESIDE = 3
"""So many sides are columns in any case; more of them are rows where a terminal is too narrow for columns."""
_MOST_SEEDS = 10
_DIGITS = (3, 6, 17)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints sides beside each other, how each differs from the first, and what cannot be told apart."""
    beside = _beside(comparison)
    needed = Measurement.get(console, console.options.update(width=1000), beside).maximum
    fits = needed <= console.width or len(comparison.columns) <= _ALWAYS_BESIDE
    for table in [beside] if fits else _below_each_other(comparison):
        console.print(table)
    first, *others = comparison.columns
    _say(console, [difference_sentence(first, column, comparison) for column in others])
    fails = [f"{column.side.name} fails on {_which(column)}." for column in comparison.columns if column.failed]
    _say(console, [*fails, *length_sentences(comparison)], apart=False)
    _say(console, confounding_sentences(comparison))


def _say(console: Console, sentences: Sequence[str], *, apart: bool = True) -> None:
    if sentences and apart:
        console.print()
    for sentence in sentences:
        console.print(Text(sentence), highlight=False)


def _which(column: Column) -> str:
    if column.side.seeded:
        return wording.seeds(column.failed)
    return f"{len(column.failed)} of {wording.count(len(column.side.runs), 'run')}"


def _beside(comparison: Comparison) -> Table:
    """Returns a table with a column per side."""
    columns = comparison.columns
    table = plain_table("Side by side")
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(Text(column.side.name), justify="right", overflow="fold")
    for name in comparison.differing:
        table.add_row(Text(name), *map(Text, _settings(comparison, name)))
    table.add_row(f"{comparison.axis}s trained", *map(_trained, columns))
    _add_values(table, comparison)
    _add_course(table, comparison)
    _add_ends(table, comparison)
    _add_cost(table, columns)
    return table


def _settings(comparison: Comparison, name: str) -> list[str]:
    """Returns the values of what differs, with as many digits as tell them apart."""
    factors = comparison.factors
    several = len({repr(one.get(name)) for one in factors if name in one})
    for digits in _DIGITS:
        shown = [wording.value(one[name], digits) if name in one else wording.UNKNOWN for one in factors]
        if len(set(shown) - {wording.UNKNOWN}) >= several:
            break
    return shown


def _trained(column: Column) -> str:
    if column.side.epochs is None:
        return wording.UNKNOWN
    shortest, longest = column.side.epochs
    return f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"


def _add_values(table: Table, comparison: Comparison) -> None:
    """Adds the metric by epoch: seed by seed where there are few, else mean and deviation; and the learning rate."""
    columns = comparison.columns
    seeds = sorted({run.seed for column in columns for run in column.side.runs if run.seed is not None})
    shared = set(seeds).intersection(*({run.seed for run in column.side.runs} for column in columns))
    by_seed = all(column.side.seeded for column in columns) and len(shared) > 1 and len(seeds) <= _MOST_SEEDS
    for epoch in dict.fromkeys(epoch for column in columns for epoch in column.values):
        label = f"{comparison.metric}, {comparison.axis} {epoch}"
        values = [column.values.get(epoch, {}) for column in columns]
        if by_seed:
            _add_by_seed(table, label, values, seeds)
        else:
            table.add_section() if epoch == next(iter(columns[0].values)) else None
            table.add_row(Text(label), *(_mean_and_sd(list(one.values())) for one in values))
    table.add_section()
    for epoch in columns[0].values:
        rates = [column.learning_rates.get(epoch) for column in columns]
        if any(rate is not None for rate in rates):
            table.add_row(f"learning rate, {comparison.axis} {epoch}", *(wording.number(rate) for rate in rates))


def _add_by_seed(table: Table, label: str, values: Sequence[Mapping[int, float]], seeds: Sequence[int]) -> None:
    table.add_section()
    for seed in seeds:
        if any(seed in one for one in values):
            table.add_row(Text(f"{label}, seed {seed}"), *(wording.number(one.get(seed)) for one in values))


def _add_course(table: Table, comparison: Comparison) -> None:
    """Adds how the curves came down, and how they end."""
    columns, axis, first = comparison.columns, comparison.axis, comparison.columns[0]
    table.add_section()
    below = comparison.question.below
    if below is not None:
        sign = "≥" if comparison.maximize else "≤"
        table.add_row(
            Text(f"{axis}s to {comparison.metric} {sign} {below:g}"), *(_epochs(one.below) for one in columns)
        )
    gain = "rise" if comparison.maximize else "drop"
    _add(table, f"{axis}s to {DROP_SHARE:.0%} of the final {gain}", columns, lambda one: _epochs(one.drop))
    _add(table, "train-validation gap", columns, lambda one: _percent(list(one.gap_percent.values())))
    if comparison.last:
        over = f"of the last {comparison.last} {axis}s"
        _add(table, f"range {over}", columns, lambda one: wording.number(one.spread_range))
        _add(table, "by that of the first", columns, lambda one: _times(one.spread_range, first.spread_range))
        _add(table, f"sd {over}", columns, lambda one: wording.number(one.spread_sd))
        _add(table, "by that of the first", columns, lambda one: _times(one.spread_sd, first.spread_sd))


def _add_ends(table: Table, comparison: Comparison) -> None:
    columns = comparison.columns
    table.add_section()
    for name in dict.fromkeys(name for column in columns for name in column.finals):
        table.add_row(
            Text(f"final {name}"), *(_mean_and_sd(list(column.finals.get(name, {}).values())) for column in columns)
        )
    norms = [column.gradient_norms for column in columns]
    seeds = sorted({seed for one in norms for seed in one})
    if (
        len({value for one in norms for value in one.values()}) > 1
        and len(seeds) > 1
        and all(column.side.seeded for column in columns)
    ):
        _add_by_seed(table, "mean gradient norm", norms, seeds)
    elif seeds:
        table.add_row("mean gradient norm", *(_mean_and_sd(list(one.values())) for one in norms))


def _add_cost(table: Table, columns: Sequence[Column]) -> None:
    table.add_section()
    _add(table, "parameters", columns, lambda one: f"{one.parameters:,.0f}" if isfinite(one.parameters) else "")
    _add(table, "samples per second, a run", columns, lambda one: wording.number(one.samples_per_second))
    _add(table, "epochs per second, all runs", columns, lambda one: wording.number(one.epochs_per_second, 3))
    _add(table, "seconds", columns, lambda one: wording.seconds(one.seconds))
    _add(table, "GPU-hours", columns, lambda one: wording.number(one.gpu_hours, 3))


def _add(table: Table, label: str, columns: Sequence[Column], cell: Callable[[Column], str]) -> None:
    """Adds a row, if there is something in it."""
    cells = [cell(column) or wording.UNKNOWN for column in columns]
    if set(cells) != {wording.UNKNOWN}:
        table.add_row(Text(label), *map(Text, cells))


def _below_each_other(comparison: Comparison) -> list[Table]:
    """Returns two tables with a row per side, for many of them: what they are, and how they went."""
    settings, results = plain_table("Sides"), plain_table("How they went")
    metric, below, last = comparison.metric, comparison.question.below, comparison.last
    measured: dict[str, Callable[[Column], str]] = {
        f"{comparison.axis}s": _trained,
        f"final {metric}": lambda one: _mean_and_sd(list(one.finals.get(metric, {}).values())),
        f"{comparison.axis}s to {below}": lambda one: _epochs(one.below),
        f"to {DROP_SHARE:.0%}": lambda one: _epochs(one.drop),
        "gap": lambda one: _percent(list(one.gap_percent.values())),
        f"sd of last {last}": lambda one: wording.number(one.spread_sd, 3),
        "seconds": lambda one: wording.seconds(one.seconds),
    }
    cells = {name: [show(column) for column in comparison.columns] for name, show in measured.items()}
    differing = {name: _settings(comparison, name) for name in comparison.differing}
    _fill(settings, {"": [column.side.name for column in comparison.columns], **differing})
    _fill(results, {name: column for name, column in cells.items() if set(column) != {wording.UNKNOWN}})
    return [settings, results]


def _fill(table: Table, cells: Mapping[str, Sequence[str]]) -> None:
    """Fills a table by columns, its rows numbered."""
    table.add_column("#", justify="right")
    for name in cells:
        table.add_column(Text(name), justify="right" if name else "left", overflow="fold")
    for place, row in enumerate(zip(*cells.values(), strict=True), 1):
        table.add_row(str(place), *map(Text, row))


def _epochs(by_seed: Mapping[int, float]) -> str:
    """Returns the mean over the runs that came there, and how many did not."""
    there = [value for value in by_seed.values() if not isnan(value)]
    if not by_seed:
        return wording.UNKNOWN
    if not there:
        return "never"
    mean = f"{fmean(there):.4g}"
    return mean if len(there) == len(by_seed) else f"{mean} ({len(there)} of {len(by_seed)} runs)"


def _percent(values: Sequence[float]) -> str:
    finite = [value for value in values if isfinite(value)]
    return f"{fmean(finite):+.1f}%" if finite else wording.UNKNOWN


def _times(value: float, first: float) -> str:
    found = ratio(value, first)
    return f"× {found:.3g}" if isfinite(found) else wording.UNKNOWN


def _mean_and_sd(values: Sequence[float]) -> str:
    """Returns mean and deviation over the runs, and how many of them have no finite value."""
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return wording.UNKNOWN if not values else "not finite"
    shown = wording.spread(fmean(finite), stdev(finite) if len(finite) > 1 else nan)
    return shown if len(finite) == len(values) else f"{shown} ({len(values) - len(finite)} not finite)"
