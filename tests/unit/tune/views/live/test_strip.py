"""The strip that shows each seed of a trial in one line."""

import re
from math import inf, nan

import pytest

from tests.fakes.ledgers import BASELINE
from tune.views.live.strip import Scale, ruler, strip


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
    scale = Scale.of([losses], baseline)
    drawn = strip(losses, baseline, scale, len(picture), ascii_only=True).plain
    assert f"{scale.low:.3g} to {scale.high:.3g}{' by ratios' * scale.logarithmic}" == ends
    assert drawn.replace("-", "─") == picture


def test_strips_share_their_scale() -> None:
    """The same loss stands in the same column of every row, and the heading has the ends of the scale."""
    rows = [[0.02, 0.03], [0.03, 0.031, 0.9], [0.03]]
    scale = Scale.of(rows, BASELINE)
    drawn = [strip(losses, BASELINE, scale, 50, ascii_only=True).plain for losses in rows]
    at = scale.place(0.03, 50)
    assert [one[at] for one in drawn] == ["o", "o", "o"]
    assert {one.index("|") for one in drawn} == {scale.place(BASELINE, 50)}
    heading = ruler(scale, "validation_loss", 50).plain
    assert len(heading) == 50
    assert re.fullmatch(r"0\.0188 +validation_loss +0\.0367", heading)


def test_failed_seeds_are_red() -> None:
    """Colour says it too, where there is colour."""
    drawn = strip([0.02, 0.5], BASELINE, Scale.of([[0.02]], BASELINE), 40)
    (span,) = [span for span in drawn.spans if "red" in str(span.style)]
    assert drawn.plain[span.start : span.end] == "×"
