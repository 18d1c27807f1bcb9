"""The losses of a trial's seeds as marks on one line, so that their spread is seen at a glance."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from rich.text import Text

from tune.scoring import has_failed


def strip(losses: Sequence[float], baseline: float, width: int, *, ascii_only: bool = False) -> Text:
    """Draws each seed as a mark between the lowest loss and just above the baseline.

    Failed seeds are crosses at their place, those beyond the scale at its right end; a figure is so many seeds in one
    place; the bar is the baseline.

    Args:
        losses: One per seed; not finite where training diverged.
        baseline: The constant model's loss; inf when unknown, and then it is not drawn.
        width: In characters, at least 8.
        ascii_only: For terminals that show nothing else.
    """
    alive = [loss for loss in losses if not has_failed(loss, baseline)]
    ends = [*alive, *([baseline] if isfinite(baseline) else [])]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
    low, high = low - margin, high + margin

    def place(loss: float) -> int:
        share = (loss - low) / (high - low) if isfinite(loss) else 1.0
        return round(min(1.0, max(0.0, share)) * (width - 1))

    dash, dot, bar, cross = ("-", "o", "|", "x") if ascii_only else ("─", "●", "│", "×")
    cells = [(dash, "dim")] * width
    if isfinite(baseline):
        cells[place(baseline)] = (bar, "yellow")
    for at, count in Counter(place(loss) for loss in alive).items():
        cells[at] = (dot if count == 1 else str(min(count, 9)), "green")
    for loss in losses:
        if has_failed(loss, baseline):
            cells[place(loss)] = (cross, "bold red")
    return Text.assemble(*cells)
