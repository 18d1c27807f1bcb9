"""How a trial goes on after its units of work ended without a result (pure functions).

That depends on what they died of and on nothing else that is not in the ledger: so a study that is continued goes on
with the same plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.ledger.attempts import Attempt
from tune.ledger.records import Trial

MOST_LOST = 10
"""So often in a row may a trial be lost without a new epoch: machines go, but a trainer that kills its own process, by
a segmentation fault say, would otherwise be started for ever."""

_COUNTED = ("crashed", "stalled", "evaluation")
_RAISED = ("crashed", "evaluation")


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

    - crashed, stalled, evaluation: tried again as it was, `retries` times for each unit of work; but not where the
      same exception with the same message came twice in a row, without a new epoch between;
    - out of memory: with half of the seeds at a time, and when that is one, alone; only then it is over;
    - lost: tried again as it was, without counting as a retry, but not more than `MOST_LOST` times in a row without a
      new epoch.

    Args:
        attempts: The trial's that count, in order; those that did not kill it change nothing.
        retries: 0 or more, see `resources.retries`.
    """
    deaths = [attempt for attempt in attempts if attempt.died]
    if not deaths:
        return Retry()
    last, most, alone, over = deaths[-1], None, False, ""
    for one in (death for death in deaths if death.kind == "out_of_memory"):
        if one is last and alone and len(one.seeds) <= 1:
            over = f"out of memory with 1 seed and nothing else in training: {one.cause}"
        alone = alone or len(one.seeds) <= 1
        half = max(1, (len(one.seeds) + 1) // 2)
        most = half if most is None else min(most, half)
    here = [death for death in deaths if death.of_unit(last)]
    counted = sum(death.kind in _COUNTED for death in here)
    if counted > retries:
        over = f"died {len(here)} times, last of: {last.cause}"
    elif _came_again(deaths):
        over = f"not tried again, for the same came again at once at the same place: {last.cause}"
    lost = _lost_in_a_row(deaths)
    if lost >= MOST_LOST:
        over = f"lost {lost} times in a row without a new epoch, last of: {last.cause}"
    return Retry(most, alone, _reason(last, over, most, f"{counted} of {retries}", lost), over)


def death_for_good(trial: Trial, seeds: Sequence[int], over: str) -> tuple[str, Mapping[str, Any]]:
    """Returns reason and detail of the decision that a trial, or a seed of its final race, is not tried again.

    Args:
        trial: The trial.
        seeds: Of the unit of work that died.
        over: Why it is not tried again.
    """
    if trial.confirmed:
        named = f"seed{'s' if len(seeds) != 1 else ''} {', '.join(map(str, seeds))}"
        return f"stays confirmed, without {named} of the final race: {over}", {"seeds": list(seeds)}
    if trial.last is not None:
        return f"{over}; what it reached at rung {trial.last.rung} is kept", {}
    return over, {}


def _came_again(deaths: Sequence[Attempt]) -> bool:
    """Says whether the latest death was of the exception of the one before, at the same place."""
    if len(deaths) < 2:
        return False
    before, last = deaths[-2:]
    same = (before.kind, before.cause, before.trained) == (last.kind, last.cause, last.trained)
    return last.kind in _RAISED and same and last.of_unit(before)


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
