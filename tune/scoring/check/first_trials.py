"""The short form of a check: what the first trial at each rung of a study shows, which costs nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from tune.ledger.reader import LedgerReader
from tune.scoring.check.items import Evidence, Item
from tune.scoring.check.learning import learning
from tune.scoring.check.measured import Epoch, Probed
from tune.scoring.check.soundness import soundness

_OWN = ("trial", "seed", "epoch")

_TOLD = {
    "seeds differ": ("no-go",),
    "splits": ("no-go",),
    "schedule": ("warning",),
    "collapse": ("warning",),
    "spikes": ("warning",),
    "gradient norm": ("warning",),
}
"""What one trial at one setting can show, and which verdicts are told: that its loss is poor says nothing of others."""


def first_trial(ledger: LedgerReader, rung: int) -> list[Item]:
    """Returns what is to be told of the first trial that has reached a rung; nothing before there is one.

    Args:
        ledger: Of a study; its curves are read.
        rung: Index of the rung.
    """
    number = next((trial.number for trial in ledger.trials if rung in trial.reached), None)
    if number is None:
        return []
    trial, seeds = ledger.trials[number], tuple(ledger.study.rung_seeds(rung))
    curves = ledger.curves()
    rows = curves.filter(pc.equal(curves["trial"], number)).to_pylist()
    epochs = _epochs(rows, seeds, ledger.study.rungs[rung].epochs)
    if not epochs:
        return []
    configuration = {**ledger.study.fixed, **trial.parameters}
    probed = Probed(
        *("whole", configuration, trial.parameters, seeds, 0, epochs[-1].number),
        epochs=epochs,
        baseline=ledger.baseline or {},
    )
    evidence = Evidence(ledger.study, [probed])
    found = [*soundness(evidence), *learning(evidence)]
    return [item for item in found if item.verdict in _TOLD.get(item.name, ())]


def _epochs(rows: Sequence[Mapping[str, Any]], seeds: Sequence[int], last: int) -> list[Epoch]:
    """Returns the epochs that every seed has, without times, which the curves do not hold."""
    by_place = {(row["epoch"], row["seed"]): row for row in rows}
    found: list[Epoch] = []
    for number in range(1, last + 1):
        of_seeds = [by_place.get((number, seed)) for seed in seeds]
        known = [row for row in of_seeds if row is not None]
        if len(known) < len(seeds):
            break
        names = [name for name in known[0] if name not in _OWN]
        found.append(Epoch(number, 0.0, 0.0, {name: [row[name] for row in known] for name in names}))
    return found
