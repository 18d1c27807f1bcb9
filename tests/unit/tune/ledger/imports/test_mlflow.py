"""Runs in MLflow's folders."""

from pathlib import Path

import pytest

from tests.fakes.runs_elsewhere import curve, write_mlflow
from tune.errors import UserMistake
from tune.ledger.imports.mlflow import holds_mlflow, read_mlflow


def test_runs_of_an_experiment(tmp_path: Path) -> None:
    """Parameters are the values that they look like; metrics with one line are final; names are the user's."""
    params = {"lr": "1e-3", "opt": "adam", "amp": "True", "layers": "[1, 2]", "seed": "5"}
    metrics = {"val_loss": curve(3, 2, begin=0), "test/loss": {0: 0.5}}
    write_mlflow(tmp_path / "0" / "abc", params, metrics, "fast")
    write_mlflow(tmp_path / "0" / "def", {}, {"val_loss": {0: 3, 100: 2}})
    fast, other = read_mlflow(tmp_path, "mlruns")
    assert fast.configuration == {"lr": 1e-3, "opt": "adam", "amp": True, "layers": "[1, 2]"}
    assert (fast.key, fast.seed, fast.seconds, fast.axis) == ("fast", 5, 90, "epoch")
    assert fast.curves == {"val_loss": curve(3, 2)}
    assert fast.finals == {"test/loss": 0.5}
    assert (other.key, other.axis) == ("def", "step")


def test_the_metric_epoch_numbers_the_others(tmp_path: Path) -> None:
    """Where a program logs by step and tells the epoch."""
    write_mlflow(tmp_path, {}, {"loss": {10: 3, 20: 2}, "epoch": {10: 1, 20: 2}})
    (run,) = read_mlflow(tmp_path, "run")
    assert run.curves == {"loss": curve(3, 2)}


def test_a_line_that_is_none(tmp_path: Path) -> None:
    """Said with its file and line; a folder of something else is not taken for MLflow's."""
    write_mlflow(tmp_path / "run", {}, {"loss": curve(1)})
    (tmp_path / "run" / "metrics" / "loss").write_text("170 0.5 1\noops\n")
    with pytest.raises(UserMistake, match="loss, line 2: must be `timestamp value step`"):
        read_mlflow(tmp_path, "mlruns")
    assert not holds_mlflow(tmp_path / "run" / "params")
