"""What the course of one curve says: when it came to a value, how much it still moves, how far two metrics part.

A curve is the values of a metric by epoch: the first is that after epoch 1. Values that are not finite (diverged, or
not told in that epoch) are passed over; an epoch keeps its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import stdev


@dataclass(frozen=True)
class LastSpread:
    """How much the last epochs of a curve differ.

    Attributes:
        range: Highest minus lowest value, in units of the metric; nan without a value.
        sd: Sample standard deviation (ddof = 1), in units of the metric; nan with fewer than two values.
        count: How many values entered: fewer than asked where the curve is shorter or not finite.
    """

    range: float
    sd: float
    count: int

    @property
    def ratio(self) -> float:
        """Range by standard deviation: about 5 for 100 epochs of plain noise, more where single epochs jump.

        nan where the standard deviation is 0 or not known. Source: the studentized range (Student 1927, "Errors of
        routine analysis", Biometrika 19, 151-164).
        """
        return self.range / self.sd if self.sd > 0 else nan


def first_below(values: Sequence[float], threshold: float, maximize: bool = False) -> int | None:
    """Returns the first epoch whose value is at the threshold or better; None where there is none.

    Args:
        values: By epoch.
        threshold: In units of the metric.
        maximize: Whether higher values are better: then at the threshold or above.
    """
    sign = -1 if maximize else 1
    return next((epoch for epoch, value in _known(values) if sign * value <= sign * threshold), None)


def epochs_to_share_of_drop(values: Sequence[float], share: float = 0.9, maximize: bool = False) -> int | None:
    """Returns the first epoch that has come so far from the first value to the last; None where it got no better.

    The final drop is the first finite value minus the last one. What was learned before the end of epoch 1 is not in
    it, for no curve tells the value before training. A curve that dips and comes back is measured by where it ended.

    Args:
        values: By epoch.
        share: Of the drop, in (0, 1].
        maximize: Whether higher values are better: then of the rise.

    Raises:
        ValueError: If the share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of the drop is above 0 and at most 1, got {share}")
    known = [value for _, value in _known(values)]
    if not known or not isfinite(values[-1]):
        return None
    drop = known[0] - known[-1]
    if drop == 0 or (drop < 0) != maximize:
        return None
    wanted = known[-1] if share == 1 else known[0] - share * drop  # exactly: rounding must not miss the last value
    return first_below(values, wanted, maximize)


def spread_of_last(values: Sequence[float], count: int) -> LastSpread:
    """Returns range and standard deviation of the last epochs of a curve.

    Args:
        values: By epoch.
        count: How many epochs at the end, at least 1; of these the finite ones enter.

    Raises:
        ValueError: If it is less than one epoch.
    """
    if count < 1:
        raise ValueError(f"the spread is of at least the last 1 epoch, got {count}")
    last = [value for _, value in _known(values[-count:])]
    return LastSpread(
        range=max(last) - min(last) if last else nan,
        sd=stdev(last) if len(last) > 1 else nan,
        count=len(last),
    )


def gap_percent(train: float, validation: float) -> float:
    """Returns by how many percent of the training value the validation value is above it.

    Positive for a loss that does not carry over; for a metric that is maximised that is the negative side. nan where
    the training value is 0 or one of the two is not finite.
    """
    if not isfinite(train) or not isfinite(validation) or train == 0:
        return nan
    return 100 * (validation - train) / abs(train)


def _known(values: Sequence[float]) -> list[tuple[int, float]]:
    """Returns the finite values, each with the number of its epoch."""
    return [(epoch, value) for epoch, value in enumerate(values, 1) if isfinite(value)]
