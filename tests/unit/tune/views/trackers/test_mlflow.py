"""MLflow with a database of its own: runs nested in each other, each epoch once, whatever was told before."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ledgers import latent_study, played
from tune.cli import main
from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.study.loggers import MLflowOptions
from tune.views.trackers.mlflow import MLflowRuns
from tune.views.trackers.sending import send

TINY: dict[str, Any] = {
    "search": {"method": "random", "trials": 3, "seed": 90, "reduction_factor": 2},
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 2}],
    "confirm": {"seeds": 2},
}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of MLflow's."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def runs_of(uri: str, experiment: str) -> dict[str, Any]:
    """Every run of an experiment, by name; no name stands twice."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id], max_results=1000)
    assert max(Counter(run.info.run_name for run in runs).values()) == 1
    return {run.info.run_name: run for run in runs}


def check_curves(uri: str, runs: Mapping[str, Any], ledger: LedgerReader) -> None:
    """Every metric of every row stands there once, at its epoch."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    for name in {f"trial-{row['trial']:04d}/seed-{row['seed']}" for row in ledger.curves().to_pylist()}:
        told = client.get_metric_history(runs[name].info.run_id, "validation_loss")
        rows = [r for r in ledger.curves().to_pylist() if f"trial-{r['trial']:04d}/seed-{r['seed']}" == name]
        assert [(one.step, one.value) for one in told] == [(row["epoch"], row["validation_loss"]) for row in rows]


def test_a_study_is_exported(tmp_path: Path, uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`latent-tune export --mlflow` sends all runs, and says where to."""
    ledger = played(tmp_path / "s", latent_study(**TINY))
    assert main(["export", str(tmp_path / "s"), "--mlflow", uri]) == 0
    assert capsys.readouterr().out == f"sent to mlflow ({uri})\n"
    assert len(runs_of(uri, ledger.study.name)) > len(ledger.trials)


def test_runs_are_nested_and_sent_twice_stand_there_once(tmp_path: Path, uri: str) -> None:
    """A run for the study, below it the trials, below them the seeds: with parameters, curves, states and figures."""
    ledger = played(tmp_path / "s", latent_study(**TINY), deaths={2: "it dies"})
    spec = {"mlflow": {"tracking_uri": uri, "experiment": "flies"}}
    assert send(tmp_path / "s", spec) == [f"mlflow ({uri})"]
    once = runs_of(uri, "flies")
    send(tmp_path / "s", spec)
    runs = runs_of(uri, "flies")
    assert {name: run.info.run_id for name, run in runs.items()} == {n: run.info.run_id for n, run in once.items()}
    check_curves(uri, runs, ledger)
    for name, run in runs.items():
        parent = {0: None, 1: "batch-norm", 2: name.partition("/")[0]}[(name != "batch-norm") + ("/" in name)]
        assert run.data.tags.get("mlflow.parentRunId") == (parent and runs[parent].info.run_id)
    for trial in ledger.trials:
        run = runs[f"trial-{trial.number:04d}"]
        state = trial.ended or "confirmed"
        assert run.data.tags["latent_tune.state"] == state
        assert run.info.status == ("FAILED" if state == "failed" else "FINISHED")
        assert float(run.data.params["learning_rate"]) == trial.parameters["learning_rate"]
        if trial.last is not None:
            assert run.data.metrics["summary/score"] == trial.last.score
    assert runs["trial-0000/seed-12"].data.params["seed"] == "12"
    assert runs["batch-norm"].data.metrics["summary/trials"] == 3


def test_what_was_told_in_part_is_completed(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is lost after the server took what it was told makes nothing stand twice, and nothing missing."""
    ledger = played(tmp_path / "s", latent_study(**TINY))
    spec = {"mlflow": {"tracking_uri": uri, "experiment": "lossy"}}
    from mlflow import MlflowClient

    log_batch, calls = MlflowClient.log_batch, 0

    def lossy(client: Any, *args: Any, **given: Any) -> None:
        nonlocal calls
        calls += 1
        log_batch(client, *args, **given)
        if calls % 9 == 0:
            raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(MlflowClient, "log_batch", lossy)
    attempts = 0
    while True:
        attempts += 1
        try:
            send(tmp_path / "s", spec)
        except UserMistake as mistake:
            assert "ConnectionResetError: the answer was lost" in str(mistake)  # noqa: PT017 - each time
        else:
            break
        assert attempts < 100
        monkeypatch.setattr(MlflowClient, "log_batch", lossy if attempts < 3 else log_batch)
    assert attempts > 1
    check_curves(uri, runs_of(uri, "lossy"), ledger)


def test_names_and_values_that_mlflow_refuses_are_told_all_the_same(tmp_path: Path, uri: str) -> None:
    """Characters that it does not take are replaced, long values cut, many parameters sent in parts."""
    from tune.views.trackers.logger import Run

    parameters = {f"part.{place}:é": "x" * 7000 for place in range(230)}
    run = Run("study", "odd-1", "odd", "odd", None, None, None, parameters, 1e9, 1e9)
    logger = MLflowRuns(MLflowOptions(tracking_uri=uri))
    assert logger.start(run) == 0
    logger.epoch(run, 1, {"Val/loss (β)": 0.5, "nan": float("nan"), **{f"m{place}": 1.0 for place in range(1500)}})
    logger.end(run, "finished", {"epochs": 1.0})
    found = runs_of(uri, "odd")["odd"]
    assert len(found.data.params) == 230
    assert found.data.metrics["Val/loss _β_"] == 0.5
    assert MLflowRuns(MLflowOptions(tracking_uri=uri)).start(run) == 1
