"""What does the tuner itself cost, and does that stay the same as a study grows?

    python -m benchmarks.scale decisions [--trials 100 1000 10000] [--slots 64] [--folder DIR]
    python -m benchmarks.scale slots [--trials 12] [--seconds 10]
    python -m benchmarks.scale overhead [--trials 40 200] [--repetitions 3]

`decisions`: studies of so many trials on five seeds and four rungs, whose trainer does nothing, are worked on by the
simulated driver, on virtual slots, with the live view and TensorBoard. Measured are CPU seconds of what every driver
asks of the tuner (`Job.next_work`, `Job.take`), not of the units of work; peak memory; what the study takes on disk;
and CPU seconds to open it, for its status and for its report. CPU seconds because other programs on the machine
lengthen every wall clock; each study runs in a process of its own. `--folder` may lie in memory (/dev/shm), where
waiting for a disk takes no time; it uses no CPU either way. Beside the average over each study stands what a decision
costs while a study has about 100, 1,000 and 10,000 trials: a small study is mostly its beginning, where nothing is
known yet and little to be computed.

`slots`: trials that sleep, on two slots of a local Ray: the share of slot time in which something was trained, from
when both slots have begun their second trial until one has nothing left, and the time from one trial's end to the next
one's beginning on the same slot. The first such pause of all is said apart.

`overhead`: wall seconds per trial that does nothing on two slots of a local Ray just started: ours, and Ray Tune alone
with reused actors, one after the other, again and again. Both keep what comes of a trial: ours in the ledger, Ray Tune
in the files that it writes unless it is told not to. Both draw their settings at random, and neither loads PyTorch;
`ours_with_tpe` is a study whose settings TPE suggests. Starting and ending a run is part of it on all sides.

Each writes its part of benchmarks/results/scale.json.
"""

import argparse
import io
import json
import logging
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks.record import RESULTS, record
from tune.drivers.job import Job
from tune.ledger import Ledger
from tune.optimizer import Optimizer, Work
from tune.study import Study

MIB = 2**20
_MARKS = "SCALE_MARKS"


class DoNothing:
    """A loss from a formula, of which some settings fail on some seeds; `recording.sleep_s` is slept per epoch.

    The file named by `SCALE_MARKS` gets a line for each unit: process, when it began and ended (monotonic seconds).
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self.began = time.monotonic()
        self.config, self.seeds, self.sleep_s = config, seeds, float(recording.get("sleep_s", 0))
        self.epochs = {seed: (state or {}).get(seed, {"epoch": 0})["epoch"] for seed in seeds}

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Yields an epoch after the other."""
        for left in reversed(range(epochs)):
            time.sleep(self.sleep_s)
            losses = [self.loss(seed) for seed in self.seeds]
            if not left and _MARKS in os.environ:
                with Path(os.environ[_MARKS]).open("a", encoding="utf-8") as file:
                    file.write(f"{os.getpid()} {self.began} {time.monotonic()}\n")
            yield {"validation_loss": losses, "train_loss": losses, "seconds": [1.0] * len(losses)}

    def loss(self, seed: int) -> float:
        """Returns the loss after one more epoch."""
        self.epochs[seed] += 1
        chance = Random(f"{self.config['learning_rate']} {seed}")  # noqa: S311
        if self.config["use_batch_norm"] and self.config["batch_size"] == 16 and chance.random() < 0.3:
            return 0.05
        far = abs(math.log10(self.config["learning_rate"]) + 3)
        return 0.02 + 0.03 * far + 0.02 / (1 + self.epochs[seed]) + chance.gauss(0, 0.0005)

    def state(self) -> dict[int, Any]:
        """Returns how far each seed is."""
        return {seed: {"epoch": epoch} for seed, epoch in self.epochs.items()}

    def baseline(self) -> dict[str, float]:
        """Returns a loss that the settings which fail do not reach."""
        return {"validation_loss": 0.0355}

    def close(self) -> None:
        """Nothing to free."""


def study_of(trials: int, **changes: Any) -> Study:
    """A study of so many trials, five seeds and four rungs."""
    given: dict[str, Any] = {
        "name": "scale",
        "trainer": "benchmarks.scale:DoNothing",
        "recording": {},
        "space": {
            "learning_rate": {"log_uniform": [1e-4, 1e-2]},
            "batch_size": {"choice": [16, 64, 256]},
            "latent_dims": {"int": [4, 64], "log": True},
            "use_batch_norm": {"choice": [True, False]},
        },
        "search": {"method": "tpe", "trials": trials},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": epochs, "seeds": 5} for epochs in (1, 3, 9, 27)],
        "resources": {"cpus_per_trial": 1},
    }
    return Study.model_validate({**given, **changes})


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

    from tune.callbacks.progress import Progress
    from tune.callbacks.tensorboard import TensorBoard
    from tune.drivers.simulated import VirtualClock, drive

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
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
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
    from tune.report.page import write_report
    from tune.report.status import status

    found: dict[str, Any] = {}

    def clocked(name: str, call: Any) -> Any:
        began = time.process_time()
        result = call()
        found[name] = round(time.process_time() - began, 2)
        return result

    ledger = clocked("read_cpu_s", lambda: Ledger.read(folder, clock=time.time))
    clocked("status_cpu_s", lambda: status(ledger))
    clocked("report_cpu_s", lambda: write_report(ledger))
    clocked("open_cpu_s", lambda: Ledger.open(ledger.study, folder, clock=time.time)).close("interrupted")
    rows = ledger.curves().num_rows
    sizes = {"ledger_mib": folder / "study.db", "curves_mib": folder / "curves"}
    found |= {name: round(size_of(path) / MIB, 2) for name, path in sizes.items()}
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
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
    """Plays studies of several sizes."""
    rows = []
    for trials in options.trials:
        with tempfile.TemporaryDirectory(prefix="latent-tune-scale-", dir=options.folder) as scratch:
            place = ["--folder", f"{scratch}/scale", "--slots", str(options.slots), "--trials", str(trials)]
            row = {**alone("one", *place), **alone("look", *place)}
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


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
        os.environ[_MARKS] = str(marks)
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
    from tune.drivers.ray_environment import set_environment

    os.environ["RAY_OVERRIDE_RESOURCES"] = json.dumps({"CPU": slots})
    set_environment(None)
    from tune.drivers.ray_connection import cluster

    return cluster(study_of(1))


def ours(folder: Path, study: Study) -> None:
    """Works on a study with the Ray driver."""
    from tune.drivers.ray_tune import drive

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


def main() -> int:
    """Runs one part of the benchmark, and puts it into the results beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["decisions", "slots", "overhead", "one", "look"])
    parser.add_argument("--trials", type=int, nargs="+")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    given = {"decisions": [100, 1000, 10_000], "slots": [12], "overhead": [40, 200]}
    options.trials = options.trials or given.get(options.part)
    if options.part == "one":
        print(json.dumps(decisions(options.trials[0], options.slots, options.folder)))
    elif options.part == "look":
        print(json.dumps(looked_at(options.folder)))
    else:
        measure = {"decisions": measure_decisions, "slots": measure_slots, "overhead": measure_overhead}[options.part]
        rows = [{"part": options.part, **row} for row in measure(options)]
        path = RESULTS / "scale.json"
        there = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        rows = [row for row in there if row["part"] != options.part] + rows
        record("scale", "what the tuner itself costs", "python -m benchmarks.scale decisions | slots | overhead", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
