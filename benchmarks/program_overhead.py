"""What does a unit of a program cost beyond the program itself? Its guardian, folders, log, reading, and end.

    python -m benchmarks.program_overhead [--repetitions 15]

A program that starts Python, tells one epoch and ends is run alone, and as a unit of work of a study (one seed, one
epoch, with its checkpoint), by turns. Writes benchmarks/results/program-overhead.json.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.record import record
from tests.fakes.clock import Clock
from tune.adapters.loading import load
from tune.drivers.reports import EpochReport
from tune.drivers.unit import TrainingSettings, Unit
from tune.ledger.ledger import Ledger
from tune.optimizer.work import Work
from tune.study.study import Study

TARGET_S = 0.3
PROGRAM = "print('epoch 1 loss=0.5')"
WAYS: dict[str, dict[str, Any]] = {
    "lines": {"metrics": {"lines": r"epoch (?P<epoch>\d+) loss=(?P<validation_loss>\S+)"}},
    "checkpoint": {
        "metrics": {"lines": r"epoch (?P<epoch>\d+) loss=(?P<validation_loss>\S+)"},
        "environment": {"FOLDER": "{checkpoint}"},
    },
}


def main() -> int:
    """Runs the benchmark; returns 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions
    rows = []
    with tempfile.TemporaryDirectory(prefix="latent-tune-program-") as scratch:
        for way, keys in WAYS.items():
            alone, units = [], []
            work_of = unit_maker(Path(scratch) / way, keys)
            for number in range(repetitions + 1):  # the first one is not counted
                alone.append(timed(subprocess.check_output, [sys.executable, "-c", PROGRAM]))
                units.append(timed(train, work_of(number)))
            beyond = [unit - one for unit, one in zip(units[1:], alone[1:], strict=True)]
            rows.append({
                "way": way,
                "alone_s": round(median(alone[1:]), 4),
                "unit_s": round(median(units[1:]), 4),
                "overhead_s": round(median(beyond), 4),
                "overhead_range_s": [round(min(beyond), 4), round(max(beyond), 4)],
            })  # fmt: skip
            print(rows[-1])
    what = "seconds of a unit of work of a program (one seed, one epoch) beyond those of the program alone"
    made_by = f"python -m benchmarks.program_overhead --repetitions {repetitions}"
    record("program-overhead", what, made_by, rows, target_s=TARGET_S)
    return int(any(row["overhead_s"] > TARGET_S for row in rows))


def unit_maker(folder: Path, keys: dict[str, Any]) -> Any:
    """Returns what makes units of trials of a study of the program."""
    study = Study.model_validate({
        "name": "overhead", "program": {"command": [sys.executable, "-c", PROGRAM], **keys},
        "space": {"x": {"uniform": [0, 1]}}, "seeds": [1], "rungs": [{"epochs": 1, "seeds": 1}],
    })  # fmt: skip
    ledger = Ledger.open(study, folder, clock=Clock())
    settings, trainer = TrainingSettings.of(ledger), load(study)
    ledger.close("interrupted")
    return lambda number: Unit(lambda: trainer, {}, Work(number, {"x": 0.5}, (1,), 0, 1), settings)


def train(unit: Unit) -> None:
    """Trains a unit to its end."""
    news = list(unit.news())
    unit.close()
    assert [type(item) for item in news] == [EpochReport], news


def timed(do: Callable[[Any], object], argument: Any) -> float:
    """Returns the seconds that something takes."""
    began = time.perf_counter()
    do(argument)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
