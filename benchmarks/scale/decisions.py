"""What a decision costs, by the size of the study, and what it costs to open and to look at one."""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.process_memory import status_mib
from benchmarks.scale import DoNothing, study_of
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.optimizer.optimizer import Optimizer
from tune.optimizer.work import Work

MIB = 2**20


class Clocked(Job):
    """A job that counts the CPU seconds of what a driver asks of it, by decision."""

    spent: list[tuple[int, int, float]]
    view_s = 0.0

    def next_work(self, slots: int = 1) -> Work | None:
        """Returns work, as any job does."""
        began = time.process_time()
        work = super().next_work(slots)
        self._count(began)
        return work

    def take(self, work: Work, news: Sequence[Any]) -> None:
        """Takes news, as any job does."""
        began = time.process_time()
        super().take(work, news)
        self._count(began)

    def _count(self, began: float) -> None:
        ledger = self.optimizer.ledger
        self.spent.append((len(ledger.decisions), len(ledger.trials), time.process_time() - began))


def decisions(trials: int, slots: int, folder: Path) -> dict[str, Any]:
    """Plays one study in this process and says what it cost."""
    from rich.console import Console

    from tune.drivers.simulated import VirtualClock, drive
    from tune.views.live.progress import Progress
    from tune.views.tensorboard.writer import TensorBoard

    began, clock = time.perf_counter(), VirtualClock()
    ledger = Ledger.open(study_of(trials), folder, clock=time.time)
    job = Clocked(Optimizer(ledger, clock), {}, DoNothing)
    job.spent = []
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress, board = Progress(ledger, lambda: job.optimizer.in_flight, screen, time.time), TensorBoard(ledger)

    def watch() -> None:
        at = time.process_time()
        progress.refresh()
        board.refresh()
        job.view_s += time.process_time() - at

    job.watch = watch
    progress.start()
    drive(job, slots, clock)
    finishing = time.process_time()
    before = len(ledger.decisions)
    job.optimizer.finish()
    finishing = time.process_time() - finishing
    progress.stop()
    board.close()
    ledger.close("finished")
    count = len(ledger.decisions)
    asked = sum(seconds for *_, seconds in job.spent)
    parts = [sum(s for at, _, s in job.spent if part * before <= 10 * at < (part + 1) * before) for part in range(10)]
    return {
        "trials": trials,
        "slots": slots,
        "decisions": count,
        "wall_s": round(time.perf_counter() - began, 1),
        "cpu_ms_per_decision": round(1e3 * (asked + finishing) / count, 3),
        "of_which_views_ms": round(1e3 * job.view_s / count, 3),
        "cpu_ms_by_tenth": [round(1e4 * part / before, 2) for part in parts],
        "cpu_ms_per_decision_at": {
            str(size): ms for size in (100, 1000, 10_000) if (ms := around(size, trials, job.spent)) is not None
        },
        "peak_memory_mib": round(status_mib("VmHWM")),
    }


def around(size: int, trials: int, spent: Sequence[tuple[int, int, float]]) -> float | None:
    """Returns CPU milliseconds per decision while a study had about so many trials; None where it never had.

    Args:
        size: From half to one and a half times of it is meant, as far as new trials are still begun.
        trials: How many the study has in the end.
        spent: After each step: decisions, trials, and the seconds that it took.
    """
    if size > trials:
        return None
    there = [(at, s) for at, begun, s in spent if size / 2 <= begun < min(1.5 * size, trials)]
    return round(1e3 * sum(s for _, s in there) / (there[-1][0] - there[0][0]), 3)


def looked_at(folder: Path) -> dict[str, Any]:
    """Opens a study that is there, in this process, and says what that cost."""
    from tune.views.report.page import write_report
    from tune.views.results import gather
    from tune.views.terminal.status import status

    found: dict[str, Any] = {}

    def clocked(name: str, call: Any) -> Any:
        began = time.process_time()
        result = call()
        found[name] = round(time.process_time() - began, 2)
        return result

    ledger = clocked("read_cpu_s", lambda: LedgerReader.read(folder, clock=time.time))
    clocked("status_cpu_s", lambda: status(ledger))
    clocked("report_cpu_s", lambda: write_report(gather(ledger)))
    clocked("open_cpu_s", lambda: Ledger.open(ledger.study, folder, clock=time.time)).close("interrupted")
    rows = ledger.curves().num_rows
    sizes = {"ledger_mib": folder / "study.db", "curves_mib": folder / "curves"}
    found |= {name: round(size_of(path) / MIB, 2) for name, path in sizes.items()}
    peak = round(status_mib("VmHWM"))
    return {**found, "curve_rows": rows, "peak_memory_of_report_mib": peak}


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of all in a folder."""
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file())


def alone(*arguments: str) -> dict[str, Any]:
    """Runs one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_decisions(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Plays studies of several sizes; small ones, which are over in seconds, several times, and tells the median."""
    rows = []
    for trials in options.trials:
        row = median([_played(trials, options) for _ in range(5 if trials < 10_000 else 1)])
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def median(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the row whose decisions cost the median, with the least and the most that they cost."""
    cost = "cpu_ms_per_decision"
    ordered = sorted(rows, key=lambda row: row[cost])
    return {**ordered[len(rows) // 2], "plays": len(rows), f"{cost}_from_to": [ordered[0][cost], ordered[-1][cost]]}


def _played(trials: int, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="latent-tune-scale-", dir=options.folder) as scratch:
        place = ["--folder", f"{scratch}/scale", "--slots", str(options.slots), "--trials", str(trials)]
        return {**alone("one", *place), **alone("look", *place)}
