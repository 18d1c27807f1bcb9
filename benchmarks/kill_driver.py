"""What does killing the driver cost? The quickstart on Ray, killed with -9 at five moments and resumed each time.

    python benchmarks/kill_driver.py [--checkpoints every_epoch] [--seed 0]

Prints one row per kill and the sum of what had to be trained again, checks that no trial was lost or run twice, and
writes benchmarks/results/kill_driver.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import optuna
import psutil
import pyarrow.compute as pc

from tune.ledger.curves.history import EVALUATED
from tune.ledger.curves.store import CurveStore
from tune.ledger.reader import LedgerReader
from tune.study.reading import find, read_study

HERE = Path(__file__).resolve().parent
TRIALS, SEEDS = 9, 5
RUNGS = [{"epochs": epochs, "seeds": SEEDS} for epochs in (2, 6, 18)]
SMALLER = [f"search.trials={TRIALS}", f"rungs={json.dumps(RUNGS)}", "confirm.seeds=1"]  # no final race
PARTS = ("in the first rung", "in the first quarter", "in the second quarter", "in the third quarter", "near the end")
SPANS = ((0.02, 0.08), (0.1, 0.25), (0.3, 0.5), (0.55, 0.75), (0.85, 0.95))
DEADLINE_S = 120.0
BYSTANDERS = ("dashboard/agent.py", "runtime_env/agent/main.py", "DashboardAgent", "RuntimeEnvAgent")  # Ray's names


def main() -> int:
    """Runs the benchmark and returns 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", default="every_rung", choices=("every_rung", "every_epoch"))
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    overrides = [*SMALLER, f"storage.checkpoints={options.checkpoints}"]
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as scratch:
        cwd = Path(scratch)
        folder = cwd / "results" / read_study(find("quickstart"), overrides).name
        rows = killed_and_resumed(cwd, folder, overrides, Random(options.seed))  # noqa: S311
        found = verdict(folder)
    result = {
        "what": "quickstart on the Ray driver, its driver killed with -9 and resumed",
        "overrides": overrides,
        "seed": options.seed,
        "kills": rows,
        **found,
        "seconds": round(time.monotonic() - began, 1),
        "load_before": load,
        "machine": machine(),
        "date": datetime.now(tz=UTC).strftime("%Y-%m-%d"),
    }
    show(result)
    place = HERE / "results" / "kill_driver.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place}")
    return 0 if not found["mistakes"] else 1


def killed_and_resumed(cwd: Path, folder: Path, overrides: list[str], draw: Random) -> list[dict[str, Any]]:
    """Starts the study, kills its driver at each moment, resumes it, and lets it finish."""
    arguments = ["run", "quickstart", *(part for override in overrides for part in ("--set", override))]
    rows: list[dict[str, Any]] = []
    for part, (low, high) in zip(PARTS, SPANS, strict=True):
        moment = int(expected() * draw.uniform(low, high))
        process = start(cwd, arguments)
        end = time.monotonic() + DEADLINE_S
        while progress(folder)["spent"] < moment:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the study did not come to {moment} seed-epochs:\n{(cwd / 'output.txt').read_text()}")
            time.sleep(0.02)
        kill(process)
        now = progress(folder)
        rows.append({"moment": part, "seed_epochs": now["spent"], "at_risk": now["at_risk"], "redone": now["redone"]})
        arguments = ["resume", f"results/{folder.name}"]
    process = start(cwd, arguments)
    if process.wait(DEADLINE_S) != 0:
        raise SystemExit(f"the study did not finish:\n{(cwd / 'output.txt').read_text()}")
    totals = [row.pop("redone") for row in rows] + [progress(folder)["redone"]]
    for row, before, after in zip(rows, totals, totals[1:], strict=False):
        row["redone"] = after - before  # by the process that took over from this one
    return rows


