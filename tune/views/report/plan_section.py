"""A plan in the report: each round's arms and what they change, coverage of its factors, stability, what is missing."""

from collections.abc import Sequence
from itertools import combinations
from math import isfinite

from tune.scoring.effects.stability import StabilityRegion, stability_region
from tune.views import wording
from tune.views.plan.pivot import COVERAGE, FAILED, pivot, pivot_cells
from tune.views.plan.rounds import ArmRow, RoundResult, rounds_of
from tune.views.plan.speed import faster_sentence, speed_table, speeds_of
from tune.views.plan.tables import (
    Cells,
    arms_table,
    begun_sentence,
    factors_caveats,
    factors_table,
    levels_table,
    missing_sentence,
    missing_table,
    reading_sentence,
)
from tune.views.report.blocks import Block, Bullets, Paragraph, Section, Table
from tune.views.results import Results

_MOST_TABLES = 3
"""Coverage tables of pairs of factors of one round; `latent-tune table` makes any other."""


def plan_sections(results: Results) -> list[Section]:
    """Returns what the plan says, round by round; nothing where the study is none."""
    rounds = rounds_of(results.ledger, results.ranked, results.seconds)
    if not rounds:
        return []
    sections = [_round(results, of, explained=place > 0) for place, of in enumerate(rounds)]
    if said := missing_sentence(rounds):
        cells = missing_table(rounds)
        sections.append(Section("What is missing of the plan", [Paragraph(said), _table(cells, "Missing arms")]))
    return [*sections, *_stability(results, rounds)]


def _round(results: Results, of: RoundResult, *, explained: bool) -> Section:
    """Returns what a round says; how to read it is told with the first, the others are `explained` by that."""
    rule, seeds = results.study.score, len(results.study.seeds)
    blocks: list[Block] = [Paragraph(begun_sentence(of))]
    if of.rows:
        blocks.append(_table(arms_table(of), f"Arms of {of.name}"))
        blocks += [] if explained else [Paragraph(reading_sentence(rule, seeds))]
    blocks += _coverage(results, of)
    if of.factors is not None:
        text = (
            "What each factor, and each interaction of factors, explains of the variance over arms and seeds (eta "
            "squared; without noise's part: omega squared); p with Holm's correction over all terms."
        )
        blocks += [Paragraph(text), _table(factors_table(of), f"Factors of {of.name}")]
        blocks += [Bullets(said)] if (said := factors_caveats(of)) else []
        blocks.append(_table(levels_table(of), f"Levels of the factors of {of.name}"))
    blocks += _speed(results, of, explained=explained)
    return Section(f"Round {of.name}", blocks)


def _coverage(results: Results, of: RoundResult) -> list[Block]:
    """Returns the tables of each two factors that a round crosses."""
    grid = [name for name, values in results.study.plan[of.name].crossed.items() if len(values) > 1]
    mine = _only(results, of)
    found: list[Block] = []
    for rows, columns in list(combinations(grid, 2))[:_MOST_TABLES]:
        table = pivot(results, rows, columns, COVERAGE, of=mine)
        found.append(_table(pivot_cells(table), f"{rows} against {columns}: mean, and what is done or missing"))
    return found


def _speed(results: Results, of: RoundResult, *, explained: bool) -> list[Block]:
    speeds = speeds_of(results, of)
    if not speeds:
        return []
    text = (
        "Seconds of an epoch: the median after the first, which stands beside it and has warming up and compiling in "
        "it; seeds of an arm that train side by side share them. As fast as the base: its median over that of the arm, "
        "in brackets over the quartiles of the arm's epochs. Arms train one after the other, so one that had to share "
        "the machine looks slow. A dash: not measured."
    )
    said = [Paragraph(line) for line in [faster_sentence(of, speeds)] if line]
    how: list[Block] = [] if explained else [Paragraph(text)]
    return [*how, _table(speed_table(speeds), f"Speed of the arms of {of.name}"), *said]


def _only(results: Results, of: RoundResult) -> Sequence[str]:
    """Returns the arms of a round that differ from its base in nothing but its grid."""
    grid = set(results.study.plan[of.name].crossed)
    return [row.arm.full_name for row in of.rows if set(row.arm.changes) <= grid]


def _stability(results: Results, rounds: Sequence[RoundResult]) -> list[Section]:
    """Returns where along each numeric parameter seeds begin to fail; nothing where no seed did."""
    said: dict[str, list[str]] = {}
    for name in results.study.varying:
        every = [row for of in rounds for row in _alike(results, of, name)]
        alike = {row.placed.trial.number: row for row in every if row.placed.trial is not None}
        runs = [
            (float(value), results.scale.failed(loss))
            for row in alike.values()
            if isinstance(value := row.arm.configuration.get(name), int | float) and not isinstance(value, bool)
            for loss in row.losses.values()
        ]
        if len({value for value, _ in runs}) > 1 and any(failed for _, failed in runs):
            said.setdefault(_stable(stability_region(runs)), []).append(name)
    if not said:
        return []
    bullets = [f"{wording.listed(names)}: {sentence}." for sentence, names in said.items()]
    text = (
        "In arms that change nothing else, or over a whole grid: where the failure rate of seeds crosses a half, with "
        "a 95% interval."
    )
    return [Section("Where seeds begin to fail", [Paragraph(text), Bullets(bullets), *_failed_tables(results)])]


def _alike(results: Results, of: RoundResult, name: str) -> list[ArmRow]:
    """Returns the arms of a round that differ in nothing but a parameter; of a grid that has it, all of the grid."""
    grid = results.study.plan[of.name].crossed
    may = {*grid} if name in grid else {name}
    return [row for row in of.rows if row.arm.changes.keys() <= may]


def _stable(region: StabilityRegion) -> str:
    ends = [
        f"they fail {end.side} {wording.number(end.estimate)} (95% interval {_range(*end.interval)})"
        for end in region.thresholds
        if isfinite(end.estimate)
    ]
    return "; ".join(part for part in (*ends, "" if ends else region.caveat) if part)


def _range(low: float, high: float) -> str:
    if isfinite(low) and isfinite(high):
        return f"{wording.number(low)} to {wording.number(high)}"
    if isfinite(low):
        return f"at least {wording.number(low)}"
    return f"at most {wording.number(high)}" if isfinite(high) else "without bound"


def _failed_tables(results: Results) -> list[Block]:
    names = [name for name, one in results.study.varying.items() if one.values is not None and len(one.values) < 20]
    tables = [pivot_cells(pivot(results, name, "", FAILED)) for name in names[:_MOST_TABLES]]
    return [_table(cells, f"Seeds that failed, by {cells.headings[0]}") for cells in tables]


def _table(cells: Cells, caption: str) -> Table:
    return Table(cells.headings, cells.rows, left=tuple(cells.words), caption=caption)
