"""How a trial goes on after its units of work ended without a result (pure functions).

That depends on what they died of and on nothing else that is not in the ledger: so a study that is continued goes on
with the same plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tune.ledger.attempts import Attempt

MOST_LOST = 10
"""So often in a row may a trial be lost without a new epoch: machines go, but a trainer that kills its own process, by
a segmentation fault say, would otherwise be started for ever."""


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
