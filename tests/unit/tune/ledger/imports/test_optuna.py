"""Trials of Optuna's studies."""

from pathlib import Path

import optuna
import pytest

from tests.fakes.runs_elsewhere import curve
from tune.errors import UserMistake
from tune.ledger.imports.optuna import read_optuna_runs


def stored(file: Path, *names: str) -> None:
    """Studies with one finished trial and one that has no value."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in names:
        study = optuna.create_study(storage=f"sqlite:///{file}", study_name=name, direction="maximize")
        trial = study.ask({"lr": optuna.distributions.FloatDistribution(0.1, 0.2)})
        trial.set_user_attr("seed", 4)
        trial.set_user_attr("speed", 9.5)
        for step in range(3):
            trial.report(step / 4, step)
        study.tell(trial, 0.5)
        study.ask()


def test_trials_with_values_are_runs(tmp_path: Path) -> None:
    """Intermediate values are a curve from epoch 1, notes are final metrics; nothing in the file is written."""
    stored(tmp_path / "o.db", "first")
    before = (tmp_path / "o.db").read_bytes()
    (tmp_path / "o.db").chmod(0o444)
    (run,) = read_optuna_runs(tmp_path / "o.db", None, "o.db")
    assert (run.key, run.seed, run.metric, run.maximize) == ("0", 4, "value", True)
    assert run.configuration.keys() == {"lr"}
    assert run.curves == {"value": curve(0, 0.25, 0.5)}
    assert run.finals == {"speed": 9.5, "value": 0.5}
    assert (tmp_path / "o.db").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["o.db"]


def test_which_study_is_to_be_said(tmp_path: Path) -> None:
    """One of several is named; a file of something else is no study."""
    stored(tmp_path / "o.db", "first", "second")
    with pytest.raises(UserMistake, match=r"holds 2 studies \(first, second\); say which: "):
        read_optuna_runs(tmp_path / "o.db", None, "o.db")
    assert len(read_optuna_runs(tmp_path / "o.db", "second", "o.db:second")) == 1
    with pytest.raises(UserMistake, match=r"no study 'secnd' in .*did you mean 'second'"):
        read_optuna_runs(tmp_path / "o.db", "secnd", "o.db:secnd")
    (tmp_path / "x.db").write_text("something else, longer than a header" * 9)
    with pytest.raises(UserMistake, match="cannot be read as Optuna's SQLite file"):
        read_optuna_runs(tmp_path / "x.db", None, "x.db")
