"""When the zero of the losses moves: see `tune.ledger.loss_scale` for what it is, and where it belongs."""

from bisect import insort
from collections.abc import Iterable, Mapping
from math import inf, isfinite
from statistics import fmean, median, quantiles
from typing import Any

from tune.ledger.cursor import DecisionCursor
from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Reached, Trial
from tune.optimizer.rung_result import rung_score

_MOVED = 0.25  # of the distance between the best and what it is compared with: less is not worth scoring all anew


class Rescaling:
    """Says when the values of a study want another zero of their losses.

    How its state evolves: `due(trial)` before the result of a trial is decided; what was decided before it finds in the
    ledger, so a study that is continued moves its zero where it would have without.

    Args:
        ledger: The study's memory.
    """

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger, self._cursor = ledger, DecisionCursor(ledger)
        self._first: list[float] = []  # values of runs at the first rung, lower is better, in order
        self._worst = -inf  # the highest value of a run, lower is better
        self._best = inf  # the lowest mean of a trial over the seeds that did not fail

    def due(self, trial: Trial) -> tuple[str, Mapping[str, Any]] | None:
        """Returns the reason and the detail of the decision that the zero moves; None where it stays.

        Args:
            trial: It is to be told as having reached its rung.
        """
        scale = self._ledger.loss_scale
        values = self._ledger.losses(trial.number, trial.rung)
        if scale.is_ratio and all(value >= 0 for value in values.values() if isfinite(value)):
            return None
        for decision in self._cursor.take():
            if decision.kind == "reach":
                reached = Reached.of(decision)
                self._best = min(self._best, _mean(reached.losses.values(), scale))
                for value in _finite(reached.losses.values(), scale):
                    self._worst = max(self._worst, value)
                    if reached.rung == 0:
                        insort(self._first, value)
        best = min(self._best, _mean(values.values(), scale))
        first = [*self._first, *(_finite(values.values(), scale) if trial.rung == 0 else ())]
        origin = _origin(scale, first)
        if origin is None:
            return None
        distance = _distance(origin, best, first)
        zero = origin - 2 * distance
        worst = max([self._worst, *_finite(values.values(), scale)], default=origin) - zero
        far = scale.baseline is None and scale.worst is not None and worst > 2 * scale.worst
        if scale.zero is not None and abs(zero - scale.zero) <= 2 * _MOVED * distance and not far:
            return None
        moved = LossScale(scale.maximize, scale.baseline, zero, worst if isfinite(worst) else 0.0)
        what = "the worst quarter of the first rung" if scale.baseline is None else "the baseline"
        reason = (
            f"the best mean so far is {distance:.6g} from {what} of {scale.oriented(origin):.6g}: losses are counted "
            f"from {moved.value(0.0):.6g}, and every score is another"
        )
        return reason, {"zero": zero, "worst": moved.worst, "scores": self._scores(moved)}

    def _scores(self, scale: LossScale) -> dict[str, dict[str, float | None]]:
        """Returns by trial and rung what every result so far comes to."""
        found = {}
        for trial in self._ledger.trials:
            scores = {
                rung: rung_score(self._ledger, trial.number, rung, reached.losses, scale)
                for rung, reached in trial.reached.items()
            }
            if scores:
                shown = {str(rung): score if isfinite(score) else None for rung, score in scores.items()}
                found[str(trial.number)] = shown
        return found


def _origin(scale: LossScale, first: list[float]) -> float | None:
    """Returns what values are compared with, lower is better; None where nothing can be said yet."""
    if scale.baseline is not None:
        return scale.oriented(scale.baseline)
    return _worst_quarter(first) if first else None


def _worst_quarter(first: list[float]) -> float:
    """Returns where the worst quarter begins: the upper quartile, or the value where there is but one."""
    return quantiles(first, n=4, method="inclusive")[2] if len(first) > 1 else first[0]


def _distance(origin: float, best: float, first: list[float]) -> float:
    """Returns how far the best is from the origin; while none is better, how far runs are on the other side."""
    if best < origin:
        return origin - best
    return abs(median(first) - origin) if first else 0.0


def _finite(values: Iterable[float], scale: LossScale) -> list[float]:
    return [scale.oriented(value) for value in values if isfinite(value)]


def _mean(values: Iterable[float], scale: LossScale) -> float:
    """Returns the mean over seeds that did not fail, lower is better; inf where all did."""
    alive = [scale.oriented(value) for value in values if not scale.failed(value)]
    return fmean(alive) if alive else inf
