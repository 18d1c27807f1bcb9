"""Units of work that ended without a result: the classes of failure, and which failures are one cause."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

FailureClass = Literal["crashed", "out_of_memory", "stalled", "lost", "evaluation"]
CLASSES: tuple[FailureClass, ...] = ("crashed", "out_of_memory", "stalled", "lost", "evaluation")
"""crashed: the trainer raised; out_of_memory: memory of the machine or of its GPU was used up; stalled: nothing was
heard for far longer than epochs take; lost: its process or node vanished without a word; evaluation: the training
succeeded, the evaluation after it did not."""

NODE_GONE, PROCESS_GONE = (f"the trainer's {gone} vanished without a word" for gone in ("node", "process"))
"""Causes of the class lost: what says something of the machines, and what may be the trainer's own doing."""

DIVERGED = "diverged"
"""What is counted beside the classes, by seed: a loss that is not finite fails the seed and kills nothing."""

_VARYING = re.compile(r"(?<![\w.])/[^\s'\":,;()]+|0x[0-9a-fA-F]+|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Attempt:
    """One unit of work that ended without a result.

    Attributes:
        cause: One line.
        log: Path of the file that has the rest.
        time: Seconds since the epoch.
        kind: The class of failure.
        seeds: Those that trained together.
        epoch: Up to which the unit was to train.
        trained: Seed-epochs of the trial that were in the ledger by then.
        died: Whether the trial must be tried again; not where an evaluation failed and the trial goes on without it.
        from_epoch: From which the unit was to train; None where an earlier version did not say.
    """

    cause: str
    log: str
    time: float
    kind: FailureClass = "crashed"
    seeds: tuple[int, ...] = ()
    epoch: int = 0
    trained: int = 0
    died: bool = True
    from_epoch: int | None = None

    @classmethod
    def of(cls, detail: Mapping[str, Any], reason: str, time: float) -> Self:
        """Returns what a decision of the kind `attempt` tells; those of earlier versions have a reason and a log."""
        return cls(
            cause=str(detail.get("cause", reason)),
            log=str(detail.get("log", "")),
            time=time,
            kind=detail.get("class", "crashed"),
            seeds=tuple(detail.get("seeds", ())),
            epoch=int(detail.get("epoch", 0)),
            trained=int(detail.get("trained", 0)),
            died=bool(detail.get("died", True)),
            from_epoch=None if detail.get("from_epoch") is None else int(detail["from_epoch"]),
        )

    @property
    def detail(self) -> dict[str, Any]:
        """What is kept in the decision."""
        kept = {"cause": self.cause, "log": self.log, "class": self.kind, "seeds": list(self.seeds)}
        unit = {"epoch": self.epoch, "from_epoch": self.from_epoch}
        return {**kept, **unit, "trained": self.trained, "died": self.died}

    def of_unit(self, other: "Attempt") -> bool:
        """Says whether another attempt was at the same unit: seeds in common, from the same epoch, to the same.

        Not the same seeds: who shared a process with a seed that dies may change from attempt to attempt.
        """
        together = not self.seeds or not other.seeds or bool({*self.seeds} & {*other.seeds})
        begun = None in (self.from_epoch, other.from_epoch) or self.from_epoch == other.from_epoch
        return together and begun and self.epoch == other.epoch

    @property
    def of_machines(self) -> bool:
        """Whether it says something of the machines, and nothing of the trainer."""
        return self.kind == "lost" and self.cause == NODE_GONE

    @property
    def same(self) -> tuple[str, str]:
        """What attempts of one cause have in common."""
        return self.kind, alike(self.cause)


def alike(cause: str) -> str:
    """Returns a cause without what varies from trial to trial: paths, numbers, addresses."""
    return _VARYING.sub("#", cause)
