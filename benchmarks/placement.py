"""What it is worth to train the seeds of a trial in several actors: studies with few trials on many slots.

    python -m benchmarks.placement [--repetitions 5] [--dry]

Each study is played in virtual time, packed, spread and auto, with the same randomness: the formula of
`benchmarks.tabular`, trials with five seeds. A slot is a device of its own. What an epoch of S seeds together costs, in
epochs of one seed, is the one thing that matters, and differs: S where a seed fills its device (a CPU core, a wide
model), `1 + 0.1 (S - 1)` where one leaves most of it idle (a small model on a GPU). Ratios are taken within a
repetition. Writes benchmarks/results/placement.json.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from math import nan
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.record import record
from benchmarks.search import SCRATCH, quiet
from benchmarks.tabular import EPOCHS, TabularTrainer, load

PLACEMENTS = ("packed", "spread", "auto")
SLOTS = 16
STUDIES: dict[str, dict[str, Any]] = {
    "3 trials x 5 seeds": {"search": {"method": "random", "trials": 3}, "rungs": [{"epochs": 27, "seeds": 5}]},
    "24 trials, a ladder of three rungs": {
        "search": {"method": "random", "trials": 24},
        "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 27, "seeds": 5}],
    },
    "32 trials x 5 seeds": {"search": {"method": "random", "trials": 32}, "rungs": [{"epochs": 27, "seeds": 5}]},
}
"""Fewer trials than slots; a ladder that narrows; work for all slots all the time."""
TOGETHER = {"a seed fills its device": 1.0, "a seed leaves most of it idle": 0.1}
"""What each further seed adds to an epoch of one."""


class Timed(TabularTrainer):
    """Says that an epoch of S seeds takes as long as the recording's `further` makes it."""

    def __init__(self, config: Any, recording: Any, seeds: Any, state: Any = None) -> None:
        super().__init__(config, recording, seeds, state)
        self._lasts = 1 + recording["further"] * (len(self._seeds) - 1)

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Yields the stored metrics, and a time of our own."""
        for metrics in super().train(epochs):
            yield {**metrics, "seconds": [self._lasts] * len(self._seeds)}


class Played(NamedTuple):
    """One study, played: how long it took in virtual seconds, and the share of all slots that trained meanwhile."""

    makespan: float
    busy: float
    confirmed: int


def play(study_name: str, further: float, placement: str, seed: int) -> Played:
    """Plays a study on 16 slots."""
    from tune.drivers.job import Job
    from tune.drivers.simulated import VirtualClock, drive
    from tune.ledger.ledger import Ledger
    from tune.optimizer.optimizer import Optimizer
    from tune.study.study import Study

    changes = STUDIES[study_name]
    study = Study.model_validate(
        {
            "name": "placement",
            "trainer": "benchmarks.placement:Timed",
            "recording": {"objective": "analytic", "further": further},
            "space": load("analytic").space,
            "seeds": [0, 1, 2, 3, 4],
            **changes,
            "search": {**changes["search"], "seed": seed},
            "resources": {"placement": placement},
            "storage": {"min_free": 0},
        }
    )
    folder = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="latent-tune-"))
    try:
        ledger, clock = Ledger.open(study, folder / study.name, clock=time.time), VirtualClock()
        optimizer = Optimizer(ledger, clock)
        drive(Job(optimizer, study.recording, Timed), SLOTS, clock)
        optimizer.finish()
        confirmed = sum(trial.confirmed for trial in ledger.trials)
        # Where seeds share an epoch's seconds, each of them was told the whole.
        rows = ledger.curves().to_pylist()
        ledger.close("finished")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # An epoch of S seeds lasts 1 + further (S - 1) seconds, so one of its S rows stands for the S-th part of it.
    trained = sum(row["seconds"] / ((row["seconds"] - 1) / further + 1) for row in rows)
    return Played(clock(), trained / (SLOTS * clock()), confirmed)


def main() -> None:
    """Plays all of them, prints and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    quiet()
    rows = []
    print(f"{'':<36}{'placement':<10}{'makespan':>9}{'packed / it':>13}{'(range)':>16}{'slots busy':>12}")
    for study in STUDIES:
        for said, further in TOGETHER.items():
            print(f"{study}; {said}")
            repeated = range(options.repetitions)
            played = {name: [play(study, further, name, seed) for seed in repeated] for name in PLACEMENTS}
            for name, results in played.items():
                ratios = [packed.makespan / one.makespan for packed, one in zip(played["packed"], results, strict=True)]
                row = {
                    "study": study,
                    "each_further_seed_costs": further,
                    "placement": name,
                    "makespan_s": median(one.makespan for one in results),
                    "packed_by_this": median(ratios) if ratios else nan,
                    "range": [min(ratios), max(ratios)],
                    "slots_busy": median(one.busy for one in results),
                    "confirmed": median(one.confirmed for one in results),
                }
                rows.append(row)
                spread = f"({min(ratios):.2f}–{max(ratios):.2f})"
                print(
                    f"{'':<36}{name:<10}{row['makespan_s']:>9.1f}{row['packed_by_this']:>13.2f}{spread:>16}"
                    f"{row['slots_busy']:>12.0%}"
                )
    if not options.dry:
        what = f"makespan in virtual seconds (epochs of one seed alone) on {SLOTS} slots, medians over repetitions"
        made_by = f"python -m benchmarks.placement --repetitions {options.repetitions}"
        record("placement", what, made_by, rows, slots=SLOTS, epochs=EPOCHS)


if __name__ == "__main__":
    main()
