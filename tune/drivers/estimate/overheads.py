"""What the tuner itself takes of a study's time, beside training: measured here and now by a study without training."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tune.drivers.inline import drive
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.study.study import Study

_STATE = 16
_VIEWS = 1.3  # with what TensorBoard and the live view are told, which are not there when it is measured
_EPOCH = 0.04  # of what a unit takes


@dataclass(frozen=True)
class Overheads:
    """Seconds beside training.

    Attributes:
        unit_s: Of a unit of work: its decisions, its checkpoint, and their way to the disk.
        epoch_s: Of each epoch of it.
        sd: How unsure both are: the standard deviation of their logarithm.
    """

    unit_s: float
    epoch_s: float
    sd: float = 0.25


DEFAULTS = {"inline": Overheads(0.06, 0.002, 0.6), "ray": Overheads(0.06, 0.002, 0.6)}
"""Where nothing was measured, by driver: on one core of 2020 with a disk of its own. `python -m benchmarks.scale
overhead` finds 0.03 to 0.05 s of a trial that trains nothing on Ray (docs/scale.md), which writes no checkpoint."""


class _Nothing:
    """A trainer that trains nothing, at once."""

    def __init__(self, _config: Any, _recording: Any, seeds: Sequence[int], _state: Any = None) -> None:
        self._seeds = seeds

    def train(self, epochs: int) -> Iterator[Mapping[str, Sequence[float]]]:
        for _ in range(epochs):
            yield {"validation_loss": [0.5] * len(self._seeds)}

    def state(self) -> Mapping[int, Any]:
        return {seed: {"weights": [0.0] * _STATE} for seed in self._seeds}

    def baseline(self) -> Mapping[str, float]:
        return {"validation_loss": 1.0}

    def close(self) -> None:
        pass


def measured(study: Study, results: Path | None = None) -> Overheads:
    """Returns what the tuner takes on this machine, as busy as it is now; that takes a second or two.

    Args:
        study: The study, of which its seeds and how often it saves count.
        results: On whose disk the study is going to lie; None: where temporary files do.
    """
    tried = Study.model_validate({
        "name": "overheads",
        "trainer": "overheads:Nothing",
        "recording": {},
        "space": {"x": {"uniform": [0, 1]}},
        "search": {"method": "random", "trials": 6},
        "seeds": study.seeds[: study.top.seeds],
        "rungs": [{"epochs": 2, "seeds": study.top.seeds}],
        "storage": {"checkpoints": study.storage.checkpoints, "min_free": 0},
    })  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="latent-tune-", dir=results) as scratch:
        ledger = Ledger.open(tried, Path(scratch) / "overheads", clock=time.time)
        try:
            drive(Job(Optimizer(ledger, ledger.elapsed_s), {}, _Nothing))
            ends = [one.time for one in ledger.decisions if one.kind == "reach"]
        finally:
            ledger.close("finished")
    # The first unit imports what the others find there, and one may meet somebody else's burst.
    unit_s = _VIEWS * median(after - before for before, after in pairwise(ends))
    return Overheads(unit_s, _EPOCH * unit_s)
