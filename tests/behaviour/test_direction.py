"""Metrics of any kind, from the command line: which way is better is said or asked, and a wrong way is no answer."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from tests.behaviour.command import Said, here, ledger_of, status, write_study

TRAINER = '''
"""Tells an accuracy, which is best where x is 0.8; seeds differ a little."""


class Accurate:
    def __init__(self, config, recording, seeds, state=None):
        self.config, self.recording, self.seeds = config, recording, list(seeds)
        self.epoch = next(iter(state.values()))["epoch"] if state else 0

    def train(self, epochs):
        for _ in range(epochs):
            self.epoch += 1
            best = 1 - abs(self.config["x"] - 0.8) - 0.2 / self.epoch
            times = self.recording.get("times", 1.0)
            yield {self.recording["metric"]: [times * (best - seed / 1000) for seed in self.seeds]}

    def state(self):
        return {seed: {"epoch": self.epoch} for seed in self.seeds}

    def baseline(self):
        return {}

    def close(self):
        pass
'''


def run(cwd: Path, metric: str, score: dict[str, Any], *arguments: str, **changes: Any) -> Said:
    """Writes a study of this trainer and runs a command on it."""
    (cwd / "accurate.py").write_text(TRAINER)
    given = {"trainer": "accurate:Accurate", "fixed": {}, "recording": {"metric": metric}, **changes}
    write_study(cwd, **given, score={"metric": metric, **score})
    return here("run", "study.yaml", *(arguments or ("--driver", "inline")), cwd=cwd)


@pytest.mark.parametrize("metric", ["val_acc", "test.AUC", "valF1", "score", "mean_reward", "neg_mse", "ndcg"])
@pytest.mark.parametrize("arguments", [("--driver", "inline"), ("--dry-run",)])
def test_what_looks_like_an_accuracy_is_asked_about(tmp_path: Path, metric: str, arguments: tuple[str, ...]) -> None:
    """Before anything is trained or written, with what to write."""
    said = run(tmp_path, metric, {}, *arguments)
    assert said.code == 2
    assert f"score.direction: must be said, because higher values of score.metric {metric!r} look better" in said.err
    assert "--set score.direction=maximize" in said.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("metric", ["val_loss", "nll", "r2_loss", "neg_log_likelihood", "validation_error", "mapped"])
def test_what_looks_like_a_loss_is_not(tmp_path: Path, metric: str) -> None:
    """A loss is minimised without a word."""
    assert run(tmp_path, metric, {}, "--dry-run").code == 0


def test_an_accuracy_is_maximised_through_every_view(tmp_path: Path) -> None:
    """The best setting is recommended, trained again, compared, and shown to Optuna as a maximum."""
    said = run(tmp_path, "val_acc", {"direction": "maximize", "baseline": 0.1})
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "tiny"
    found = status(folder)
    assert (found["direction"], found["scored_baseline"]) == ("maximize", 0.1)
    best = found["incumbent"]
    ledger = ledger_of(folder)
    confirmed = [trial for trial in ledger.trials if trial.confirmed]
    nearest = min(confirmed, key=lambda trial: abs(trial.parameters["x"] - 0.8))
    assert best["number"] == nearest.number
    assert f": trial {nearest.number}, the best of {len(confirmed)} confirmed trials" in " ".join(said.out.split())
    assert 0.1 < best["mean"] < 1
    assert best["improvement"] is None
    assert "better than the baseline of 0.1 by" in " ".join(said.out.split())
    assert "val_acc, higher is better" in said.out

    again = yaml.safe_load((folder / "best.yaml").read_text())
    assert (again["direction"], again["baseline"]) == ("maximize", 0.1)
    trained = here("train", "results/tiny/best.yaml", cwd=tmp_path)
    assert trained.code == 0, trained.err
    metrics = json.loads((tmp_path / "results" / again["name"] / "metrics.json").read_text())
    assert metrics["failed_seeds"] == []
    assert metrics["summary"]["mean"] == pytest.approx(best["mean"])
    assert 0 < metrics["summary"]["reproducibility"] <= 1

    mirror = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder / 'study.db'}")
    assert mirror.direction == optuna.study.StudyDirection.MAXIMIZE
    assert mirror.best_trial.number == best["number"]
    assert 0.1 < mirror.best_value < 1

    other = next(trial.number for trial in confirmed if trial.number != best["number"])
    compared = here("compare", folder, str(other), str(best["number"]))
    assert f"trial {best['number']} minus trial {other}: +" in compared.out
    assert f"trial {best['number']} is better" in compared.out
    report = (folder / "report.md").read_text()
    assert "val_acc, higher is better" in report
    assert "The baseline is 0.1" in report
    assert "constant model" not in report


def test_minimised_by_mistake_it_has_no_answer(tmp_path: Path) -> None:
    """Where every seed of the best is no better than the baseline: exit code 1, nothing to use, and why."""
    said = run(tmp_path, "quality", {"baseline": -5.0})
    assert said.code == 1
    assert "Use " not in said.out
    assert "score.direction: maximize (now minimize)" in said.err
    folder = tmp_path / "results" / "tiny"
    assert not (folder / "best.yaml").exists()
    assert status(folder)["incumbent"] is None
    hint = status(folder)["direction_hint"]
    assert hint in " ".join(said.err.split())
    assert hint in " ".join(here("status", folder).out.split())
    assert here("report", folder).code == 0
    assert "nothing to recommend" in (folder / "report.md").read_text()
    assert "nothing to recommend" in " ".join(here("resume", folder, "--driver", "inline", cwd=tmp_path).out.split())


def test_no_answer_is_said_once(tmp_path: Path) -> None:
    """Quiet, it is the error alone."""
    said = run(tmp_path, "quality", {"baseline": -5.0}, "--driver", "inline", "--quiet")
    assert (said.code, said.out) == (1, "")
    assert said.err.count("nothing to recommend") == 1


def test_a_winner_of_before_is_removed_with_its_claim(tmp_path: Path) -> None:
    """A best.yaml of a time when there was something to recommend does not outlive that."""
    run(tmp_path, "quality", {"baseline": -5.0})
    folder = tmp_path / "results" / "tiny"
    (folder / "best.yaml").write_text("name: of before\n")
    here("report", folder)
    assert not (folder / "best.yaml").exists()


@pytest.mark.parametrize("times", [-1.0, -1000.0])
def test_a_negative_loss_is_minimised(tmp_path: Path, times: float) -> None:
    """As a log-likelihood with its sign turned; the same setting wins whatever its unit, and no percentage is told."""
    recording = {"metric": "val_loss", "times": times}
    said = run(tmp_path, "val_loss", {"baseline": 0.0}, recording=recording)
    assert said.code == 0, said.err
    ledger = ledger_of(tmp_path / "results" / "tiny")
    confirmed = [trial for trial in ledger.trials if trial.confirmed]
    nearest = min(confirmed, key=lambda trial: abs(trial.parameters["x"] - 0.8))
    found = status(tmp_path / "results" / "tiny")["incumbent"]
    assert found["number"] == nearest.number
    assert found["failed_seeds"] == []
    assert found["improvement"] is None
    assert "below the" not in said.out


SCIKIT = """
import numpy as np
from sklearn.linear_model import Ridge
import latent_tune

