"""The losses of a trial's seeds as marks on one line, so that their spread is seen at a glance."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from rich.text import Text

from tune.scoring import has_failed


def strip(losses: Sequence[float], baseline: float, width: int, *, ascii_only: bool = False) -> Text:
    """Draws each seed as a mark between the lowest loss and just above the baseline, the ends of the scale beside it.

    Failed seeds are crosses at their place, those beyond the scale at its right end; a figure is so many seeds in one
    place; the bar is the baseline.

    Args:
        losses: One per seed; not finite where training diverged.
        baseline: The constant model's loss; inf when unknown, and then it is not drawn.
        width: In characters, at least 30.
        ascii_only: For terminals that show nothing else.
    """
    alive = [loss for loss in losses if not has_failed(loss, baseline)]
    low, high = _scale([*alive, *([baseline] if isfinite(baseline) else [])])
    left, right = f"{low:.4g} ", f" {high:.4g}"
    places = max(8, width - len(left) - len(right))

    def place(loss: float) -> int:
        share = (loss - low) / (high - low) if isfinite(loss) else 1.0
        return round(min(1.0, max(0.0, share)) * (places - 1))

    dash, dot, bar, cross = ("-", "o", "|", "x") if ascii_only else ("─", "●", "│", "×")
    cells = [(dash, "dim")] * places
    if isfinite(baseline):
        cells[place(baseline)] = (bar, "yellow")
    for at, count in Counter(place(loss) for loss in alive).items():
        cells[at] = (dot if count == 1 else str(min(count, 9)), "green")
    for loss in losses:
        if has_failed(loss, baseline):
            cells[place(loss)] = (cross, "bold red")
    return Text.assemble((left, "dim"), *cells, (right, "dim"))


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of a scale with a margin at both sides of the values."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or abs(high) * 0.01 or 1.0
    return low - margin, high + margin
