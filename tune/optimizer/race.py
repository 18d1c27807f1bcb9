"""The final race: which of the confirmed trials gets one more seed, until the best is known; pure functions.

The ladder finds candidates; on its five seeds a setting that fails on one in ten looks safe more often than not. So
the best few get the study's remaining seeds, one at a time: the leader first, because it is what the study would
recommend, then whoever could still be better. Source: best-arm identification by confidence bounds, Kalyanakrishnan et
al. 2012, "PAC subset selection in stochastic multi-armed bandits" (LUCB, for a set of one).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tune.scoring.score import ScoreRule, has_failed, loss_interval


@dataclass(frozen=True)
class Finalist:
    """A confirmed trial.

    Attributes:
        number: The trial's.
        losses: Of the seeds seen so far.
        score: Of these.
    """

    number: int
    losses: Sequence[float]
    score: float


def next_finalist(
    finalists: Sequence[Finalist],
    most: int,
    entrants: int,
    baseline: float,
    rule: ScoreRule,
    *,
    busy: Collection[int] = (),
) -> tuple[int, str] | None:
    """Returns the trial that gets one more seed, and why; None when the race is over.

    Args:
        finalists: Every confirmed trial.
        most: Seeds that one of them can have.
        entrants: How many may have more seeds than the ladder gave.
        baseline: The constant model's loss.
        rule: How losses are scored.
        busy: Trials that are in training, so they get nothing now.
    """
    if not finalists:
        return None
    order = sorted(finalists, key=lambda one: (one.score, one.number))
    leader = order[0]
    fewest = min(len(one.losses) for one in finalists)
    racing = {one.number for one in finalists if len(one.losses) > fewest} | set(busy)

    def may_enter(one: Finalist) -> bool:
        if one.number in busy or len(one.losses) >= most:
            return False
        return one.number in racing or len(racing) < entrants

    if may_enter(leader):
        return leader.number, f"it leads with score {leader.score:.6g} on {len(leader.losses)} seeds"
    bound = loss_interval(leader.losses, baseline, rule)[1]
    failed = _failures(leader, baseline)
    open_ones = {
        one.number: loss_interval(one.losses, baseline, rule)[0]
        for one in order[1:]
        if may_enter(one) and _failures(one, baseline) <= failed
    }
    rivals = {number: low for number, low in open_ones.items() if low < bound}
    if not rivals:
        return None
    number = min(rivals, key=lambda number: (rivals[number], number))
    return number, f"its mean loss may be {rivals[number]:.6g}, that of trial {leader.number} {bound:.6g}"


def _failures(one: Finalist, baseline: float) -> int:
    return sum(has_failed(loss, baseline) for loss in one.losses)
