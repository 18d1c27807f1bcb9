"""The losses of a trial's seeds as marks on one line, so that their spread is seen at a glance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, log
from typing import Self

from rich.text import Text

from tune.scoring.score import has_failed

_LOGARITHMIC_FROM = 2.5
"""A scale whose end is so many times its beginning is spaced by ratios, or the best trials would share one mark."""


@dataclass(frozen=True)
class Scale:
    """A common scale, so that the strips of several trials can be compared.

    Attributes:
        low, high: The losses at its ends, low < high.
        logarithmic: Whether equal ratios are equally far apart.
    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, rows: Iterable[Iterable[float]], baseline: float) -> Self:
        """Returns a scale that holds, with a margin, the baseline and every loss that is no failed seed's.

        Args:
            rows: By trial, one loss per seed.
            baseline: The constant model's loss; inf when unknown.
        """
        values = [loss for losses in rows for loss in losses if not has_failed(loss, baseline)]
        values += [baseline] if isfinite(baseline) else []
        if not values:
            return cls(0.0, 1.0)
        low, high = min(values), max(values)
        if low > 0 and high >= _LOGARITHMIC_FROM * low:
            margin = (high / low) ** 0.08
            return cls(low / margin, high * margin, logarithmic=True)
        margin = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
        return cls(low - margin, high + margin)

    def place(self, loss: float, places: int) -> int:
        """Returns where a loss stands, 0 to places - 1; beyond the scale, or not finite, at its end."""
        if not isfinite(loss) or loss >= self.high:
            return places - 1
        if loss <= self.low:
            return 0
        if self.logarithmic:
            share = log(loss / self.low) / log(self.high / self.low)
        else:
            share = (loss - self.low) / (self.high - self.low)
        return round(share * (places - 1))


def strip(losses: Sequence[float], baseline: float, scale: Scale, width: int, *, ascii_only: bool = False) -> Text:
    """Draws each seed as a mark on a scale.

    Failed seeds are crosses at their place, those beyond the scale at its right end; a figure is so many seeds in one
    place; the bar is the baseline.

    Args:
        losses: One per seed; not finite where training diverged.
        baseline: The constant model's loss; inf when unknown, and then it is not drawn.
        scale: Where a loss stands.
        width: In characters, 2 or more.
        ascii_only: For terminals that show nothing else.
    """
    dash, dot, bar, cross = ("-", "o", "|", "x") if ascii_only else ("─", "●", "│", "×")
    cells = [(dash, "dim")] * width
    if isfinite(baseline):
        cells[scale.place(baseline, width)] = (bar, "yellow")
    alive = [loss for loss in losses if not has_failed(loss, baseline)]
    for at, count in Counter(scale.place(loss, width) for loss in alive).items():
        cells[at] = (dot if count == 1 else str(min(count, 9)), "green")
    for loss in losses:
        if has_failed(loss, baseline):
            cells[scale.place(loss, width)] = (cross, "bold red")
    runs = ((style, "".join(mark for mark, _ in run)) for style, run in groupby(cells, key=lambda cell: cell[1]))
    return Text.assemble(*((marks, style) for style, marks in runs))


def ruler(scale: Scale, title: str, width: int) -> Text:
    """Returns the heading of strips: the ends of their scale, and between them, where there is room, what they show."""
    left, right = f"{scale.low:.3g}", f"{scale.high:.3g}"
    room = width - len(left) - len(right)
    titles = (title + ", log scale" * scale.logarithmic, title, title.partition(",")[0])
    middle = next((one for one in titles if len(one) + 2 <= room), "")
    return Text.assemble((f"{left}{middle.center(max(1, room))}{right}"[:width], "dim"))
