"""What a trial costs on a real Ray: the pauses between two, and one that does nothing."""

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scale import MARKS, DoNothing, study_of
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.study.study import Study


def pauses_of(marks: Path) -> dict[str, Any]:
    """Returns the share of slot time in which something was trained, after the first unit of each slot, and pauses."""
    by_slot: dict[str, list[tuple[float, float]]] = {}
    for line in marks.read_text(encoding="utf-8").splitlines():
        process, began, ended = line.split()
        by_slot.setdefault(process, []).append((float(began), float(ended)))
    units = [sorted(one) for one in by_slot.values()]
    start, end = max(one[1][0] for one in units), min(one[-1][1] for one in units)
    trained = sum(max(0.0, min(ended, end) - max(began, start)) for one in units for began, ended in one)
    first, *later = sorted(
        [(after[0], after[0] - before[1]) for one in units for before, after in pairwise(one)],
    )
    pauses = sorted(pause for _, pause in later)
    return {
        "slots": len(units),
        "utilisation": round(trained / (len(units) * (end - start)), 4),
        "pause_s_median": round(median(pauses), 3),
        "pause_s_range": [round(pauses[0], 3), round(pauses[-1], 3)],
        "first_pause_s": round(first[1], 3),
    }


def measure_slots(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Works on trials that sleep, on a local Ray."""
    with tempfile.TemporaryDirectory(prefix="latent-tune-scale-", dir=options.folder) as scratch:
        marks = Path(scratch) / "marks"
        os.environ[MARKS] = str(marks)
        changes = {"seeds": [1], "rungs": [{"epochs": 1, "seeds": 1}], "recording": {"sleep_s": options.seconds}}
        with local_ray(2):
            ours(Path(scratch) / "scale", study_of(options.trials[0], **changes))
        found = pauses_of(marks)
    load = round(os.getloadavg()[0], 1)
    row = {"trials": options.trials[0], "trial_s": options.seconds, **found, "load_average": load}
    print(json.dumps(row), flush=True)
    return [row]


def measure_overhead(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Works on trials that do nothing, by turns with ours and with Ray Tune alone."""
    rows = []
    for trials in options.trials:
        with tempfile.TemporaryDirectory(prefix="latent-tune-scale-", dir=options.folder) as scratch:
            row = _overhead(Path(scratch), trials, options.repetitions)
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def _overhead(scratch: Path, trials: int, repetitions: int) -> dict[str, Any]:
    changes = {"seeds": [1], "rungs": [{"epochs": 1, "seeds": 1}]}
    at_random = {"search": {"method": "random", "trials": trials}}
    sides: dict[str, Callable[[Path], None]] = {
        "ours": lambda folder: ours(folder / "scale", study_of(trials, **changes, **at_random)),
        "ours_with_tpe": lambda folder: ours(folder / "scale", study_of(trials, **changes)),
        "stock": lambda folder: stock(folder, trials),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repetitions + 1):
        for name, work in sides.items():
            with local_ray(2):
                began = time.perf_counter()
                work(scratch / f"{name}-{turn}")
                took_s = time.perf_counter() - began
            if turn:  # the first turn imports everything
                taken[name].append(took_s / trials)
    row: dict[str, Any] = {"trials": trials, "load_average": round(os.getloadavg()[0], 1)}
    for name, seconds in taken.items():
        row[f"{name}_s_per_trial"] = [round(one, 4) for one in seconds]
    for name in ("ours", "ours_with_tpe"):
        ratios = sorted(one / other for one, other in zip(taken[name], taken["stock"], strict=True))
        row[f"{name}_to_stock"] = round(median(ratios), 3)
        row[f"{name}_to_stock_range"] = [round(ratios[0], 3), round(ratios[-1], 3)]
    return row


def local_ray(slots: int) -> Any:
    """Starts Ray on this machine with so many CPUs, as the driver does."""
    from tune.drivers.ray.environment import set_environment

    os.environ["RAY_OVERRIDE_RESOURCES"] = json.dumps({"CPU": slots})
    set_environment(None)
    from tune.drivers.ray.connection import cluster

    return cluster(study_of(1))


def ours(folder: Path, study: Study) -> None:
    """Works on a study with the Ray driver."""
    from tune.drivers.ray.driver import drive

    logging.getLogger("latent-tune").addHandler(logging.NullHandler())
    ledger = Ledger.open(study, folder, clock=time.time)
    job = Job(Optimizer(ledger, ledger.elapsed_s), study.recording, DoNothing)
    drive(job)
    job.optimizer.finish()
    ledger.close("finished")


def stock(folder: Path, trials: int) -> None:
    """Runs as many trials with Ray Tune alone as it is shipped, but for its actors, which are reused."""
    from ray import tune as ray_tune

    class Nothing(ray_tune.Trainable):  # type: ignore[misc] # Ray ships no types
        def step(self) -> dict[str, Any]:
            return {"validation_loss": self.config["learning_rate"], "done": True}

        def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
            return True

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
            return {}

    disabled = os.environ.pop("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS")  # by our driver; stock Ray Tune has its loggers
    ray_tune.Tuner(
        ray_tune.with_resources(Nothing, {"cpu": 1}),
        param_space={"learning_rate": ray_tune.loguniform(1e-4, 1e-2)},
        tune_config=ray_tune.TuneConfig(num_samples=trials, reuse_actors=True),
        run_config=ray_tune.RunConfig(name="stock", storage_path=str(folder), verbose=0),
    ).fit()
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = disabled
