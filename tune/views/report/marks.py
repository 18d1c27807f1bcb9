"""What a figure is made of: panels with marks. `static` draws them with matplotlib, `interactive` with plotly.

Colours are roles, the same in every figure: the winner is blue, what failed is vermillion and a cross, the baseline is
a dashed line in the colour of the text. The palette is that of Okabe and Ito, which the colour-blind can tell apart.

Source: Okabe and Ito 2008, "Color Universal Design: how to make figures and presentations that are friendly to
colorblind people".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Colour = Literal["blue", "orange", "green", "purple", "sky", "vermillion", "grey", "silver", "ink"]
Marker = Literal["circle", "ring", "cross", "bar", "diamond"]

PALETTE: dict[Colour, str] = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "vermillion": "#D55E00",
    "grey": "#8C8C8C",
    "silver": "#C6CBD1",
    "ink": "#333333",
}
"""`ink` is the colour of text on white; on a dark page it is drawn light."""

RANKED: tuple[Colour, ...] = ("blue", "orange", "green", "purple", "sky")
"""Of the best trials, the winner first."""


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        label: With its unit.
        log: Whether it is logarithmic.
        ticks: Names of the places 0, 1, 2 ...; empty for an axis of numbers.
        reverse: Whether the first place is on top.
        bounds: Where it begins and ends; None: where the data do.
        at: Where an axis of numbers has its ticks; empty: where the library puts them.
    """

    label: str
    log: bool = False
    ticks: Sequence[str] = ()
    reverse: bool = False
    bounds: tuple[float, float] | None = None
    at: Sequence[float] = ()


@dataclass(frozen=True)
class Points:
    """Points at x, y; `texts` say what each is; `low` and `high` are the ends of an interval in x, if given."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: Colour
    marker: Marker = "circle"
    texts: Sequence[str] = ()
    size: float = 6.0
    opacity: float = 0.85
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Line:
    """A line through x, y."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: Colour
    width: float = 1.8
    dashed: bool = False


@dataclass(frozen=True)
class Band:
    """The area between low and high over x."""

    name: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: Colour


@dataclass(frozen=True)
class Bars:
    """Horizontal bars at the places y, from `start` over `length`."""

    name: str
    y: Sequence[float]
    start: Sequence[float]
    length: Sequence[float]
    colour: Colour
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Cells:
    """A map of cells: `values[row][column]`, nan where nothing was tried; `texts` stand in them; lower is better.

    Values above `high` all have the last colour, so that a few bad ones do not make the rest look alike.
    """

    name: str
    values: Sequence[Sequence[float]]
    texts: Sequence[Sequence[str]]
    high: float


@dataclass(frozen=True)
class Rule:
    """A line across the panel, at a value of x or y."""

    name: str
    at: float
    axis: Literal["x", "y"]
    colour: Colour = "ink"


Mark = Points | Line | Band | Bars | Cells | Rule


@dataclass(frozen=True)
class Panel:
    """Axes and what is drawn between them, the first mark lowest."""

    title: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    name: str
    colour: Colour
    shape: Literal["circle", "ring", "cross", "bar", "diamond", "line", "dashed", "area"]


def legend(panels: Sequence[Panel]) -> list[Key]:
    """Returns what the panels' marks stand for, each name once; marks without a name and maps are left out."""
    keys: dict[str, Key] = {}
    for mark in (mark for panel in panels for mark in panel.marks if mark.name):
        match mark:
            case Points():
                found = Key(mark.name, mark.colour, mark.marker)
            case Line():
                found = Key(mark.name, mark.colour, "dashed" if mark.dashed else "line")
            case Rule():
                found = Key(mark.name, mark.colour, "dashed")
            case Band() | Bars():
                found = Key(mark.name, mark.colour, "area")
            case Cells():
                continue
        keys.setdefault(mark.name, found)
    return list(keys.values())
