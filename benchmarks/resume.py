"""How long does a large study take to go on? From `latent-tune resume` to the first epoch trained.

    python -m benchmarks.resume [--trials 1000] [--repetitions 5]

A study of so many trials is played into a real ledger (Optuna study, curves, decisions; losses from a formula) and
interrupted. Then the command line goes on with it, with the inline driver and with Ray, until its trainer has written
down an epoch: of a new trial, suggested by TPE from all the others. Beside each stands the same with a study of one
trial, which is what Python, torch and Ray take to start. Writes benchmarks/results/resume.json.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.record import record
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_S = 120.0


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="latent-tune-resume-") as scratch:
        began = time.monotonic()
        large, small = (
            played(Path(scratch) / name, count) for name, count in (("large", options.trials), ("small", 1))
        )
        print(f"made in {time.monotonic() - began:.0f} s")
        for driver in ("inline", "ray"):
            taken: dict[str, list[float]] = {"large": [], "small": []}
            for _ in range(options.repetitions):
                for name, folder in (("small", small), ("large", large)):
                    taken[name].append(first_epoch_s(folder, driver, Path(scratch) / "again"))
            rows.append(
                {
                    "driver": driver,
                    "trials": options.trials,
                    "decisions": len(LedgerReader.read(large, clock=time.time).decisions),
                    "seconds": [round(one, 2) for one in taken["large"]],
                    "seconds_of_one_trial": [round(one, 2) for one in taken["small"]],
                }
            )
            spread = f"{min(taken['large']):.1f} to {max(taken['large']):.1f}"
            print(
                f"{driver:<8} {options.trials:,} trials: {median(taken['large']):.1f} s ({spread}); "
                f"one trial: {median(taken['small']):.1f} s",
                flush=True,
            )
    what = "seconds from `latent-tune resume` to the first epoch trained"
    record("resume", what, f"python -m benchmarks.resume --trials {options.trials}", rows)
    return 0


def played(cwd: Path, trials: int) -> Path:
    """Plays a study until it has so many trials, and interrupts it; settings are drawn at random, which is quick."""
    given: dict[str, Any] = {
        "name": "large",
        "trainer": "tests.fakes.trainers:Quadratic",
        "recording": {},
        "space": {"x": {"uniform": [0, 1]}, "fragile": {"choice": [False, True]}},
        "search": {"method": "random", "trials": trials + 10},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 27, "seeds": 5}],
        "resources": {"cpus_per_trial": 1},
        "budget": {"wall_clock": 1e9},
    }
    clock = Clock(time.time() - 1e7)
    ledger = Ledger.open(Study.model_validate(given), cwd / "large", clock=clock, detail={"driver": "inline"})
    player = Player(ledger, clock, lambda point, seed, epoch: (point["x"] - 0.3) ** 2 + 0.5 / epoch + 1e-6 * seed)
    while len(ledger.trials) < trials or not ledger.trials[-1].reached:
        player.play(units=1)
    ledger.close("interrupted")
    return cwd / "large"


def first_epoch_s(folder: Path, driver: str, cwd: Path) -> float:
    """Returns the seconds from the command to the first epoch that a copy of a study trains."""
    shutil.rmtree(cwd, ignore_errors=True)
    shutil.copytree(folder, cwd / "large")
    log = cwd / "trained.txt"
    command = [sys.executable, "-m", "tune.cli", "resume", "large", "--driver", driver, "--set", "search.method=tpe"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "QUADRATIC_LOG": str(log)}
    began = time.monotonic()
    with (cwd / "output.txt").open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=out, start_new_session=True)
    while not (log.exists() and log.stat().st_size):
        if process.poll() is not None or time.monotonic() - began > DEADLINE_S:
            raise SystemExit(f"nothing was trained:\n{(cwd / 'output.txt').read_text()}")
        time.sleep(0.01)
    taken = time.monotonic() - began
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(family, 5)
    for orphan in left:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    return taken


if __name__ == "__main__":
    sys.exit(main())
