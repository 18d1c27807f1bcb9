"""Trackers beside a study of the real command line: killed, resumed, away, and never asked by those who only look."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import ROOT, Running, here, latent_tune, ledger_of, runs_of, write_study
from tests.fakes.loggers import epochs_told, told
from tests.fakes.mlflow_server import MLflowServer, free_port
from tests.fakes.offline_wandb import offline_runs
from tune.ledger.storage.files import refuse_links

FAKES = "tests.fakes.loggers"
MINE = """
class Mine:
    def start(self, run):
        print("mine: start", run.name)
    def epoch(self, run, epoch, metrics):
        with open("mine.txt", "a") as file:
            print(run.name, epoch, metrics["validation_loss"], file=file)
    def end(self, run, state, summary):
        pass
    def close(self):
        pass
"""


def trained(folder: Path) -> Counter[tuple[str, int]]:
    """Every epoch of every run, as the curves have it."""
    table = ledger_of(folder).curves()
    keys = zip(runs_of(table), table["epoch"].to_pylist(), strict=True)
    return Counter((f"trial-{trial:04d}/seed-{seed}", epoch) for (trial, seed), epoch in keys)


def by_epoch(log: Path) -> Counter[tuple[str, int]]:
    """Every epoch that a logger of the fakes was told."""
    return Counter((run, epoch) for run, epoch, *_ in epochs_told(log).elements())


@pytest.mark.parametrize("after", [1, 13])
def test_killed_as_it_tells_and_resumed(tmp_path: Path, after: int) -> None:
    """`kill -9` right after a tracker took an epoch: after `resume` it has every epoch of every run once."""
    options = {"file": str(tmp_path / "told"), "after": after, "mark": str(tmp_path / "mark")}
    write_study(tmp_path, loggers={f"{FAKES}:Deadly": options}, fixed={"sleep_s": 0.05})
    assert latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline").code == -9
    assert (tmp_path / "mark").exists()
    folder = tmp_path / "results" / "tiny"
    said = here("resume", folder, "--driver", "inline")
    assert said.code == 0, said.err
    assert by_epoch(tmp_path / "told") == trained(folder)
    last = {line["run"]: line["state"] for line in told(tmp_path / "told", "end")}
    assert last["tiny"] == "finished"
    assert {last[f"trial-{trial.number:04d}"] for trial in ledger_of(folder).trials} <= {"confirmed", "stopped"}


def test_a_class_beside_the_study_is_told_and_those_who_look_tell_nothing(tmp_path: Path) -> None:
    """`run` tells it, from the folder of the study file; `status`, `list`, `report` and a second `run` do not."""
    (tmp_path / "mine.py").write_text(MINE)
    write_study(tmp_path, loggers=["mine:Mine"])
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline")
    assert said.code == 0, said.err
    assert "every run is told to mine:Mine" in said.out
    lines = (tmp_path / "mine.txt").read_text()
    assert len(lines.splitlines()) == sum(trained(tmp_path / "results" / "tiny").values())
    for command in (["status", "results/tiny"], ["list", "results"], ["report", "results/tiny"]):
        looked = latent_tune(tmp_path, *command)
        assert looked.code == 0, looked.err
        assert "mine" not in looked.out + looked.err
    assert latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline").code == 0
    assert (tmp_path / "mine.txt").read_text() == lines


def test_what_cannot_be_told_is_said_before_anything_trains(tmp_path: Path) -> None:
    """A class that is not there is one message, exit code 2, and nothing is written."""
    write_study(tmp_path, loggers=["nowhere:Logger"])
    said = here("run", tmp_path / "study.yaml", "--results", tmp_path / "results", "--driver", "inline")
    assert said.code == 2
    assert "loggers: nowhere:Logger: 'nowhere' cannot be imported" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "results").exists()


def test_a_study_gets_a_tracker_later(tmp_path: Path) -> None:
    """`resume --set loggers=...` of a finished study tells all that it has; its decisions stay what they were."""
    write_study(tmp_path)
    folder = tmp_path / "results" / "tiny"
    assert here("run", tmp_path / "study.yaml", "--results", tmp_path / "results", "--driver", "inline").code == 0
    named = f"loggers={{'{FAKES}:Recorded': {{file: {tmp_path / 'told'}}}}}"
    said = here("resume", folder, "--driver", "inline", "--set", named)
    assert said.code == 0, said.err
    assert by_epoch(tmp_path / "told") == trained(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_example_runs_as_it_is_written(tmp_path: Path) -> None:
    """MLflow's database, W&B's files and the table of its own logger have every epoch of every run."""
    shutil.copytree(ROOT / "examples" / "trackers", tmp_path / "example")
    said = latent_tune(tmp_path / "example", "run", "study.yaml", "--driver", "inline")
    assert said.code == 0, said.err
    for name in ("mlflow (sqlite:///mlflow.db)", "wandb (results/tracked/.wandb, offline)", "csvlogger:CsvLogger"):
        assert f"every run is told to {name}" in said.out
    assert "not taken" not in said.out
    epochs = trained(tmp_path / "example" / "results" / "tracked")
    assert len((tmp_path / "example" / "told.csv").read_text().splitlines()) == len(epochs)
    offline = offline_runs(tmp_path / "example" / "results" / "tracked")
    assert Counter((run.name, line["_step"]) for run in offline for line in run.history) == epochs
    assert (tmp_path / "example" / "mlflow.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_server_that_is_away_and_a_killed_driver(tmp_path: Path) -> None:
    """MLflow's server comes late, the driver is killed and resumed: it and an offline W&B have every epoch once."""
    port = free_port()
    loggers: dict[str, Any] = {
        "mlflow": {"tracking_uri": f"http://127.0.0.1:{port}", "experiment": "flies"},
        "wandb": {"mode": "offline", "project": "flies"},
    }
    write_study(tmp_path, loggers=loggers, fixed={"sleep_s": 0.1})
    folder = tmp_path / "results" / "tiny"

    def told_of(tracker: str, lines: int) -> bool:
        return any(file.read_text().count("\n") >= lines for file in folder.glob(f"trackers/{tracker}-*.jsonl"))

    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", PYTHONPATH=str(ROOT)) as process:
        process.until(lambda: told_of("wandb", 12), "W&B to be told of a few epochs, while MLflow is away")
        process.kill()
    said = latent_tune(tmp_path, "resume", "results/tiny", "--driver", "inline")
    assert said.code == 0, said.err
    assert "mlflow (http://127.0.0.1:" in said.out
    assert "has not taken everything within" in said.out
    assert "Retrying" not in said.err
    refuse_links(folder)

    offline = offline_runs(folder)
    assert Counter((run.name, line["_step"]) for run in offline for line in run.history) == trained(folder)
    assert {run.exit_code for run in offline} == {0}

    with MLflowServer(tmp_path / "mlflow", port) as server:
        for _ in range(2):
            said = latent_tune(tmp_path, "resume", "results/tiny")
            assert said.code == 0, said.err
        assert "not taken" not in said.out
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=server.url)
        experiment = client.get_experiment_by_name("flies")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        found = {run.info.run_name: run for run in runs}
        assert len(found) == len(runs)
        steps = Counter(
            (name, one.step)
            for name, run in found.items()
            if "/seed-" in name
            for one in client.get_metric_history(run.info.run_id, "validation_loss")
        )
        assert steps == trained(folder)
        assert found["tiny"].info.status == "FINISHED"
