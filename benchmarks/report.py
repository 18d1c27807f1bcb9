"""How long a report takes, and how large it is: of ten trials, and of a thousand, with five seeds and thirty epochs.

    python -m benchmarks.report            # writes benchmarks/results/report.json; takes a few minutes

Every trial is trained in full, as in a random search without early stopping, which is the most that a report can have
to show; losses come from a formula. Filling the ledgers is not timed. Each report is written by a process of its own,
imports included, three times in turn; the median counts, least and greatest stand beside it, and the processor time,
because the machine may be shared. Required: 20 s and 15 MB for the large one, 5 s for the small one.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from benchmarks.record import record
from tests.fakes.clock import Clock
from tests.fakes.ledgers import BASELINE, latent_loss, latent_study
from tune.ledger.curves.files import KEY, schema_of, write_parquet
from tune.ledger.ledger import Ledger
from tune.scoring.score import score

_SIZES = {"small": 10, "large": 1000}
_REQUIRED_S = {"small": 5.0, "large": 20.0}
_MOST_MB = 15.0
_ROUNDS = 3
_EPOCHS = 30
_WRITE = """\
import resource, sys, time
from pathlib import Path
start = time.perf_counter()
from tune.ledger.reader import LedgerReader
from tune.ledger.curves.files import KEY, schema_of, write_parquet
from tune.views.report.page import write_report
from tune.views.results import gather
write_report(gather(LedgerReader.read(Path(sys.argv[1]), clock=time.time)))
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime)
"""


def main() -> None:
    """Plays both ledgers, times their reports in turn, prints a line for each and stores them."""
    with TemporaryDirectory() as place:
        folders = {name: _fill(Path(place) / name, trials) for name, trials in _SIZES.items()}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
        for _ in range(_ROUNDS):
            for name, folder in folders.items():
                times[name].append(_write(folder))
        rows = [_row(name, folders[name], times[name]) for name in folders]
    for row in rows:
        print(
            f"{row['trials']} trials: {row['seconds']:.1f} s ({row['least_s']:.1f} to {row['greatest_s']:.1f}; "
            f"{row['processor_s']:.1f} s of processor time), {row['html_mb']:.1f} MB; "
            f"required {row['required_s']:.0f} s"
        )
    record("report", "Time to write a report, and its size", "python -m benchmarks.report", rows, most_mb=_MOST_MB)


def _fill(folder: Path, trials: int) -> Path:
    """Writes a finished study of trials drawn at random."""
    start = time.perf_counter()
    study = latent_study(
        search={"method": "random", "trials": trials, "seed": 90},
        rungs=[{"epochs": _EPOCHS, "seeds": 5}],
        confirm={"seeds": 5},
    )
    clock = Clock()
    ledger = Ledger.open(study, folder, clock=clock, detail={"driver": "inline"})
    ledger.set_baseline({"validation_loss": BASELINE})
    rows: dict[str, list[float]] = {}
    for number in range(trials):
        parameters = _drawn(Random(number))  # noqa: S311 - nothing secret
        ledger.decide("start", number, 0, "drawn at random", {"parameters": parameters})
        clock.sleep(float(_EPOCHS))
        losses = _train(rows, number, parameters, study.seeds)
        total = score(list(losses.values()), BASELINE, study.score)
        told = {str(seed): loss if isfinite(loss) else None for seed, loss in losses.items()}
        ledger.decide("reach", number, 0, "", {"score": total, "losses": told, "confirmed": True})
    ledger.close("finished")
    table = pa.table(rows, schema=schema_of(list(rows)[len(KEY) :]))
    with (folder / "curves" / "000001.parquet").open("wb") as file:
        write_parquet(file, table)
    print(f"filled {trials} trials, {table.num_rows:,} rows, in {time.perf_counter() - start:.0f} s", flush=True)
    return folder


def _drawn(random: Random) -> dict[str, Any]:
    return {
        "learning_rate": 10 ** random.uniform(-4, -2),
        "batch_size": random.choice([16, 64, 256]),
        "latent_dims": round(4 * 16 ** random.random()),
        "use_batch_norm": random.random() < 0.5,
    }


def _train(
    rows: dict[str, list[float]], number: int, parameters: dict[str, Any], seeds: Sequence[int]
) -> dict[int, float]:
    """Adds every epoch of a trial to the columns, and returns its last losses by seed."""
    last: dict[int, float] = {}
    for epoch in range(1, _EPOCHS + 1):
        for seed in seeds:
            last[seed] = latent_loss(parameters, seed, epoch)
            row = {
                "trial": number,
                "seed": seed,
                "epoch": epoch,
                "train_loss": last[seed] * 1.2,
                "validation_loss": last[seed],
                "grad_norm": 1 / epoch,
                "seconds": 0.5 + 1e-6 * number,
                "samples_per_second": parameters["batch_size"] * 20.0,
            }
            for name, value in row.items():
                rows.setdefault(name, []).append(value)
    return last


def _write(folder: Path) -> tuple[float, float]:
    """Returns wall and processor seconds of one report, imports included."""
    command = [sys.executable, "-c", _WRITE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, processor = map(float, done.stdout.split())
    return wall, processor


def _row(name: str, folder: Path, times: list[tuple[float, float]]) -> dict[str, Any]:
    walls = [wall for wall, _ in times]
    return {
        "trials": _SIZES[name],
        "seconds": median(walls),
        "least_s": min(walls),
        "greatest_s": max(walls),
        "processor_s": median(processor for _, processor in times),
        "required_s": _REQUIRED_S[name],
        "html_mb": (folder / "report.html").stat().st_size / 1e6,
        "markdown_kb": (folder / "report.md").stat().st_size / 1e3,
        "figures_kb": sum(path.stat().st_size for path in (folder / "figures").iterdir()) / 1e3,
    }


if __name__ == "__main__":
    main()