random = np.random.default_rng(0)
X = random.normal(size=(60, 3))
train = latent_tune.sklearn(Ridge(), X, X @ [1.0, -2.0, 0.5] + random.normal(size=60), scoring="SCORING", cv=3)
"""


def scikit(cwd: Path, scoring: str, score: dict[str, Any]) -> None:
    """A study of an estimator with a scorer."""
    (cwd / "mine.py").write_text(SCIKIT.replace("SCORING", scoring))
    space = {"alpha": {"log_uniform": [0.01, 1000]}}
    more = {"search": {"trials": 3}, "seeds": [0, 1, 2], "rungs": [{"epochs": 1, "seeds": 3}]}
    given = {"name": "tiny", "function": "mine:train", "space": space, "score": score, **more}
    (cwd / "study.yaml").write_text(yaml.safe_dump(given))


@pytest.mark.parametrize(
    ("scoring", "metric", "direction"),
    [("r2", "r2", "maximize"), ("neg_mean_squared_error", "mean_squared_error", "minimize")],
)
def test_a_scorer_says_which_values_are_better(tmp_path: Path, scoring: str, metric: str, direction: str) -> None:
    """Nobody is asked; what was taken from it is kept, so that everything later judges alike without it."""
    scikit(tmp_path, scoring, {"metric": metric})
    assert here("run", "study.yaml", "--dry-run", cwd=tmp_path).code == 0
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "tiny"
    now, ledger = status(folder), ledger_of(folder)
    assert now["direction"] == direction
    means = [sum(ledger.loss(one.number, seed, 1) for seed in (0, 1, 2)) for one in ledger.trials]
    best = max if direction == "maximize" else min
    assert now["incumbent"]["number"] == means.index(best(means))
    again = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert (again.code, "nothing is left to train" in again.out) == (0, True)
    assert here("resume", folder, "--trials", "4", "--driver", "inline", cwd=tmp_path).code == 0
    assert status(folder)["direction"] == direction
    assert len(ledger_of(folder).trials) == 4
    said = here("train", folder / "best.yaml", cwd=tmp_path)
    assert said.code == 0, said.err


@pytest.mark.parametrize("command", [["run", "--driver", "inline"], ["run", "--dry-run"]], ids=["run", "plan"])
def test_who_contradicts_a_scorer_is_told(tmp_path: Path, command: list[str]) -> None:
    """Before anything is trained or written."""
    scikit(tmp_path, "r2", {"metric": "r2", "direction": "minimize"})
    said = here(command[0], "study.yaml", *command[1:], cwd=tmp_path)
    assert said.code == 2
    assert "score.direction: must be maximize, got minimize: what trains says that 'r2' is to be maximized" in said.err
    assert not (tmp_path / "results").exists()


def test_a_training_file_knows_the_scorer(tmp_path: Path) -> None:
    """One that leaves the direction out is judged by it, one that contradicts it is refused."""
    scikit(tmp_path, "r2", {})
    training = {"name": "one", "function": "mine:train", "config": {"alpha": 1.0}, "seeds": [0], "epochs": 1}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump({**training, "metric": "r2", "baseline": 0.0}))
    said = here("train", "one.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "results" / "one" / "metrics.json").read_text())["failed_seeds"] == []
    said = here("train", "one.yaml", "--set", "direction=minimize", cwd=tmp_path)
    assert said.code == 2
    assert "direction: must be maximize, got minimize" in said.err


def test_what_a_trainer_says_of_directions_must_be_one(tmp_path: Path) -> None:
    """Anything else is a mistake of the trainer's, said before it trains."""
    (tmp_path / "accurate.py").write_text(
        TRAINER + "\n    @staticmethod\n    def directions():\n        return {'q': 'up'}\n"
    )
    write_study(tmp_path, trainer="accurate:Accurate", fixed={}, recording={"metric": "q"}, score={"metric": "q"})
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 2
    assert (
        "trainer: directions() must return a mapping from metrics to minimize or maximize, got {'q': 'up'}" in said.err
    )


def test_a_training_file_is_asked_too(tmp_path: Path) -> None:
    """What it trains is judged by its metric as well."""
    (tmp_path / "accurate.py").write_text(TRAINER)
    training = {
        "name": "one",
        "trainer": "accurate:Accurate",
        "recording": {"metric": "val_acc"},
        "config": {"x": 0.5},
        "seeds": [1],
        "epochs": 2,
        "metric": "val_acc",
    }
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(training))
    said = here("train", "one.yaml", cwd=tmp_path)
    assert said.code == 2
    assert "direction: must be said, because higher values of metric 'val_acc' look better" in said.err
    said = here("train", "one.yaml", "--set", "direction=maximize", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "val_acc" in said.out
