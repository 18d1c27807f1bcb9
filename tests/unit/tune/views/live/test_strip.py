"""The strip that shows each seed of a trial in one line."""

import re
from math import inf, nan

import pytest

from tests.fakes.ledgers import BASELINE, SCALE
from tune.ledger.loss_scale import LossScale
from tune.views.live.strip import Span, ruler, strip


@pytest.mark.parametrize(
    ("losses", "baseline", "ends", "picture"),
    [
        # the scale has a margin of 8 % at both sides
        ([2.0, 3.0], 4.0, "1.84 to 4.16", "──o──────────o──────────|──"),
        ([2.0, 2.0, 3.0], 4.0, "1.84 to 4.16", "──2──────────o──────────|──"),
        ([2.0, 4.0], 4.0, "1.84 to 4.16", "──o─────────────────────x──"),
        ([2.0, 99.0], 4.0, "1.84 to 4.16", "──o─────────────────────|─x"),
        ([2.0, nan], 4.0, "1.84 to 4.16", "──o─────────────────────|─x"),
        ([1.0, 2.0], inf, "0.92 to 2.08", "──o─────────────────────o──"),
        ([nan, inf], inf, "0 to 1", "──────────────────────────x"),
        # by ratios where the end is 2.5 times the beginning or more
        ([1.0, 10.0], 100.0, "0.692 to 145 by ratios", "──o──────────o──────────|──"),
    ],
)
def test_strip_draws_each_seed(losses: list[float], baseline: float, ends: str, picture: str) -> None:
    """Marks stand at their loss, several in one place as a figure, failed seeds as crosses, the baseline as a bar."""
    scale = LossScale(baseline=None if baseline == inf else baseline)
    span = Span.of([losses], scale)
    drawn = strip(losses, scale, span, len(picture), ascii_only=True).plain
    assert f"{span.low:.3g} to {span.high:.3g}{' by ratios' * span.logarithmic}" == ends
    assert drawn.replace("-", "─") == picture


def test_strips_share_their_span() -> None:
    """The same loss stands in the same column of every row, and the heading has the ends of the span."""
    rows = [[0.02, 0.03], [0.03, 0.031, 0.9], [0.03]]
    span = Span.of(rows, SCALE)
    drawn = [strip(losses, SCALE, span, 50, ascii_only=True).plain for losses in rows]
    at = span.place(0.03, 50)
    assert [one[at] for one in drawn] == ["o", "o", "o"]
    assert {one.index("|") for one in drawn} == {span.place(BASELINE, 50)}
    heading = ruler(span, "validation_loss", 50).plain
    assert len(heading) == 50
    assert re.fullmatch(r"0\.0188 +validation_loss +0\.0367", heading)


def test_failed_seeds_are_red() -> None:
    """Colour says it too, where there is colour."""
    drawn = strip([0.02, 0.5], SCALE, Span.of([[0.02]], SCALE), 40)
    (span,) = [span for span in drawn.spans if "red" in str(span.style)]
    assert drawn.plain[span.start : span.end] == "×"
