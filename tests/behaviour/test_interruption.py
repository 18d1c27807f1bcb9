"""Asked to stop, a study stops in order: nothing is lost, nothing is trained twice, and it says how to go on."""

import os
import shlex
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import (
    Running,
    Said,
    Trained,
    decided,
    here,
    latent_tune,
    ledger_of,
    poll,
    status,
    text_of,
    write_study,
)
from tune.drivers.stop_request import PATIENCE_S
from tune.ledger.database.database import Database

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


HUNG = '''
"""Trains as Quadratic does; Ray hangs when it is to be taken down."""

import time
from pathlib import Path

import ray

from tests.fakes.trainers import Quadratic as Hung


def hang():
    (Path(__file__).parent / "hangs").touch()
    while True:
        time.sleep(0.01)


ray.shutdown = hang
'''


def to_it_alone(process: Running, number: signal.Signals) -> None:
    """As `kill PID` does."""
    process.signal(number)


def to_its_group(process: Running, number: signal.Signals) -> None:
    """As `timeout`, `kill -- -PGID` and a terminal do."""
    process.signal_group(number)


def interrupted(
    cwd: Path,
    arguments: list[str],
    number: signal.Signals,
    send: Callable[[Running, signal.Signals], None] = to_it_alone,
) -> Said:
    """Runs a command until it has trained an epoch or two, then sends a signal; returns how it ended."""
    log = cwd / "log"
    before = len(Trained.read(log).lines)
    with Running(cwd, *arguments, QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= before + 5, "five seed-epochs")
        send(process, number)
        code = process.wait()
    return Said(code, text_of(process.out), text_of(process.err))


def command_of(said: Said) -> list[str]:
    """The arguments of the command that the last line of the output gives."""
    start, command = said.last_line.split(": ", maxsplit=1)
    assert start == "continue with"
    program, *arguments = shlex.split(command)
    assert program == "latent-tune"
    return arguments


SENT = (
    (signal.SIGINT, to_it_alone),
    (signal.SIGTERM, to_its_group),
    (signal.SIGHUP, to_its_group),
)


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


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=[pytest.mark.cluster, pytest.mark.slow])])
def test_every_signal_stops_in_order(tmp_path: Path, driver: str) -> None:
    """Ctrl-C, `timeout` and a closed terminal: exit code 130, and going on repeats not one epoch.

    Each goes to the whole process group, except one, which goes to the driver alone, as `kill` sends it.
    """
    # On Ray one slot, and epochs of which few fit into the second after which an actor reports.
    slow = {"fixed": {"sleep_s": 0.1}, "resources": {"cpus_per_trial": os.cpu_count()}} if driver == "ray" else {}
    write_study(tmp_path, **{**CHANGES, **slow})
    arguments = ["run", "study.yaml", "--driver", driver]
    for number, send in SENT:
        said = interrupted(tmp_path, arguments, number, send)
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
    assert now["sessions"] == ["interrupted"] * len(SENT) + ["finished"]


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


@pytest.mark.cluster
@pytest.mark.parametrize("begun", [False, True], ids=["a new study", "one that goes on"])
def test_a_signal_is_answered_while_ray_is_taken_down(tmp_path: Path, begun: bool) -> None:
    """However long that hangs: the first signal has its patience run, the second leaves at once, in words."""
    (tmp_path / "hung.py").write_text(HUNG)
    write_study(tmp_path, trainer="hung:Hung", fixed={"sleep_s": 0.02})
    run = ("run", "study.yaml", "--driver")
    if begun:
        with Running(tmp_path, *run, "inline") as first:
            first.until(lambda: any(tmp_path.glob("results/tiny/checkpoints/0/*.pt")), "the first rung")
            first.signal(signal.SIGTERM)
            assert first.wait() == 130
    with Running(tmp_path, *run, "ray") as process:
        process.until((tmp_path / "hangs").exists, "the end of Ray")
        process.signal(signal.SIGTERM)
        process.until(lambda: "SIGTERM: saving" in text_of(process.err), "an answer")
        process.signal(signal.SIGTERM)
        assert process.wait() == 130
        assert text_of(process.err).rstrip().splitlines()[-1] == "continue with: latent-tune resume results/tiny"
    assert status(tmp_path / "results" / "tiny")["state"] == "finished"


