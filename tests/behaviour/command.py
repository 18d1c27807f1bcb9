"""The real command line in processes of its own, and what a study's folder and log say afterwards."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Self

import psutil
import pyarrow as pa
import yaml

from tune.ledger.curves.store import CurveStore
from tune.ledger.reader import LedgerReader

ROOT = Path(__file__).parents[2]
DEADLINE_S = 180.0
_BYSTANDERS = ("dashboard/agent.py", "runtime_env/agent/main.py", "DashboardAgent", "RuntimeEnvAgent")  # Ray's names

STUDY: dict[str, Any] = {
    "name": "tiny",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "fixed": {"sleep_s": 0.01},
    "space": {"x": {"uniform": [0, 1]}},
    "search": {"method": "random", "trials": 6, "seed": 3},
    "seeds": [1, 2, 3],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 5, "seeds": 3}],
}


def poll(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Waits for a condition, looking every few milliseconds; fails when it does not come."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s:.0f} s in vain for {what}"
        time.sleep(0.003)


def text_of(path: Path) -> str:
    """What a file holds so far; nothing when it is not there."""
    return path.read_text() if path.exists() else ""


class Running:
    """One `latent-tune` process; leaving it ends what is left of it and of its children.

    Args:
        cwd: Where it runs.
        arguments: Of `latent-tune`.
        extra: Added to its environment.
    """

    def __init__(self, cwd: Path, *arguments: str, **extra: str) -> None:
        self.out, self.err = cwd / "stdout.txt", cwd / "stderr.txt"
        with self.out.open("w") as out, self.err.open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tune.cli", *arguments],
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "120", **extra},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self.kill()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for a condition that this process is to bring about."""

        def came_or_ended() -> bool:
            return condition() or not self.alive

        poll(came_or_ended, what)
        assert condition(), f"it ended ({self._process.returncode}) before {what}:\n{self.said()}"

    def signal(self, number: int) -> None:
        """Sends a signal to the process alone, not to its children."""
        self._process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Sends a signal to its process group, as `timeout` does, and a terminal that is closed."""
        os.killpg(self.pid, number)

    def signal_all(self, number: int) -> None:
        """Sends a signal to it and to everything that it has started, as a batch system does that ends a job."""
        started = psutil.Process(self.pid).children(recursive=True)
        self.signal(number)
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def wait(self) -> int:
        """Waits for its end and returns its exit code."""
        return self._process.wait(DEADLINE_S)

    def kill(self) -> None:
        """Kills it with -9, and waits until those of its children that work, whom nobody told, have gone too.

        Ray's two bystanders (dashboard, runtime environments) notice only after a minute that they are alone.
        """
        children = psutil.Process(self.pid).children(recursive=True)
        bystanders = {child for child in children if _is_bystander(child)}
        self._process.kill()
        self._process.wait(DEADLINE_S)
        _, left = psutil.wait_procs([child for child in children if child not in bystanders], DEADLINE_S)
        for orphan in [*left, *bystanders]:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        assert not left, f"outlived its driver: {left}"

    def said(self) -> str:
        """Everything it printed so far, results first."""
        return text_of(self.out) + text_of(self.err)


def _is_bystander(process: psutil.Process) -> bool:
    try:
        return any(part.endswith(_BYSTANDERS) for part in process.cmdline())
    except psutil.Error:
        return False


@dataclass(frozen=True)
class Said:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line that the user sees."""
        return (self.err or self.out).rstrip().splitlines()[-1]


def latent_tune(cwd: Path, *arguments: str, **extra: str) -> Said:
    """Runs a command to its end."""
    with Running(cwd, *arguments, **extra) as process:
        code = process.wait()
    return Said(code, text_of(process.out), text_of(process.err))


def here(*arguments: str | Path, cwd: Path | None = None, **extra: str) -> Said:
    """Runs a command to its end in this process, which has everything imported."""
    from tune.cli import main

    out, err = StringIO(), StringIO()
    before = dict(os.environ)
    os.environ.update({"COLUMNS": "120", **extra})
    try:
        with chdir(cwd or Path()), redirect_stdout(out), redirect_stderr(err):
            try:
                code = main([str(argument) for argument in arguments])
            except SystemExit as ended:  # argparse's
                code = int(ended.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Said(code, out.getvalue(), err.getvalue())


def write_study(cwd: Path, **changes: Any) -> dict[str, Any]:
    """Writes `study.yaml`: the study above with changes."""
    study = {**STUDY, **changes}
    (cwd / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return study


def status(folder: Path) -> dict[str, Any]:
    """What `status --json` says."""
    said = here("status", folder, "--json", "--connect")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


@dataclass(frozen=True)
class Trained:
    """Every epoch that was trained, as the trainer itself wrote it down: x, seed, epoch."""

    lines: tuple[str, ...]

    @classmethod
    def read(cls, log: Path) -> Self:
        """Reads whole lines only."""
        return cls(tuple(line for line in text_of(log).splitlines(keepends=True) if line.endswith("\n")))

    @property
    def distinct(self) -> int:
        """Seed-epochs, each counted once."""
        return len(set(self.lines))

    @property
    def repeated(self) -> int:
        """Seed-epochs that were trained again."""
        return len(self.lines) - self.distinct

    @property
    def latest_epoch(self) -> int:
        """The epoch trained last."""
        return int(self.lines[-1].split()[2]) if self.lines else 0

    @property
    def highest_epoch(self) -> int:
        """The highest epoch trained."""
        return max((int(line.split()[2]) for line in self.lines), default=0)


@dataclass(frozen=True)
class Stored:
    """What lies in a study folder, read from its files.

    Attributes:
        rows: Rows of all curves, those trained again included.
        epochs: Epochs by (trial, seed), each counted once.
        resumable: The epoch of the newest checkpoint that the curve reaches, by (trial, seed).
    """

    rows: int = 0
    epochs: Mapping[tuple[int, int], int] = field(default_factory=dict)
    resumable: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads curves and checkpoints; half-written ones do not count."""
        if not (folder / "curves").is_dir():
            return cls()
        store = CurveStore(folder / "curves", writable=False)
        rows = sum(table.num_rows for table in store.tables())
        epochs: dict[tuple[int, int], int] = {}
        for trial, seed in runs_of(store.table()):
            epochs[trial, seed] = epochs.get((trial, seed), 0) + 1
        resumable: dict[tuple[int, int], int] = {}
        for path in (folder / "checkpoints").glob("*/seed-*-epoch-*.pt"):
            _, seed, _, epoch = path.stem.split("-")
            run = int(path.parent.name), int(seed)
            if int(epoch) <= epochs.get(run, 0):
                resumable[run] = max(resumable.get(run, 0), int(epoch))
        return cls(rows, epochs, resumable)

    @property
    def at_risk(self) -> int:
        """Seed-epochs after the newest checkpoint: what the next process must train again."""
        return sum(epochs - self.resumable.get(run, 0) for run, epochs in self.epochs.items())


def runs_of(table: pa.Table) -> list[tuple[int, int]]:
    """Trial and seed of every row."""
    return list(zip(table["trial"].to_pylist(), table["seed"].to_pylist(), strict=True))


def ledger_of(folder: Path) -> LedgerReader:
    """The ledger, to look at."""
    return LedgerReader.read(folder, clock=time.time, connect=True)


def decided(ledger: LedgerReader) -> list[tuple[Any, ...]]:
    """The decisions about trials in order, without their times."""
    told = [decision for decision in ledger.decisions if decision.trial is not None]
    return [(each.kind, each.trial, each.rung, each.reason, dict(each.detail)) for each in told]
