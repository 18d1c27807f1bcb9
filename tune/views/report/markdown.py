"""Markdown that shows what it is given: whatever a value holds, it cannot break a table or become markup."""

import re
from collections.abc import Sequence

from tune.ledger.printable import printable

# An underscore inside a word is no markup; what is special only at the start of a line never stands there.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def escape(text: str) -> str:
    """Returns text in which nothing is markup, on one line."""
    return _SPECIAL.sub(r"\\\1", printable(" ".join(text.split())))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str] = ()) -> list[str]:
    """Returns the lines of a table; every cell is escaped.

    Args:
        headings: One per column.
        rows: One cell per column each.
        left: The headings of columns that are text; the others are numbers and stand to the right.
    """
    rule = [":--" if heading in left else "--:" for heading in headings]
    body = [[escape(cell) for cell in row] for row in (headings, *rows)]
    return [_line(body[0]), _line(rule), *(_line(row) for row in body[1:])]


def code_block(text: str, language: str) -> list[str]:
    """Returns text as a code block that no backticks in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *printable(text).rstrip("\n").split("\n"), fence]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
