"""Is anything lost when the driver of programs is killed? A study of them is killed at random moments.

    python -m benchmarks.program_kills [--kills 40] [--seed 0]

The programs keep checkpoints. The driver (inline) is killed with -9 again and again, and the study resumed each time;
where it ends before that, another begins. Counted are epochs that were lost, epochs that were trained again although a
checkpoint held them, and programs that outlived their driver. Every study must decide as one that nobody killed. Writes
benchmarks/results/program_kills.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil

from benchmarks.kill_driver import machine, start
from tune.ledger.reader import LedgerReader

HERE = Path(__file__).resolve().parent
PROGRAM = """
import argparse, time
from pathlib import Path

parser = argparse.ArgumentParser()
kinds = {"rate": float, "width": int, "trial": int, "seed": int, "epochs": int, "checkpoint": Path, "log": Path}
for name, kind in kinds.items():
    parser.add_argument(f"--{name}", type=kind)
given = parser.parse_args()
kept = given.checkpoint / "epoch"
begun = int(kept.read_text()) if kept.exists() else 0
for epoch in range(begun + 1, given.epochs + 1):
    time.sleep(0.06)
    with given.log.open("a") as log:
        log.write(f"{given.trial} {given.seed} {epoch}\\n")
    new = kept.with_suffix(".new")
    new.write_text(str(epoch))
    new.replace(kept)
    loss = abs(given.rate - 0.01) * 10 + 1 / given.width + 1 / epoch + given.seed % 7 / 100
    print(f"epoch {epoch} loss {loss!r}", flush=True)
"""
STUDY: dict[str, Any] = {
    "space": {"rate": {"log_uniform": [1e-4, 1e-1]}, "width": {"choice": [8, 16, 32]}},
    "seeds": [1, 2, 3],
    "rungs": [{"epochs": 4, "seeds": 2}, {"epochs": 12, "seeds": 3}],
    "search": {"trials": 9},
    "score": {"metric": "loss", "baseline": 3.0},
    "confirm": {"seeds": 1},
    "storage": {"checkpoints": "every_epoch"},
}
DEADLINE_S = 300.0
LEAST_S, MOST_S = 1.0, 6.0  # from start to kill: from before the first epoch to some trials later


@dataclass
class Found:
    """One study of programs.

    Attributes:
        cwd: Where it was run; the programs write there what they train.
        held: At each kill, how much had been trained, and which epochs were durable by trial and seed.
        outlived: How many programs lived on after their driver.
    """

    cwd: Path
    held: list[tuple[int, dict[tuple[int, int], int]]] = field(default_factory=list)
    outlived: int = 0

    @property
    def folder(self) -> Path:
        """The study's."""
        return self.cwd / "results" / "killed"

    def trained(self) -> list[tuple[int, ...]]:
        """Returns trial, seed and epoch of everything that a program has trained, in its order."""
        log = self.cwd / "log"
        return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


def main() -> int:
    """Runs the benchmark and returns 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    draw, kills, rounds = Random(options.seed), 0, []  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as scratch:
        whole = finished(Path(scratch), 0, Random(0), 0)[0]  # noqa: S311
        while kills < options.kills:
            found, killed = finished(Path(scratch), len(rounds) + 1, draw, options.kills - kills)
            kills += killed
            rounds.append(verdict(found, whole) | {"kills": killed})
            print(rounds[-1], flush=True)
    sums = {key: sum(one[key] for one in rounds) for key in rounds[0]}
    result = {
        "what": "programs with checkpoints, inline driver killed with -9 at random moments and resumed",
        "seed": options.seed,
        "studies": len(rounds),
        **sums,
        "machine": machine(),
        "date": datetime.now(tz=UTC).strftime("%Y-%m-%d"),
    }
    place = HERE / "results" / "program_kills.json"
    place.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({"studies": len(rounds), **sums}))
    return 1 if sums["lost"] or sums["repeated"] or sums["outlived"] or sums["other_decisions"] else 0


def finished(scratch: Path, number: int, draw: Random, most: int) -> tuple[Found, int]:
    """Has one study come to its end, its driver killed until then but not more often than asked; returns how often."""
    cwd = scratch / f"study-{number}"
    cwd.mkdir()
    (cwd / "train.py").write_text(PROGRAM)
    command = [sys.executable, "train.py", "{args}", "--trial", "{trial}", "--seed", "{seed}", "--epochs", "{epochs}"]
    command += ["--checkpoint", "{checkpoint}", "--log", str(cwd / "log")]
    metrics = {"lines": r"epoch (?P<epoch>\d+) loss (?P<loss>\S+)"}
    study = {"name": "killed", "program": {"command": command, "metrics": metrics}, **STUDY}
    (cwd / "study.yaml").write_text(json.dumps(study))
    found = Found(cwd)
    while True:
        process = start(cwd, ["run", "study.yaml", "--driver", "inline"])
        kills = len(found.held)
        try:
            if process.wait(draw.uniform(LEAST_S, MOST_S) if kills < most else DEADLINE_S) != 0:
                raise SystemExit(f"the study did not finish:\n{(cwd / 'output.txt').read_text()}")
        except subprocess.TimeoutExpired:
            found.outlived += killed(process)
            found.held.append((len(found.trained()), held(found.folder)))
        else:
            return found, kills


def held(folder: Path) -> dict[tuple[int, int], int]:
    """Returns by trial and seed up to which epoch both a checkpoint and the curves hold its training."""
    if not (folder / "study.db").exists():
        return {}
    ledger = LedgerReader.read(folder, clock=time.time)
    done: dict[tuple[int, int], int] = {}
    for path in folder.glob("checkpoints/*/seed-*-epoch-*.pt"):
        _, seed, _, epoch = path.stem.split("-")
        run = int(path.parent.name), int(seed)
        if int(epoch) <= len(ledger.curve(*run)):
            done[run] = max(done.get(run, 0), int(epoch))
    return done


def verdict(found: Found, whole: Found) -> dict[str, int]:
    """Holds a study whose driver was killed against one that nobody disturbed."""
    mine, theirs = (LedgerReader.read(one.folder, clock=time.time) for one in (found, whole))
    columns = ["trial", "seed", "epoch", "loss"]
    rows, expected = (
        set(zip(*ledger.curves().select(columns).to_pydict().values(), strict=True)) for ledger in (mine, theirs)
    )
    trained = found.trained()
    repeated = sum(
        epoch <= done.get((trial, seed), 0) for since, done in found.held for trial, seed, epoch in trained[since:]
    )
    return {
        "seed_epochs": mine.spent,
        "lost": len(expected - rows),
        "repeated": repeated,
        "trained_again": len(trained) - len(set(trained)),
        "outlived": found.outlived,
        "other_decisions": len(set(told(mine)) ^ set(told(theirs))),
    }


def told(ledger: LedgerReader) -> list[tuple[str, int, int | None, str]]:
    """Returns everything decided about trials, reasons included."""
    return [(one.kind, one.trial, one.rung, one.reason) for one in ledger.decisions if one.trial is not None]


def killed(process: subprocess.Popen[bytes]) -> int:
    """Kills the driver alone; returns how many of its processes live on after that."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(children, 5)
    for child in left:
        child.kill()
    return len(left)


if __name__ == "__main__":
    sys.exit(main())
