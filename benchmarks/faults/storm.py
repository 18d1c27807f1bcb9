"""A storm: one study on the Ray driver, struck again and again, always continued with the same command.

Each fault is drawn with a seed. The study is started when no process works on it; once it trains, and a moment later,
the fault strikes. Then either the driver goes on by itself, or it is dead and the same command is given again. Nobody
repairs anything.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 600.0
"""Longer than any fault takes: a first epoch is waited for in minutes where a loaded machine was slow before."""


class Hung(Exception):  # noqa: N818 - says what happened
    """The study neither went on nor ended."""


@dataclass
class Strike:
    """What came of one fault.

    Attributes:
        fault: Its name.
        ended: Exit code of the driver, negative for a signal; None where it went on.
        trained: Epochs of runs that the trainer had trained by then, repeated ones included.
        seconds: From the fault until the study trained again, or had ended and could be started again.
        note: The last line that it said, where it ended by itself.
    """

    fault: str
    ended: int | None
    trained: int
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: What it is called.
        hit: Strikes the study while it trains.
        arm: Returns the environment with which the study is started, where the fault comes from inside.
        after: What is done while nobody works on the study; None: nothing.
    """

    name: str
    hit: "Callable[[Storm], None]"
    arm: "Callable[[Storm], Mapping[str, str]]" = lambda _: {}
    after: "Callable[[Storm], None] | None" = None


@dataclass
class Storm:
    """One study under faults.

    Args:
        cwd: Holds `study.yaml`; the trainer's log and the results come here.
        name: The study's.
        preload: The shim that processes are started with; None: faults that want it are left out.
        draw: Randomness of kinds and moments.
        driver: ray or inline.
    """

    cwd: Path
    name: str
    preload: Path | None
    draw: Random
    driver: str = "ray"
    strikes: list[Strike] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def folder(self) -> Path:
        """The study folder."""
        return self.cwd / "results" / self.name

    @property
    def alive(self) -> bool:
        """Whether a driver works."""
        return self.process is not None and self.process.poll() is None

    def trained(self) -> int:
        """Lines that the trainer has written: one per epoch of a run."""
        log = self.cwd / "trained.txt"
        return log.read_bytes().count(b"\n") if log.exists() else 0

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Gives the command that a user gives, always the same."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "QUADRATIC_LOG": str(self.cwd / "trained.txt"),
            **(extra or {}),
        }
        command = [sys.executable, "-m", "tune.cli", "run", "study.yaml", "--driver", self.driver]
        with (self.cwd / "output.txt").open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=self.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, or for the driver's end."""
        end = time.monotonic() + DEADLINE_S
        while self.alive and not condition():
            if time.monotonic() > end:
                raise Hung(self.said())
            time.sleep(0.02)

    def until_trains(self) -> None:
        """Waits until an epoch more is trained, or the driver's end."""
        before = self.trained()
        self.until(lambda: self.trained() > before)

    def family(self) -> list[psutil.Process]:
        """Every process below the driver."""
        assert self.process is not None
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def find(self, name: str | tuple[str, ...]) -> psutil.Process:
        """One process below the driver whose command line begins with a name, or one of several.

        Raises:
            Hung: If there is none.
        """
        for process in self.family():
            with suppress(psutil.Error):
                words = process.cmdline()
                if words and (words[0].startswith(name) or Path(words[0]).name == name):
                    return process
        raise Hung(f"no process {name} to strike")

    def bury(self, family: Sequence[psutil.Process]) -> None:
        """Waits until what belonged to a driver that is dead has gone too, and helps where it has not."""
        assert self.process is not None
        self.process.wait(DEADLINE_S)
        _, left = psutil.wait_procs(family, 2)  # Ray's bystanders would notice only after a minute
        for orphan in left:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        psutil.wait_procs(left, 5)

    def said(self) -> str:
        """What the latest process printed."""
        return (self.cwd / "output.txt").read_text(errors="replace")

    def strike(self, fault: Fault) -> bool:
        """Has one fault strike; says whether the study still has something to do."""
        extra = fault.arm(self)
        if extra and self.alive:
            self.stop()
        if not self.alive:
            self.start(extra)
        self.until_trains()
        if self.alive:
            time.sleep(self.draw.uniform(0, 1))
        family = self.family() if self.alive else []
        if not self.alive and self.process is not None and self.process.returncode == 0:
            return False
        trained, began = self.trained(), time.monotonic()
        if self.alive:
            fault.hit(self)
        if self.alive:
            self.until_trains()
        ended = None
        if not self.alive:
            assert self.process is not None
            self.bury(family)
            ended = self.process.returncode
        note = self.said().strip().splitlines()[-1:] if ended is not None and ended >= 0 else []
        if fault.after is not None and not self.alive:
            fault.after(self)
        seconds = round(time.monotonic() - began, 1)
        self.strikes.append(Strike(fault.name, ended, trained, seconds, " ".join(note)[:200]))
        return ended != 0

    def stop(self) -> None:
        """Stops the driver in order."""
        assert self.process is not None
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        self.bury(family)

    def finish(self) -> None:
        """Lets the study go on to its end, undisturbed.

        Raises:
            Hung: If it does not end well.
        """
        for _ in range(2):  # the driver that is there may yet die of the last fault
            if not self.alive:
                self.start()
            assert self.process is not None
            family = self.family()
            try:
                code = self.process.wait(20 * DEADLINE_S)
            except subprocess.TimeoutExpired:
                raise Hung(self.said()) from None
            self.bury(family)
            if code == 0:
                return
        raise Hung(f"exit code {code}: {self.said()}")


def study(trials: int, sleep_s: float, **changes: Any) -> dict[str, Any]:
    """Returns the study of a storm: one slot, a checkpoint every epoch, a final race, every trial tried again."""
    return {
        "name": "storm",
        "trainer": "tests.fakes.trainers:Quadratic",
        "recording": {},
        "fixed": {"sleep_s": sleep_s},
        "space": {"x": {"uniform": [0, 1]}},
        "search": {"method": "tpe", "trials": trials, "seed": 3},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 6, "seeds": 3}, {"epochs": 12, "seeds": 3}],
        "confirm": {"seeds": 5},
        "resources": {"cpus_per_trial": os.cpu_count() or 1, "retries": 1000, "stall_after": "3s"},
        "storage": {"checkpoints": "every_epoch"},
        **changes,
    }
