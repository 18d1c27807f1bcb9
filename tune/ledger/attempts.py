"""Trials that go wrong: the classes of failure, which failures are one cause, and what is tried next (pure functions).

A trial that died is tried again, and how depends on what it died of and on nothing else that is not in the ledger: so
a study that is continued goes on with the same plan.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

FailureClass = Literal["crashed", "out_of_memory", "stalled", "lost", "evaluation"]
CLASSES: tuple[FailureClass, ...] = ("crashed", "out_of_memory", "stalled", "lost", "evaluation")
"""crashed: the trainer raised; out_of_memory: memory of the machine or of its GPU was used up; stalled: nothing was
heard for far longer than epochs take; lost: its process or node vanished without a word; evaluation: the training
succeeded, the evaluation after it did not."""

DIVERGED = "diverged"
"""What is counted beside the classes, by seed: a loss that is not finite fails the seed and kills nothing."""

MOST_LOST = 10
"""So often in a row may a trial be lost without a new epoch: machines go, but a trainer that kills its own process, by
a segmentation fault say, would otherwise be started for ever."""

_OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemoryError"})
_OUT_OF_MEMORY_TEXTS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",  # PyTorch's allocator for the CPU
)
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
    """

    cause: str
    log: str
    time: float
    kind: FailureClass = "crashed"
    seeds: tuple[int, ...] = ()
    epoch: int = 0
    trained: int = 0
    died: bool = True

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
        )

    @property
    def detail(self) -> dict[str, Any]:
        """What is kept in the decision."""
        kept = {"cause": self.cause, "log": self.log, "class": self.kind, "seeds": list(self.seeds)}
        return {**kept, "epoch": self.epoch, "trained": self.trained, "died": self.died}

    @property
    def same(self) -> tuple[str, str]:
        """What attempts of one cause have in common."""
        return self.kind, alike(self.cause)


@dataclass(frozen=True)
class Retry:
    """How a trial goes on after its attempts.

    Attributes:
        most_seeds: How many of its seeds may train together, the others one group after another; None: all.
        alone: Whether nothing else of the study may train meanwhile.
        reason: Of the latest attempt: what happened, and what is done now.
        over: Why it is not tried again; "" while it is.
    """

    most_seeds: int | None = None
    alone: bool = False
    reason: str = ""
    over: str = ""


def retry(attempts: Sequence[Attempt], retries: int) -> Retry:
    """Returns how a trial goes on.

    - crashed, stalled, evaluation: tried again as it was, `retries` times in all;
    - out of memory: with half of the seeds at a time, and when that is one, alone; only then it is over;
    - lost: tried again as it was, without counting as a retry, but not more than `MOST_LOST` times in a row without a
      new epoch.

    Args:
        attempts: All of the trial's, in order; those that did not kill it change nothing.
        retries: 0 or more, see `resources.retries`.
    """
    deaths = [attempt for attempt in attempts if attempt.died]
    if not deaths:
        return Retry()
    last, most, alone, over = deaths[-1], None, False, ""
    for one in (death for death in deaths if death.kind == "out_of_memory"):
        if alone and len(one.seeds) <= 1:
            over = f"out of memory with 1 seed and nothing else in training: {one.cause}"
        alone = alone or len(one.seeds) <= 1
        half = max(1, (len(one.seeds) + 1) // 2)
        most = half if most is None else min(most, half)
    counted = sum(death.kind in ("crashed", "stalled", "evaluation") for death in deaths)
    if counted > retries:
        over = f"died {len(deaths)} times, last of: {last.cause}"
    lost = _lost_in_a_row(deaths)
    if lost >= MOST_LOST:
        over = f"lost {lost} times in a row without a new epoch, last of: {last.cause}"
    return Retry(most, alone, _reason(last, over, most, f"{counted} of {retries}", lost), over)


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
        if isinstance(link, RuntimeError) and any(text in str(link) for text in _OUT_OF_MEMORY_TEXTS):
            return "out_of_memory"
        link = link.__cause__
    return "crashed"


def alike(cause: str) -> str:
    """Returns a cause without what varies from trial to trial: paths, numbers, addresses."""
    return _VARYING.sub("#", cause)


def _lost_in_a_row(deaths: Sequence[Attempt]) -> int:
    count = 0
    for death in reversed(deaths):
        if death.kind != "lost" or death.trained != deaths[-1].trained:
            break
        count += 1
    return count


def _reason(last: Attempt, over: str, most: int | None, counted: str, lost: int) -> str:
    if over:
        return last.cause
    if last.kind == "out_of_memory":
        group = f"{len(last.seeds)} seed{'s' if len(last.seeds) != 1 else ''}"
        again = f"with {most}" if len(last.seeds) > 1 else "alone"
        return f"out of memory with {group}; tried again {again} ({last.cause})"
    if last.kind == "lost":
        return f"{last.cause}; tried again ({lost} of {MOST_LOST} without a new epoch)"
    return f"{last.cause}; tried again ({counted})"
