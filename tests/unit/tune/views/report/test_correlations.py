"""Rank correlations between rungs, on ledgers whose order is known."""

from collections.abc import Mapping, Sequence
from math import inf, isnan
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.ledger.ledger import Ledger
from tune.views.report.correlations import rank_correlations
from tune.views.report.page import write_report
from tune.views.results import gather

LADDER = [{"epochs": 2, "seeds": 1}, {"epochs": 6, "seeds": 1}, {"epochs": 6, "seeds": 3}]


def seen(ledger: Ledger, scores: Sequence[float], *, fragile: bool = False) -> None:
    """A trial with these scores, one per rung that it reached."""
    number = len(ledger.trials)
    ledger.decide("start", number, 0, "by hand", {"parameters": {"x": number / 100, "fragile": fragile}})
    for rung, score in enumerate(scores):
        if rung:
            ledger.decide("promote", number, rung, "by hand")
        stored = score if score < inf else None
        detail = {"score": stored, "losses": {"1": stored}, "confirmed": rung == len(ledger.study.rungs) - 1}
        ledger.decide("reach", number, rung, "by hand", detail)


def told(ledger: Ledger) -> Mapping[tuple[int, int, str], tuple[int, float]]:
    return {(one.lower, one.upper, one.group): (one.trials, one.value) for one in rank_correlations(ledger)}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A study that protects no parameter, without trials."""
    return Ledger.open(quadratic_study(rungs=LADDER, search={"protect": []}), tmp_path / "q", clock=Clock(tick_s=1.0))


def test_each_rung_is_held_against_the_next_and_the_last(ledger: Ledger) -> None:
    """Golden: 1 - 6 sum(d^2) / (n (n^2 - 1)), d the differences of the n ranks; only trials at both rungs count."""
    for scores in [(1, 2, 4), (2, 1, 3), (3, 4, 2), (4, 3, 1), (5, 5), (6, 0.5), (0.5,), (9,)]:
        seen(ledger, scores)
    assert told(ledger) == {
        (0, 1, ""): (6, pytest.approx(1 - 6 * (4 + 4 + 1 + 25) / (6 * 35))),
        (0, 2, ""): (4, pytest.approx(-1)),
        (1, 2, ""): (4, pytest.approx(1 - 6 * (4 + 4 + 4 + 4) / (4 * 15))),
    }


def test_protected_groups_are_measured_apart(tmp_path: Path) -> None:
    """Two kinds ordered alike within but not between: 1 in each, less over all; three trials of a kind say nothing."""
    ladder = [{"epochs": 2, "seeds": 1}, {"epochs": 6, "seeds": 3}]
    ledger = Ledger.open(quadratic_study(rungs=ladder), tmp_path / "q", clock=Clock(tick_s=1.0))
    for place in range(4):
        seen(ledger, (place, 10 + place))
    for place in range(3):
        seen(ledger, (10 + place, place), fragile=True)
    assert list(told(ledger)) == [(0, 1, ""), (0, 1, "fragile false")]
    seen(ledger, (13, 3), fragile=True)
    found = told(ledger)
    assert found[0, 1, "fragile false"] == found[0, 1, "fragile true"] == (4, pytest.approx(1))
    assert found[0, 1, ""] == (8, pytest.approx(1 - 6 * 8 * 16 / (8 * 63)))


def test_scores_that_are_not_finite_rank_last(ledger: Ledger) -> None:
    """A trial without a finite score is the worst of its rung, and does not make the value unknown."""
    for scores in [(1, 1), (2, 2), (3, 3), (4, inf)]:
        seen(ledger, scores)
    assert told(ledger) == {(0, 1, ""): (4, pytest.approx(1))}


@pytest.mark.filterwarnings("error")
def test_equal_scores_have_no_correlation(ledger: Ledger) -> None:
    """Where a rung tells no trial from another there is nothing to correlate, and nothing is warned of."""
    for place in range(4):
        seen(ledger, (place, 0.5))
    (one,) = rank_correlations(ledger)
    assert isnan(one.value)


def test_the_report_shows_them_and_how_to_read_them(ledger: Ledger) -> None:
    """One row per pair of rungs with its trials; the section is left out while too few have climbed."""
    heading = "## Rank correlation between rungs"
    for scores in [(1, 2), (2, 1), (3, 4)]:
        seen(ledger, scores)
    assert heading not in write_report(gather(ledger)).read_text()
    seen(ledger, (4, 3))
    section = write_report(gather(ledger)).read_text().split(heading)[1].split("\n## ")[0]
    assert "Only promoted trials are seen at both rungs" in section
    assert section.rstrip().endswith("| 0 (2 epochs x 1 seed) | 1 (6 epochs x 1 seed) | all | 4 | 0.60 |")
