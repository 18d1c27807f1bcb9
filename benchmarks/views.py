"""What the live view costs: a study of a thousand trials, played, with the view on a terminal of 120 x 40.

    python -m benchmarks.views [--trials 100 1000] [--slots 8]     # writes benchmarks/results/views.json; a minute

The optimizer decides, losses come from a formula, and time from a counter: each of the slots reports once a second, as
trainers do through Ray, and the view is told of every report; once a second of this time it is drawn again. Measured is
the CPU time of both in this thread, divided by the time that the study took by the counter: the share of a core that
the view would have used. It is said of the whole study and of each quarter of it, because it must not grow. Required:
less than 1 % of a core at 1,000 trials. SciPy, which the results of a study need in any case, is imported before.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import scipy.stats  # noqa: F401
from rich.console import Console

from benchmarks.record import record
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.ledger import Ledger
from tune.views.live.progress import Progress

_MOST_PERCENT = 1.0


class Watched(Clock):
    """A clock that goes on from report to report, and has the view follow.

    Args:
        slots: How many report once a second.
    """

    def __init__(self, slots: int) -> None:
        super().__init__()
        self._slots = slots
        self.progress: Progress | None = None
        self.refreshed: list[float] = []
        self.redrawn: list[float] = []
        self._drawn = self.now

    def sleep(self, seconds: float) -> None:
        """A report, of one of the slots."""
        super().sleep(seconds / self._slots)
        if self.progress is None:
            return
        self.refreshed.append(self._timed(self.progress.refresh))
        if self.now - self._drawn >= 1.0:
            self._drawn = self.now
            self.redrawn.append(self._timed(self.progress.redraw))

    def _timed(self, call: Any) -> float:
        began = time.thread_time()
        call()
        return time.thread_time() - began


def main() -> None:
    """Plays the studies, prints a line for each and stores them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--slots", type=int, default=8)
    options = parser.parse_args()
    rows = []
    for trials in options.trials:
        with TemporaryDirectory() as place:
            row = measure(Path(place) / "views", trials, options.slots)
        rows.append(row)
        quarters = ", ".join(f"{one:.2f}" for one in row["percent_by_quarter"])
        print(
            f"{trials} trials, {row['reports']:,} reports in {row['wall_s']:,.0f} s: "
            f"{row['percent_of_a_core']:.2f}% of a core (by quarter {quarters}; required: less than "
            f"{_MOST_PERCENT:g}); {row['redraw_ms']:.2f} ms a redraw, {row['report_ms']:.3f} ms a report"
        )
    record("views", "What the live view costs", "python -m benchmarks.views", rows, required_percent=_MOST_PERCENT)


def measure(folder: Path, trials: int, slots: int) -> dict[str, Any]:
    """Plays one study with its live view, and says what the view cost."""
    study = latent_study(
        search={"method": "random", "trials": trials, "seed": 90},
        rungs=[{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 27, "seeds": 5}],
        confirm={"seeds": 5},
    )
    clock = Watched(slots)
    ledger = Ledger.open(study, folder, clock=clock, detail={"driver": "inline"})
    player = Player(ledger, clock)
    with Path(os.devnull).open("w", encoding="utf-8") as terminal:
        console = Console(file=terminal, force_terminal=True, color_system="256", width=120, height=40)
        clock.progress = Progress(ledger, lambda: player.optimizer.in_flight, console, clock)
        began = clock.now
        clock.progress.start()
        player.play()
        wall_s = clock.now - began
        clock.progress.stop()
    ledger.close("finished")
    total = sum(clock.refreshed) + sum(clock.redrawn)
    quarters = [_part(clock.refreshed, at) + _part(clock.redrawn, at) for at in range(4)]
    return {
        "trials": trials,
        "slots": slots,
        "decisions": len(ledger.decisions),
        "reports": len(clock.refreshed),
        "redraws": len(clock.redrawn),
        "wall_s": round(wall_s, 1),
        "cpu_s": round(total, 3),
        "percent_of_a_core": round(100 * total / wall_s, 3),
        "percent_by_quarter": [round(400 * one / wall_s, 3) for one in quarters],
        "redraw_ms": round(1e3 * sum(clock.redrawn) / len(clock.redrawn), 3),
        "report_ms": round(1e3 * sum(clock.refreshed) / len(clock.refreshed), 4),
    }


def _part(costs: list[float], quarter: int) -> float:
    """Returns the sum of a quarter of costs that came at equal distances."""
    return sum(costs[quarter * len(costs) // 4 : (quarter + 1) * len(costs) // 4])


if __name__ == "__main__":
    main()
