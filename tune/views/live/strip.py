"""The losses of a trial's seeds as marks on one line, so that their spread is seen at a glance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, log
from typing import Self

from rich.text import Text

from tune.ledger.loss_scale import LossScale

_LOGARITHMIC_FROM = 2.5
"""A span whose end is so many times its beginning is spaced by ratios, or the best trials would share one mark."""


@dataclass(frozen=True)
class Span:
    """A common span of values, so that the strips of several trials can be compared.

    Attributes:
        low, high: The losses at its ends, low < high.
        logarithmic: Whether equal ratios are equally far apart.
    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, rows: Iterable[Iterable[float]], scale: LossScale) -> Self:
        """Returns a span that holds, with a margin, the baseline and every loss that is no failed seed's.

        Args:
            rows: By trial, one loss per seed.
            scale: Says what a failed seed is.
        """
        values = [loss for losses in rows for loss in losses if not scale.failed(loss)]
        values += [scale.baseline] if scale.baseline is not None else []
        if not values:
            return cls(0.0, 1.0)
        low, high = min(values), max(values)
        if low > 0 and high >= _LOGARITHMIC_FROM * low:
            margin = (high / low) ** 0.08
            return cls(low / margin, high * margin, logarithmic=True)
        margin = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
        return cls(low - margin, high + margin)

    def place(self, loss: float, places: int) -> int:
        """Returns where a loss stands, 0 to places - 1; beyond the span, or not finite, at its end."""
        if not isfinite(loss) or loss >= self.high:
            return places - 1
        if loss <= self.low:
            return 0
        if self.logarithmic:
            share = log(loss / self.low) / log(self.high / self.low)
        else:
            share = (loss - self.low) / (self.high - self.low)
        return round(share * (places - 1))


def strip(losses: Sequence[float], scale: LossScale, span: Span, width: int, *, ascii_only: bool = False) -> Text:
    """Draws each seed as a mark on a span.

    Failed seeds are crosses at their place, those beyond the span at its right end; a figure is so many seeds in one
    place; the bar is the baseline.

    Args:
        losses: One per seed; not finite where training diverged.
        scale: Says what a failed seed is; a baseline is drawn where there is one.
        span: Where a loss stands.
        width: In characters, 2 or more.
        ascii_only: For terminals that show nothing else.
    """
    dash, dot, bar, cross = ("-", "o", "|", "x") if ascii_only else ("─", "●", "│", "×")
    cells = [(dash, "dim")] * width
    if scale.baseline is not None:
        cells[span.place(scale.baseline, width)] = (bar, "yellow")
    alive = [loss for loss in losses if not scale.failed(loss)]
    for at, count in Counter(span.place(loss, width) for loss in alive).items():
        cells[at] = (dot if count == 1 else str(min(count, 9)), "green")
    for loss in losses:
        if scale.failed(loss):
            cells[span.place(loss, width)] = (cross, "bold red")
    runs = ((style, "".join(mark for mark, _ in run)) for style, run in groupby(cells, key=lambda cell: cell[1]))
    return Text.assemble(*((marks, style) for style, marks in runs))


def ruler(span: Span, title: str, width: int) -> Text:
    """Returns the heading of strips: the ends of their span, and between them, where there is room, what they show."""
    left, right = f"{span.low:.3g}", f"{span.high:.3g}"
    room = width - len(left) - len(right)
    titles = (title + ", log scale" * span.logarithmic, title, title.partition(",")[0])
    middle = next((one for one in titles if len(one) + 2 <= room), "")
    return Text.assemble((f"{left}{middle.center(max(1, room))}{right}"[:width], "dim"))
