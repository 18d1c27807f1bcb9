"""The report as data: sections of paragraphs, tables and figures, all computed, which templates only lay out.

`report.md` and `report.html` are rendered from the same `Report`, so they cannot say different things.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tune.views.report.marks import Panel


@dataclass(frozen=True)
class Paragraph:
    """Some sentences, plain text."""

    kind: ClassVar = "paragraph"
    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, plain text."""

    kind: ClassVar = "bullets"
    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Text to be copied as it stands; `language` is for highlighting: sh, yaml."""

    kind: ClassVar = "code"
    text: str
    language: str


@dataclass(frozen=True)
class Table:
    """A table of cells that are written out.

    Attributes:
        headings: One per column.
        rows: One cell per column each.
        left: The headings of columns that are text; the others are numbers and stand to the right.
        caption: What it shows; for those who hear the page instead of seeing it.
    """

    kind: ClassVar = "table"
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure, described once and drawn twice: as a PNG and for the interactive page.

    Attributes:
        key: Name of its file in `figures/`, without `.png`.
        title: Few words.
        caption: How to read it, and the rule by which it leaves things out, if it does.
        alt: What is to be seen in it, for those who cannot.
        panels: Side by side.
        data: What is drawn, as a table.
        height: Of a panel, in inches.
        columns: At most so many panels in a row.
    """

    kind: ClassVar = "figure"
    key: str
    title: str
    caption: str
    alt: str
    panels: Sequence[Panel]
    data: Table
    height: float = 3.2
    columns: int = 2

    @property
    def file(self) -> str:
        """Its path below the study folder."""
        return f"figures/{self.key}.png"


Block = Paragraph | Bullets | Code | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """Its address on the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Report:
    """All that is said of a study.

    Attributes:
        title: The study's name.
        answer: The answer, in sentences.
        facts: Label and value of the few figures that a glance should meet.
        sections: In order.
    """

    title: str
    answer: Sequence[str]
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    @property
    def figures(self) -> list[Figure]:
        """Every figure, in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]
