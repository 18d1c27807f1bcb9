"""How long a report takes, and how large it is: of ten trials, and of a thousand with five seeds and thirty epochs each.

    python -m benchmarks.report            # writes benchmarks/results/report.json; takes a few minutes

The ledgers are played: the optimizer decides, losses come from a formula. Playing them is not timed. Each report is
written by a process of its own, imports included, three times in turn; the median counts, least and greatest stand
beside it. Required: 20 s and 15 MB for the large one, 5 s for the small one.
"""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import record
from tests.fakes.ledgers import latent_study, played

_SIZES = {"small": 10, "large": 1000}
_REQUIRED_S = {"small": 5.0, "large": 20.0}
_MOST_MB = 15.0
_ROUNDS = 3
_WRITE = """\
import resource, sys, time
from pathlib import Path
start = time.perf_counter()
from tune.ledger import Ledger
from tune.report.page import write_report
write_report(Ledger.read(Path(sys.argv[1]), clock=time.time))
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime)
"""


def main() -> None:
    """Plays both ledgers, times their reports in turn, prints a line for each and stores them."""
    with TemporaryDirectory() as place:
        folders = {name: _play(Path(place) / name, trials) for name, trials in _SIZES.items()}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
        for _ in range(_ROUNDS):
            for name, folder in folders.items():
                times[name].append(_write(folder))
        rows = [_row(name, folders[name], times[name]) for name in folders]
    for row in rows:
        print(
            f"{row['trials']} trials: {row['seconds']:.1f} s ({row['least_s']:.1f} to {row['greatest_s']:.1f}; "
            f"{row['processor_s']:.1f} s of processor time), {row['html_mb']:.1f} MB; required {row['required_s']:.0f} s"
        )
    record("report", "Time to write a report, and its size", "python -m benchmarks.report", rows, most_mb=_MOST_MB)


def _play(folder: Path, trials: int) -> Path:
    start = time.perf_counter()
    study = latent_study(
        search={"method": "random", "trials": trials, "seed": 90},
        rungs=[{"epochs": 30, "seeds": 5}],
        confirm={"seeds": 5},
    )
    ledger = played(folder, study)
    print(f"played {trials} trials, {ledger.spent:,} seed-epochs, in {time.perf_counter() - start:.0f} s", flush=True)
    return ledger.folder


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
