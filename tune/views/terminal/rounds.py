"""A plan in the terminal: each round's arms, what is missing."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tune.study.study import Study
from tune.views.console import plain_table
from tune.views.plan.rounds import RoundResult
from tune.views.plan.tables import (
    Cells,
    arms_table,
    begun_sentence,
    factors_caveats,
    factors_table,
    missing_sentence,
    missing_table,
    reading_sentence,
)

_DROPPED_FIRST = ("seconds", "epochs", "trial")
"""Columns that say little, where there is little room: the report has them all."""


def print_rounds(rounds: Sequence[RoundResult], study: Study, console: Console) -> None:
    """Prints the rounds of a plan one after the other, and the arms that are missing."""
    for of in rounds:
        title = f"Round {of.name}: {of.done} of {len(of.rows)} arms done"
        _print(console, fitting_table(title, arms_table(of), console), Text(begun_sentence(of)))
        if of.factors is not None:
            caveats = [Text(line) for line in factors_caveats(of)]
            _print(console, table_of(f"What the factors of {of.name} do", factors_table(of)), *caveats)
    _print(console, Text(f"{reading_sentence(study.score, len(study.seeds))}"))
    if said := missing_sentence(rounds):
        _print(console, table_of("Missing", missing_table(rounds)), Text(said))


def fitting_table(title: str, cells: Cells, console: Console) -> RenderableType:
    """Returns a table that fits the console: without some columns, or with names on lines of their own."""
    kept = cells
    for dropped in ("", *_DROPPED_FIRST):
        kept = _without(kept, dropped)
        table = table_of(title, kept)
        if Measurement.get(console, console.options.update(width=1000), table).maximum <= console.width:
            return table
    return _named_above(title, kept)


def _without(cells: Cells, dropped: str) -> Cells:
    kept = [place for place, heading in enumerate(cells.headings) if heading != dropped]
    return Cells([cells.headings[at] for at in kept], [[row[at] for at in kept] for row in cells.rows], cells.words)


def _named_above(title: str, cells: Cells) -> RenderableType:
    """Returns a table in which the first column of each row is a line above the others."""
    _, *headings = cells.headings
    figures = [row[1:] for row in cells.rows]
    widths = [max(map(len, column)) for column in zip(headings, *figures, strict=True)]

    def line(row: Sequence[str]) -> str:
        cased = zip(headings, row, widths, strict=True)
        aligned = (one.ljust(width) if head in cells.words else one.rjust(width) for head, one, width in cased)
        return f"  {'  '.join(aligned)}".rstrip()

    lines = [Text(title, style="bold"), Text(line(headings), style="bold")]
    lines.append(Text("\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (2 + sum(widths) + 2 * (len(widths) - 1))))
    for name, *row in cells.rows:
        lines += [Text(name), Text(line(row), no_wrap=True, overflow="ellipsis")]
    return Group(*lines)


def table_of(title: str, cells: Cells) -> Table:
    """Returns cells of text as a table; numbers stand to the right."""
    table = plain_table(title)
    for heading in cells.headings:
        word = heading in cells.words
        table.add_column(heading, justify="left" if word else "right", overflow="fold", no_wrap=not word)
    for row in cells.rows:
        table.add_row(*map(Text, row))
    return table


def _print(console: Console, *shown: RenderableType) -> None:
    for one in shown:
        console.print(one, highlight=False)
    console.print()
