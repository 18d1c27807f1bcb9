"""A plan in the terminal: each round's arms, what is missing."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tune.study.study import Study
from tune.views.plan.rounds import RoundResult
from tune.views.plan.tables import (
    Cells,
    arms_table,
    begun_sentence,
    factors_table,
    missing_sentence,
    missing_table,
    reading_sentence,
)
from tune.views.terminal.summary import plain_table

_DROPPED = {"seconds": 100, "epochs": 90, "trial": 80}
"""Columns that are left out of terminals narrower than this."""


def print_rounds(rounds: Sequence[RoundResult], study: Study, console: Console) -> None:
    """Prints the rounds of a plan one after the other, and the arms that are missing."""
    for of in rounds:
        title = f"Round {of.name}: {of.done} of {len(of.rows)} arms done"
        _print(console, table_of(title, _fitting(arms_table(of), console.width)), Text(begun_sentence(of)))
        if of.factors is not None:
            caveats = [Text(line) for line in of.factors.caveats]
            _print(console, table_of(f"What the factors of {of.name} do", factors_table(of)), *caveats)
    _print(console, Text(f"{reading_sentence(study.score, len(study.seeds))}"))
    if said := missing_sentence(rounds):
        _print(console, table_of("Missing", missing_table(rounds)), Text(said))


def _fitting(cells: Cells, width: int) -> Cells:
    """Returns a table without columns that say little, where there is little room: the report has them all."""
    dropped = {heading for heading, least in _DROPPED.items() if width < least}
    kept = [place for place, heading in enumerate(cells.headings) if heading not in dropped]
    return Cells([cells.headings[at] for at in kept], [[row[at] for at in kept] for row in cells.rows], cells.words)


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
