"""Asked to stop, a study stops in order: nothing is lost, nothing is trained twice, and it says how to go on."""

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import Running, Said, Trained, here, latent_tune, poll, status, text_of, write_study

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHANGES: dict[str, Any] = {
    "fixed": {"sleep_s": 0.03},
    "search": {"method": "random", "trials": 4, "seed": 3, "reduction_factor": 2},
    "rungs": [{"epochs": 5, "seeds": 2}, {"epochs": 15, "seeds": 3}],
}
SEED_EPOCHS = 4 * 5 * 2 + 2 * (5 + 3 * 10)

STUCK = '''
"""Trains as Quadratic does, but waits in its third epoch for as long as a file named `stuck` lies there."""

import time
from pathlib import Path

from tests.fakes.trainers import Quadratic


class Stuck(Quadratic):
    def _epoch(self, seed):
        here = Path(__file__).parent
        if self.epochs[seed] == 2 and (here / "stuck").exists():
            (here / "waits").touch()
        while self.epochs[seed] == 2 and (here / "stuck").exists():
            time.sleep(0.01)
        return super()._epoch(seed)
'''


def interrupted(cwd: Path, arguments: list[str], number: signal.Signals) -> Said:
    """Runs a command until it has trained an epoch or two, then sends a signal; returns how it ended."""
    log = cwd / "log"
    before = len(Trained.read(log).lines)
    with Running(cwd, *arguments, QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= before + 5, "five seed-epochs")
        process.signal(number)
        code = process.wait()
    return Said(code, text_of(process.out), text_of(process.err))


def command_of(said: Said) -> list[str]:
    """The arguments of the command that the last line of the output gives."""
    start, command = said.last_line.split(": ", maxsplit=1)
    assert start == "continue with"
    program, *arguments = shlex.split(command)
    assert program == "latent-tune"
    return arguments


def check_interrupted(cwd: Path, said: Said, number: signal.Signals) -> list[str]:
    """It says that it stops, and how to go on; returns that."""
    assert said.code == 130, said.err
    assert f"{number.name}: saving the trials in flight" in said.err
    assert "Traceback" not in said.out + said.err
    arguments = command_of(said)
    assert arguments[:2] == ["resume", "results/tiny"]
    now, trained = status(cwd / "results" / "tiny"), Trained.read(cwd / "log")
    assert now["state"] == "interrupted"
    assert now["seed_epochs_spent"] == len(trained.lines) == trained.distinct
    return arguments


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def test_every_signal_stops_in_order(tmp_path: Path, driver: str) -> None:
    """Ctrl-C, a scheduler's kill and a closed terminal: exit code 130, and going on repeats not one epoch."""
    # On Ray one slot, and epochs of which few fit into the second after which an actor reports.
    slow = {"fixed": {"sleep_s": 0.1}, "resources": {"cpus_per_trial": os.cpu_count()}} if driver == "ray" else {}
    write_study(tmp_path, **{**CHANGES, **slow})
    arguments = ["run", "study.yaml", "--driver", driver]
    for number in SIGNALS:
        said = interrupted(tmp_path, arguments, number)
        arguments = check_interrupted(tmp_path, said, number)
    log = str(tmp_path / "log")
    if driver == "ray":
        said = latent_tune(tmp_path, *arguments, QUADRATIC_LOG=log)
    else:
        said = here(*arguments, cwd=tmp_path, QUADRATIC_LOG=log)
    assert said.code == 0, said.err
    trained, now = Trained.read(tmp_path / "log"), status(tmp_path / "results" / "tiny")
    assert (len(trained.lines), trained.distinct) == (SEED_EPOCHS, SEED_EPOCHS)
    assert (now["seed_epochs_spent"], now["seed_epochs_redone"]) == (SEED_EPOCHS, 0)
    assert now["sessions"] == ["interrupted"] * 3 + ["finished"]


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def test_a_second_signal_leaves_at_once(tmp_path: Path, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not want to wait for the epoch asks twice; that is as safe as a kill."""
    write_study(tmp_path, **CHANGES, trainer="stuck_trainer:Stuck")
    (tmp_path / "stuck_trainer.py").write_text(STUCK)
    (tmp_path / "stuck").touch()
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", driver, QUADRATIC_LOG=str(log)) as process:
        process.until((tmp_path / "waits").exists, "an epoch that does not end")
        process.signal(signal.SIGTERM)
        poll(lambda: "SIGTERM: saving" in text_of(process.err), "an answer to the first signal")
        assert process.alive
        process.signal(signal.SIGTERM)
        assert process.wait() == 130
    assert command_of(Said(130, "", text_of(process.err))) == ["resume", "results/tiny"]
    (tmp_path / "stuck").unlink()
    monkeypatch.setattr(sys, "path", sys.path[:])
    said = here("resume", "results/tiny", "--driver", "inline", cwd=tmp_path, QUADRATIC_LOG=str(log))
    sys.modules.pop("stuck_trainer", None)
    assert said.code == 0, said.err
    now = status(tmp_path / "results" / "tiny")
    assert (now["seed_epochs_spent"], now["sessions"]) == (SEED_EPOCHS, ["lost", "finished"])