def start(cwd: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Starts `latent-tune`, its output in a file."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tune.cli", *arguments]
    with (cwd / "output.txt").open("wb") as out:
        return subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the driver alone, and waits until the actors that worked for it have noticed.

    Ray's two bystanders (dashboard, runtime environments) would notice only after a minute that they are alone.
    """
    children = psutil.Process(process.pid).children(recursive=True)
    bystanders = [child for child in children if any(part.endswith(BYSTANDERS) for part in child.cmdline())]
    process.kill()
    process.wait()
    _, left = psutil.wait_procs([child for child in children if child not in bystanders], 10)
    for child in [*left, *bystanders]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def expected() -> int:
    """Roughly the seed-epochs of the study: one trial in three climbs from each rung to the next."""
    climbs = [RUNGS[0]["epochs"], *(upper["epochs"] - lower["epochs"] for lower, upper in pairwise(RUNGS))]
    return sum(SEEDS * epochs * (TRIALS // 3**rung) for rung, epochs in enumerate(climbs))


def progress(folder: Path) -> dict[str, int]:
    """Seed-epochs in the curves, each once; rows trained again; those that no checkpoint holds."""
    epochs: dict[tuple[int, int], int] = {}
    rows = 0
    if (folder / "curves").is_dir():
        for stored in CurveStore(folder / "curves", writable=False).tables():
            table = stored
            if EVALUATED in stored.column_names:  # what an evaluation adds was not trained
                table = stored.filter(pc.fill_null(pc.not_equal(stored[EVALUATED], 1), True))
            rows += table.num_rows
            columns = (table[name].to_pylist() for name in ("trial", "seed", "epoch"))
            for trial, seed, epoch in zip(*columns, strict=True):
                epochs[trial, seed] = max(epochs.get((trial, seed), 0), epoch)
    saved: dict[tuple[int, int], int] = {}
    for path in folder.glob("checkpoints/*/seed-*-epoch-*.pt"):
        _, seed, _, epoch = path.stem.split("-")
        run = int(path.parent.name), int(seed)
        if int(epoch) <= epochs.get(run, 0):
            saved[run] = max(saved.get(run, 0), int(epoch))
    spent = sum(epochs.values())
    return {"spent": spent, "redone": rows - spent, "at_risk": spent - sum(saved.values())}


def verdict(folder: Path) -> dict[str, Any]:
    """Looks for trials that were lost, run twice or left open, and for gaps in curves."""
    ledger = LedgerReader.read(folder, clock=time.time)
    numbers = [trial.number for trial in ledger.trials]
    starts = [decision.trial for decision in ledger.decisions if decision.kind == "start"]
    storage = f"sqlite:///{folder / 'study.db'}"
    theirs = optuna.load_study(study_name=ledger.study.name, storage=storage).get_trials(deepcopy=False)
    table = ledger.curves()
    runs: dict[tuple[int, int], list[int]] = {}
    columns = (table[name].to_pylist() for name in ("trial", "seed", "epoch"))
    for trial, seed, epoch in zip(*columns, strict=True):
        runs.setdefault((trial, seed), []).append(epoch)
    checks = {
        "trials lost": numbers != list(range(TRIALS)),
        "trials run twice": starts != numbers,
        "trials left open": not all(trial.confirmed or trial.ended for trial in ledger.trials),
        "Optuna's trials differ": [trial.number for trial in theirs] != numbers
        or not all(trial.state.is_finished() for trial in theirs),
        "gaps in curves": any(epochs != list(range(1, len(epochs) + 1)) for epochs in runs.values()),
        "no trial confirmed": not any(trial.confirmed for trial in ledger.trials),
    }
    return {
        "trials": len(numbers),
        "seed_epochs": ledger.spent,
        "redone": ledger.redone,
        "sessions": [session.ended for session in ledger.sessions],
        "mistakes": [name for name, wrong in checks.items() if wrong],
    }


def machine() -> dict[str, Any]:
    """What this ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def show(result: dict[str, Any]) -> None:
    """Prints the table."""
    print(f"{'killed':<24}{'seed-epochs done':>17}{'at risk':>9}{'redone':>8}")
    for row in result["kills"]:
        print(f"{row['moment']:<24}{row['seed_epochs']:>17}{row['at_risk']:>9}{row['redone']:>8}")
    share = f"{100 * result['redone'] / result['seed_epochs']:.1f}%"
    print(f"{'sum':<24}{result['seed_epochs']:>17}{'':>9}{result['redone']:>8}   ({share})")
    wrong = ", ".join(result["mistakes"]) or "none lost, none run twice, no gap in any curve"
    print(f"{result['trials']} trials, sessions {', '.join(result['sessions'])}: {wrong}; {result['seconds']} s")


if __name__ == "__main__":
    sys.exit(main())
