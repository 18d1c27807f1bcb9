"""Anything that keeps the contract can be searched, from anywhere; one that dies is retried, counted, and given up."""

from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import Said, Trained, here, latent_tune, ledger_of, status, write_study

INLINE = ("--driver", "inline")
SEED_EPOCHS = 6 * 2 * 2 + 2 * (2 + 3 * 3)

MINE = '''
"""A trainer that derives from nothing."""


class Mine:
    def __init__(self, config, recording, seeds, state=None):
        self.config, self.recording, self.seeds = config, recording, list(seeds)
        self.epoch = next(iter(state.values()))["epoch"] if state else 0

    def train(self, epochs):
        for _ in range(epochs):
            self.epoch += 1
            yield {"validation_loss": [self.config["x"] + self.recording["bias"] / self.epoch for _ in self.seeds]}

    def state(self):
        return {seed: {"epoch": self.epoch} for seed in self.seeds}

    def baseline(self):
        return {"validation_loss": 3.0}

    def close(self):
        pass


class Fussy(Mine):
    """Refuses the upper half of its parameter, every time."""

    def train(self, epochs):
        if self.config["x"] > 0.5:
            raise ZeroDivisionError("no gradient up here")
        yield from super().train(epochs)
'''


def written(cwd: Path, **changes: Any) -> Path:
    """A directory that holds nothing but a study and its trainer; returns where the study will be."""
    (cwd / "mytrainer.py").write_text(MINE)
    write_study(cwd, **{"fixed": {}, "recording": {"bias": 1.0}, **changes})
    return cwd / "results" / "tiny"


@pytest.fixture(params=["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def driver(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The arguments that choose a driver; Ray is a cluster that runs already."""
    return INLINE if request.param == "inline" else request.getfixturevalue("on_ray")


@pytest.fixture
def on_ray(ray_local: None) -> tuple[str, ...]:
    """The arguments that send a study to the session's cluster."""
    import ray

    return ("--driver", "ray", "--address", ray.get_runtime_context().gcs_address)


def run(cwd: Path, driver: tuple[str, ...], **extra: str) -> Said:
    """Runs the study; Ray in a process of its own, the inline driver in this one."""
    arguments = ("run", "study.yaml", *driver)
    return here(*arguments, cwd=cwd, **extra) if driver == INLINE else latent_tune(cwd, *arguments, **extra)


def test_a_trainer_in_a_file_of_the_working_directory(tmp_path: Path) -> None:
    """A class in a file next to the study is found, trained, continued from rung to rung, and gets its recording."""
    folder = written(tmp_path, trainer="mytrainer:Mine")
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline")
    assert said.code == 0, said.err
    ledger = ledger_of(folder)
    best = min(ledger.trials, key=lambda trial: trial.parameters["x"])
    assert best.confirmed
    assert list(ledger.curve(best.number, 1)) == [best.parameters["x"] + 1 / epoch for epoch in range(1, 6)]
    assert f"Use x {best.parameters['x']:.3g}: trial {best.number}" in said.out


def test_a_trainer_of_a_package(tmp_path: Path) -> None:
    """A class of any importable package trains every epoch that the ladder asks for, once."""
    write_study(tmp_path)
    said = run(tmp_path, INLINE, QUADRATIC_LOG=str(tmp_path / "log"))
    assert said.code == 0, said.err
    trained, now = Trained.read(tmp_path / "log"), status(tmp_path / "results" / "tiny")
    assert (now["state"], now["trials"]["confirmed"], now["trials"]["stopped"]) == ("finished", 2, 4)
    assert now["seed_epochs_spent"] == len(trained.lines) == SEED_EPOCHS


def test_trials_that_die_are_tried_again_counted_and_given_up(tmp_path: Path, driver: tuple[str, ...]) -> None:
    """Each death is kept with its cause; the trials that live go on, and one of them wins."""
    folder = written(tmp_path, trainer="mytrainer:Fussy", resources={"retries": 2})
    said = latent_tune(tmp_path, "run", "study.yaml", *driver)
    assert said.code == 0, said.err
    ledger, now = ledger_of(folder), status(folder)
    upper = [trial for trial in ledger.trials if trial.parameters["x"] > 0.5]
    assert [trial.number for trial in upper] == [trial.number for trial in ledger.trials if trial.ended == "failed"]
    assert 0 < len(upper) < len(ledger.trials) == 6
    assert now["failures"] == {"ZeroDivisionError: no gradient up here": 2 * len(upper)}
    assert now["trials"]["failed"] == len(upper)
    assert now["incumbent"]["parameters"]["x"] <= 0.5
    for trial in upper:
        text = Path(tmp_path, trial.attempts[-1].log).read_text()
        assert text.count("Traceback") == text.count("raise ZeroDivisionError") == 2


def test_a_study_whose_first_trials_die_of_one_cause_stops(tmp_path: Path, driver: tuple[str, ...]) -> None:
    """A broken import costs three trials, not the whole night: exit code 1, and the cause."""
    write_study(tmp_path, trainer="tests.fakes.trainers:Broken")
    said = run(tmp_path, driver)
    assert said.code == 1
    assert "Traceback" not in said.out + said.err
    cause = "RuntimeError: no such file or directory: 'weights.bin'"
    log = "results/tiny/logs/trial-0.log"
    stopped = f"latent-tune: the first 3 trials all died of one cause: {cause} (log: {log})"
    assert said.last_line == f"{stopped}; mend it, then: latent-tune resume results/tiny --retry-failed"
    now = status(tmp_path / "results" / "tiny")
    assert now["state"] == "stopped"
    slots = 1 if driver == INLINE else 2  # what else was in flight may have died for good as well
    assert 3 <= now["trials"]["failed"] <= 3 + slots - 1
    assert now["failures"].keys() == {cause}
    assert now["failures"][cause] >= 6
    assert "Traceback" in (tmp_path / log).read_text()


@pytest.mark.slow
@pytest.mark.cluster
def test_an_actor_that_is_killed_is_one_death(tmp_path: Path) -> None:
    """A process that goes without a word, as one out of memory does, is replaced; its trial is tried again."""
    write_study(tmp_path, trainer="tests.fakes.trainers:Killed")
    mark = tmp_path / "mark"
    said = run(tmp_path, ("--driver", "ray"), KILLED_MARK=str(mark))
    assert said.code == 0, said.err
    assert mark.exists()
    ledger, now = ledger_of(tmp_path / "results" / "tiny"), status(tmp_path / "results" / "tiny")
    assert sum(now["failures"].values()) == 1
    (trial,) = [trial for trial in ledger.trials if trial.attempts]
    assert trial.parameters["x"] > 0.5
    assert trial.ended != "failed"
    assert now["trials"]["failed"] == 0


def test_a_trainer_that_kills_the_study_itself_is_survived(tmp_path: Path) -> None:
    """Without Ray the trainer takes the study's process with it; resuming goes on where it was."""
    write_study(tmp_path, trainer="tests.fakes.trainers:Killed")
    extra = {"KILLED_MARK": str(tmp_path / "mark"), "QUADRATIC_LOG": str(tmp_path / "log")}
    assert latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline", **extra).code == -9
    said = here("resume", "results/tiny", cwd=tmp_path, **extra)
    assert said.code == 0, said.err
    now = status(tmp_path / "results" / "tiny")
    assert (now["seed_epochs_spent"], now["sessions"]) == (SEED_EPOCHS, ["lost", "finished"])
