"""How long does a large study take to go on? From `latent-tune resume` to the first epoch trained.

    python -m benchmarks.resume [--trials 1000] [--repetitions 5]

A study of so many trials is played into a real ledger (Optuna study, curves, decisions; losses from a formula), and left
as a killed process leaves it. Then the command line is started on it, with the inline driver and with Ray in turn,
until its trainer has written down an epoch, and killed. Beside each stands the same with a study of one trial, which
is what Python, torch and Ray take to start. Writes benchmarks/results/resume.json.
"""

import argparse
import json
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
from tests.fakes.ledgers import Clock, Player
from tune.drivers.job import Manner, Unit
from tune.ledger import Ledger
from tune.study import Study
from tune.trainer import load_trainer

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
        large, small = (played(Path(scratch) / name, count) for name, count in (("large", options.trials), ("small", 1)))
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
                    "decisions": len(Ledger.read(large, clock=time.time).decisions),
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


def study(trials: int) -> Study:
    """A study of so many trials and more to come."""
    given: dict[str, Any] = {
        "name": "large",
        "trainer": "tests.fakes.trainers:Quadratic",
        "recording": {},
        "space": {"x": {"uniform": [0, 1]}, "fragile": {"choice": [False, True]}},
        "search": {"method": "tpe", "trials": trials + 10},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 27, "seeds": 5}],
        "resources": {"cpus_per_trial": 1},
    }
    return Study.model_validate(given)


def played(cwd: Path, trials: int) -> Path:
    """Plays a study until it has so many trials; its last is in the middle of its training."""
    folder, clock = cwd / "large", Clock(time.time() - 10_000_000)
    random = study(trials).model_copy(update={"search": study(trials).search.model_copy(update={"method": "random"})})
    ledger = Ledger.open(random, folder, clock=clock, detail={"driver": "inline"})

    def loss(parameters: Any, seed: int, epoch: int) -> float:
        return float((parameters["x"] - 0.3) ** 2 + 0.1 + 0.5 / epoch + 1e-6 * seed)

    Player(ledger, clock, loss).play(after_each=lambda: enough(ledger, trials))
    return folder


def enough(ledger: Ledger, trials: int) -> None:
    """Stops the play."""
    if len(ledger.trials) >= trials and ledger.trials[-1].reached:
        ledger.close("interrupted")


if __name__ == "__main__":
    sys.exit(main())
