"""Tables of two factors."""

from pathlib import Path

import pytest

from tests.fakes.bench import Bench
from tests.fakes.plans import plan_study
from tests.fakes.studies import quadratic_study
from tune.errors import UserMistake
from tune.views.plan.pivot import pivot, pivot_cells, plain_pivot
from tune.views.results import Results, gather
from tune.views.tables.pivots import pivot_frame


def played(folder: Path, **changes: object) -> Results:
    study = Bench(folder, plan_study(**changes))
    study.run()
    return gather(study.ledger)


def test_what_is_done_and_what_is_missing(tmp_path: Path) -> None:
    """Each combination of a grid with its state, those that the budget left out as missing."""
    results = played(
        tmp_path / "p", plan={"g": {"grid": {"x": [0.9, 0.3], "width": [4, 8]}}}, budget={"seed_epochs": 27}
    )
    cells = pivot_cells(pivot(results, "x", "width"))
    assert cells.headings == ["x \\ width", "4", "8"]
    assert [[cell.split()[-1] for cell in row[1:]] for row in cells.rows] == [["done", "missing"], ["done", "done"]]


def test_what_trained_for_unequal_epochs_is_never_averaged(tmp_path: Path) -> None:
    """Each stands for itself, with its epochs; numbers are of those that trained longest."""
    plan = {"a": {"arms": {"near": {"x": 0.3}, "longer": {"x": 0.3, "epochs": 9}, "wide": {"x": 0.3, "width": 8}}}}
    results = played(tmp_path / "p", plan=plan)
    table = pivot(results, "x")
    text = next(row[1] for row in pivot_cells(table).rows if row[0] == "0.3")
    assert "done (2) after 3 epochs; " in text
    assert text.endswith("done after 9 epochs")
    long = next(one.summary for one in results.ranked if one.trial.arm == "longer")
    assert long is not None
    assert pivot_frame(pivot(results, "x", value="loss")).loc[0.3, "loss"] == pytest.approx(long.mean)
    assert sorted(next(cell["epochs"] for cell in plain_pivot(table)["cells"] if cell["x"] == 0.3)) == [3, 3, 9]


def test_a_search_is_tabulated_too(tmp_path: Path) -> None:
    """Trials that were stopped stand beside those that went on, with how far they came."""
    study = Bench(tmp_path / "q", quadratic_study(space={"x": {"choice": [0.1, 0.3, 0.5, 0.7]}, "k": {"choice": [1]}}))
    study.run()
    results = gather(study.ledger)
    words = " ".join(row[1] for row in pivot_cells(pivot(results, "x")).rows)
    assert "stopped after 2 epochs" in words
    assert "done after 6 epochs" in words
    assert pivot_cells(pivot(results, "x", value="failed")).headings == ["x", "failed"]


def test_factors_and_values_that_are_not_there(tmp_path: Path) -> None:
    """Each with what there is."""
    results = played(tmp_path / "p", plan={"a": {"arms": {"b": {"x": 0.2}}}})
    with pytest.raises(UserMistake, match="no factor of planned; did you mean 'width'"):
        pivot(results, "widht")
    with pytest.raises(UserMistake, match="give one of coverage, loss, failed, "):
        pivot(results, "x", value="nothing")