@pytest.mark.cluster
def test_a_signal_to_every_process_leaves_nobody_to_wait_for(tmp_path: Path) -> None:
    """A batch system ends all of Ray as well: the driver leaves in seconds, and no trial has died of it."""
    write_study(tmp_path, **{**CHANGES, "fixed": {"sleep_s": 0.1}, "resources": {"cpus_per_trial": os.cpu_count()}})
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "ray", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= 5, "five seed-epochs")
        process.signal_all(signal.SIGTERM)
        began, code = time.monotonic(), process.wait()
        assert time.monotonic() - began < PATIENCE_S / 2
    # 1 without a word: Ray's library, which has lost Ray, may end the driver before the driver does.
    assert code in (130, 1)
    if code == 130:
        assert command_of(Said(code, "", text_of(process.err))) == ["resume", "results/tiny"]
    said = here("resume", "results/tiny", "--driver", "inline", cwd=tmp_path, QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    now = status(tmp_path / "results" / "tiny")
    assert (now["seed_epochs_spent"], now["failures"]) == (SEED_EPOCHS, {})


FAR = '''
"""Trains as Quadratic does; where FAR is set, the process takes itself for one of another host."""

import os
import socket

from tests.fakes.trainers import Quadratic
from tune.ledger.lease import lease

if "FAR" in os.environ:
    socket.gethostname = lambda: "far"
    lease.TRUST_S = 0.0


class Far(Quadratic):
    pass
'''


def test_a_driver_that_wakes_up_on_another_host_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped for so long that the study was taken over and finished elsewhere, it says so, and changes no result."""
    write_study(tmp_path, **CHANGES, trainer="far_trainer:Far")
    (tmp_path / "far_trainer.py").write_text(FAR)
    folder, log = tmp_path / "results" / "tiny", tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log), FAR="1") as old:
        old.until(lambda: Trained.read(log).distinct >= 12, "twelve seed-epochs")
        stop_between_writes(old, folder)
        refused = here("resume", "results/tiny", "--driver", "inline", cwd=tmp_path)
        assert refused.code == 2
        assert f"process {old.pid} on far is running this study (last heard of" in refused.err
        forget(folder)
        monkeypatch.setattr(sys, "path", sys.path[:])
        said = here("resume", "results/tiny", "--driver", "inline", cwd=tmp_path)
        sys.modules.pop("far_trainer", None)
        assert said.code == 0, said.err
        now, curves, told = status(folder), ledger_of(folder).curves(), decided(ledger_of(folder))
        names = sorted(path.name for path in (folder / "curves").iterdir())
        assert now["state"] == "finished"
        old.signal(signal.SIGCONT)
        assert old.wait() == 2
    assert "another process" in text_of(old.err)
    # A checkpoint that it was in the middle of may still land, for files know no lease; nothing refers to it.
    assert {**status(folder), "checkpoint_bytes": now["checkpoint_bytes"]} == now
    assert ledger_of(folder).curves().equals(curves)
    assert sorted(path.name for path in (folder / "curves").iterdir()) == names
    assert decided(ledger_of(folder)) == told


def stop_between_writes(process: Running, folder: Path) -> None:
    """Stops a process at a moment at which it holds no lock of its ledger: one on a lost host holds none here."""

    def stopped() -> bool:
        process.signal(signal.SIGSTOP)
        with closing(sqlite3.connect(folder / "study.db", timeout=0.2)) as ledger:
            try:
                ledger.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.signal(signal.SIGCONT)
                return False
        return True

    poll(stopped, "a moment between two writes")


def forget(folder: Path) -> None:
    """Lets two minutes pass since the last heartbeat of the process that holds a study."""
    database = Database(None, folder, "tiny", create=True)
    held = database.note("lease")
    assert database.replace_note("lease", held, {**held, "beat": held["beat"] - 120})
    database.close()
