"""A study as DataFrames."""

import json
from pathlib import Path

import pandas as pd

from tests.fakes.ledgers import latent_study, played
from tune.views.results import Results, gather
from tune.views.tables.columns import CURVES, DECISIONS, TRIALS
from tune.views.tables.frames import curves_frame, decisions_frame, trials_frame


def results_of(folder: Path) -> Results:
    return gather(played(folder / "s", latent_study(search={"trials": 6, "method": "random"})))


def test_the_columns_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    """Names, order and dtypes; parameters after the others, with a dtype of their own."""
    results = results_of(tmp_path)
    trials, curves, decisions = trials_frame(results), curves_frame(results), decisions_frame(results)
    for frame, columns in ((trials, TRIALS), (decisions, DECISIONS)):
        assert list(frame.columns)[: len(columns)] == list(columns)
        assert {name: str(frame[name].dtype) for name in columns} == {name: one.dtype for name, one in columns.items()}
    assert {name: str(trials[name].dtype) for name in trials.columns[len(TRIALS) :]} == {
        "learning_rate": "float64",
        "batch_size": "Int64",
        "latent_dims": "Int64",
        "use_batch_norm": "boolean",
    }
    assert {str(curves[name].dtype) for name in curves.columns.difference(list(CURVES))} == {"float64"}
    assert [str(curves[name].dtype) for name in ("trial", "seed", "epoch")] == ["int32", "int64", "int32"]


def test_the_tables_say_what_the_study_says(tmp_path: Path) -> None:
    """The best trial first, every row of the curves, every decision with its detail."""
    results = results_of(tmp_path)
    trials = trials_frame(results)
    assert results.best is not None
    assert results.best.summary is not None
    assert trials["trial"].tolist() == [one.number for one in results.ranked]
    assert trials.loc[0, "mean"] == results.best.summary.mean
    assert trials.loc[0, "low"] < trials.loc[0, "mean"] < trials.loc[0, "high"]
    assert len(curves_frame(results)) == results.ledger.spent
    decisions = decisions_frame(results)
    assert decisions["kind"].tolist() == [one.kind for one in results.ledger.decisions]
    assert json.loads(decisions.loc[1, "detail"])["parameters"] == dict(results.ledger.trials[0].parameters)


def test_a_study_without_a_result_has_tables_all_the_same(tmp_path: Path) -> None:
    """No row, every column."""
    from tests.fakes.clock import Clock
    from tune.ledger.ledger import Ledger
    from tune.ledger.reader import LedgerReader

    Ledger.open(latent_study(), tmp_path / "s", clock=Clock(tick_s=1.0)).close("interrupted")
    results = gather(LedgerReader.read(tmp_path / "s", clock=Clock(tick_s=1.0)))
    assert list(trials_frame(results).columns)[: len(TRIALS)] == list(TRIALS)
    assert curves_frame(results).empty
    assert list(curves_frame(results).columns) == ["trial", "seed", "epoch"]
    assert isinstance(decisions_frame(results), pd.DataFrame)
