"""What a unit of work has to tell: its epochs, its evaluation, and how it ended without a result."""

import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tune.drivers.exits import in_words
from tune.errors import DamagedCheckpoint, LatentTuneError, StudyStopped
from tune.ledger.attempts import FailureClass
from tune.ledger.incoming import line_of, lines_of, text_of
from tune.ledger.storage.disk_space import disk_full, is_full

_OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemoryError"})
_OUT_OF_MEMORY_TEXTS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",  # PyTorch's allocator for the CPU
)


def failure_class(error: BaseException) -> FailureClass:
    """Returns what an exception that ended a unit of work means: out_of_memory or crashed.

    Exceptions of PyTorch and Ray are known by their names, so that neither is imported for it.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if {kind.__name__ for kind in type(link).__mro__} & _OUT_OF_MEMORY:
            return "out_of_memory"
        if isinstance(link, RuntimeError) and any(text in text_of(link) for text in _OUT_OF_MEMORY_TEXTS):
            return "out_of_memory"
        link = link.__cause__
    return "crashed"


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one unit of work.

    Attributes:
        epoch: 1-based.
        metrics: By name, one value per seed of the work.
        saved: Whether a checkpoint of this epoch is durable.
        baseline: The constant model's losses, by name.
        evaluates: Whether the trainer evaluates apart from training, after the last epoch of the unit.
        held_s: Seconds in which the unit held its slot for this epoch: since the epoch before, or since it began, so
            with loading, checkpoints and waiting for the driver.
        gpus: How many GPUs it held.
        featureless: What the trainer's `features` died of, after the last epoch of the unit; None where it did not.
        redone: How many epochs that were known were trained again before it, one number per seed; empty where none was.
    """

    epoch: int
    metrics: Mapping[str, Sequence[float | None]]
    saved: bool
    baseline: Mapping[str, float]
    held_s: float
    evaluates: bool = False
    gpus: float = 0.0
    featureless: "Death | None" = None
    redone: Sequence[int] = ()


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation after the last epoch of one unit of work came to.

    Attributes:
        epoch: The last one.
        metrics: By name, one value per seed of the work.
        held_s: Seconds in which the unit held its slot for it.
        gpus: How many GPUs it held.
    """

    epoch: int
    metrics: Mapping[str, Sequence[float | None]]
    held_s: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Death:
    """The end of a unit of work without a result; whatever its words are made of, they can be written and printed.

    Attributes:
        cause: One line; trials that die of one cause have the same.
        text: The traceback, or what else is known.
        kind: The class of failure; `evaluation` when the training itself succeeded.
        damaged: Whether it could not begin, because of its checkpoint.
    """

    cause: str
    text: str
    kind: FailureClass = "crashed"
    damaged: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", line_of(self.cause))
        object.__setattr__(self, "text", lines_of(self.text))

    @classmethod
    def of(cls, error: BaseException, kind: FailureClass | None = None) -> Self:
        """Returns what an exception says; its class is found out when it is not given."""
        text = text_of(error, lambda one: "".join(traceback.format_exception(one)))
        damaged = isinstance(error, DamagedCheckpoint)
        return cls(f"{type(error).__name__}: {text_of(error, in_words)}", text, kind or failure_class(error), damaged)


@dataclass(frozen=True)
class Unsaved:
    """The end of a unit of work whose checkpoint could not be written or read.

    It is the fault of the disk or object store, and no death of the trial's.

    Attributes:
        full: Whether the disk is full, or the user's quota.
        cause: One line.
        text: The traceback.
    """

    full: bool
    cause: str
    text: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Returns what an exception says."""
        death = Death.of(error)
        return cls(is_full(error), f"{death.cause} (on {socket.gethostname()})", death.text)

    def error(self, folder: Path) -> LatentTuneError:
        """Returns what it means to the study in a folder: a pause where the disk is full, else its end."""
        if self.full:
            return disk_full(folder, f"and a write of the trainer or of its checkpoint failed ({self.cause})")
        return StudyStopped(
            f"{folder}: a checkpoint could not be written or read: {self.cause}; what was stored is kept; mend that, "
            "then resume the study"
        )


UnitReport = EpochReport | Evaluation | Death | Unsaved
"""What a unit of work has to tell."""
