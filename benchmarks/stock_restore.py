"""What a killed driver costs: our study, and Ray Tune's own way (`Tuner.restore`, OptunaSearch), under the same kills.

    python -m benchmarks.stock_restore [--kills 5] [--seed 0]

All train the same: 24 settings, 12 epochs each on one seed, two slots, a checkpoint every epoch, settings from Optuna's
TPE. Their drivers are killed with -9 when the same number of epochs has been trained, and then continued the way their
documentation says: ours by the command that started it, Ray's by `Tuner.restore(path, trainable, resume_errored=True)`.
Ray's way is played twice, with OptunaSearch over a SQLite storage and with its study in memory (saved by Ray).

The trainer writes down every epoch that it trains, so what was repeated is counted and not estimated. Prints a table
and writes benchmarks/results/stock_restore.json.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil
import yaml

from benchmarks.record import record

ROOT = Path(__file__).resolve().parents[1]
TRIALS, EPOCHS, SLEEP_S = 24, 12, 0.15
DEADLINE_S = 180.0
WAYS = {
    "ours": "latent-tune",
    "rdb": "Ray Tune, Tuner.restore, OptunaSearch on SQLite",
    "memory": "Ray Tune, Tuner.restore, OptunaSearch in memory",
}


def main() -> int:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--stock", choices=("rdb", "memory"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stock:
        drive_stock(Path.cwd(), options.stock)
        return 0
    draw = Random(options.seed)  # noqa: S311
    moments = sorted(draw.sample(range(10, TRIALS * EPOCHS - 20), options.kills))
    rows = []
    for way in WAYS:
        with tempfile.TemporaryDirectory(prefix="latent-tune-stock-") as scratch:
            rows.append(killed(Path(scratch), way, moments))
            print(show(rows[-1]), flush=True)
    made_by = f"python -m benchmarks.stock_restore --kills {options.kills} --seed {options.seed}"
    what = (
        f"{TRIALS} settings x {EPOCHS} epochs on two slots, the driver killed -9 after so many epochs, then continued"
    )
    record("stock_restore", what, made_by, rows, kills_after_epochs=moments)
    return 0


def killed(cwd: Path, way: str, moments: Sequence[int]) -> dict[str, Any]:
    """Plays one way, killed at each moment and continued; stops when it cannot be continued."""
    if way == "ours":
        (cwd / "study.yaml").write_text(yaml.safe_dump(ours(), sort_keys=False))
    error = ""
    began, survived = time.monotonic(), 0
    for moment in [*moments, None]:
        process = start(cwd, way)
        end = time.monotonic() + DEADLINE_S
        while process.poll() is None and (moment is None or len(trained(cwd)) < moment) and time.monotonic() < end:
            time.sleep(0.02)
        if process.poll() is None:
            kill(process)
            survived += moment is not None
            if moment is None:
                error = f"not done after {DEADLINE_S:.0f} s"
            continue
        if process.returncode != 0:
            lines = [line for line in (cwd / "output.txt").read_text(errors="replace").splitlines() if "Error" in line]
            error = (lines or ["exit code " + str(process.returncode)])[-1].strip()[:300]
            break
        if moment is not None:
            survived += 1
    lines = trained(cwd)
    whole = Counter(line.split()[0] for line in set(lines))
    return {
        "way": WAYS[way],
        "kills": survived,
        "settings_trained_to_the_end": sum(count == EPOCHS for count in whole.values()),
        "settings_begun": len(whole),
        "epochs_trained": len(lines),
        "epochs_repeated": len(lines) - len(set(lines)),
        "results_at_the_end": results(cwd, way),
        "ended": error or "finished",
        "seconds": round(time.monotonic() - began, 1),
    }


def ours() -> dict[str, Any]:
    """The study file of our side."""
    return {
        "name": "stock",
        "trainer": "tests.fakes.trainers:Quadratic",
        "recording": {},
        "fixed": {"sleep_s": SLEEP_S},
        "space": {"x": {"uniform": [0, 1]}},
        "search": {"method": "tpe", "trials": TRIALS},
        "seeds": [1],
        "rungs": [{"epochs": EPOCHS, "seeds": 1}],
        "resources": {"cpus_per_trial": 1},
        "storage": {"checkpoints": "every_epoch"},
    }


def start(cwd: Path, way: str) -> "subprocess.Popen[bytes]":
    """Begins or continues, in a process of its own."""
    command = (
        ["-m", "tune.cli", "run", "study.yaml"] if way == "ours" else ["-m", "benchmarks.stock_restore", "--stock", way]
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "QUADRATIC_LOG": str(cwd / "trained.txt"),
    }
    with (cwd / "output.txt").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills the driver alone, then clears away what Ray leaves."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, left = psutil.wait_procs(family, 5)
    for orphan in left:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()


def trained(cwd: Path) -> list[str]:
    """Every epoch that was trained, as the trainer wrote it down: x, seed, epoch."""
    log = cwd / "trained.txt"
    return [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")] if log.exists() else []


def results(cwd: Path, way: str) -> int:
    """Settings of which a result is known in the end."""
    if way == "ours":
        from tune.ledger.reader import LedgerReader

        folder = cwd / "results" / "stock"
        return sum(trial.confirmed for trial in LedgerReader.read(folder, clock=time.time).trials)
    file = cwd / "done.json"
    return int(json.loads(file.read_text())) if file.exists() else 0


def drive_stock(cwd: Path, storage: str) -> None:
    """Ray Tune as its documentation has it: begins, or restores what is there."""
    import optuna
    import ray
    from ray import tune as ray_tune
    from ray.tune.search.optuna import OptunaSearch

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    experiment = cwd / "ray" / "stock"
    if ray_tune.Tuner.can_restore(str(experiment)):
        tuner = ray_tune.Tuner.restore(str(experiment), stock_trainable, resume_unfinished=True, resume_errored=True)
    else:
        kept = {"storage": optuna.storages.RDBStorage(f"sqlite:///{cwd / 'optuna.db'}"), "study_name": "stock"}
        searcher = OptunaSearch(
            {"x": optuna.distributions.FloatDistribution(0, 1)},
            metric="validation_loss",
            mode="min",
            **(kept if storage == "rdb" else {}),
        )
        tuner = ray_tune.Tuner(
            ray_tune.with_resources(stock_trainable, {"cpu": 1}),
            tune_config=ray_tune.TuneConfig(num_samples=TRIALS, search_alg=searcher, max_concurrent_trials=2),
            run_config=ray_tune.RunConfig(name="stock", storage_path=str(cwd / "ray"), verbose=0),
        )
    grid = tuner.fit()
    whole = sum(1 for one in grid if one.metrics and one.metrics.get("training_iteration") == EPOCHS)
    (cwd / "done.json").write_text(json.dumps(whole))


def stock_trainable(config: dict[str, Any]) -> None:
    """Trains one setting, reporting and saving after each epoch."""
    from ray import tune as ray_tune

    from tests.fakes.trainers import Quadratic

    state = None
    checkpoint = ray_tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            state = {1: json.loads((Path(folder) / "state.json").read_text())}
    trainer = Quadratic({"x": config["x"], "sleep_s": SLEEP_S}, {}, [1], state)
    done = trainer.epochs[1]
    for metrics in trainer.train(EPOCHS - done):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.json").write_text(json.dumps(trainer.state()[1]))
            said = {"validation_loss": metrics["validation_loss"][0]}
            ray_tune.report(said, checkpoint=ray_tune.Checkpoint.from_directory(folder))


def show(row: dict[str, Any]) -> str:
    """Returns one line of the table."""
    return (
        f"{row['way']:<50} {row['results_at_the_end']:>3} of {TRIALS} results, {row['epochs_repeated']:>4} of "
        f"{row['epochs_trained']:>4} epochs repeated, {row['kills']} kills, {row['seconds']:>6.1f} s: {row['ended']}"
    )


if __name__ == "__main__":
    sys.exit(main())
