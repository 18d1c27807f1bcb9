"""How often seeds fail where that changes steadily along each parameter of the space; pure functions.

A kernel needs seeds that failed near a trial to suspect it. Often failures follow a direction (a higher learning rate,
smaller batches), and then a few of them anywhere tell of the whole space.

Source: Bayesian logistic regression with a Gaussian prior, by Laplace's approximation, averaged over the scale of the
prior with the weights of its evidence (MacKay 1992, "The evidence framework applied to classification networks",
Neural Computation 4, 720-736, with his approximation of the predicted rate). The rates without a trial's own seeds
follow from the fit to all by one Newton step (Pregibon 1981, "Logistic regression diagnostics", The Annals of
Statistics 9, 705-724).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, pi

import numpy as np

from tune.study.coordinates import Values, positions
from tune.study.space import Choice, Parameter

_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Prior standard deviations tried, in log odds from the middle of a parameter's range to its end."""

_INTERCEPT_SCALE = 3.0  # log odds around the overall rate
_STEPS = 50  # of Newton's method; five are usual
_LONGEST_STEP = 2.0  # log odds; longer ones may not come back where a weight separates all that failed
_SETTLED = 1e-6

Settings = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class SeedCounts:
    """Seeds that were seen: settings, how many seeds of each failed, and how many of each were seen."""

    settings: Settings = ()
    failed: Sequence[int] = ()
    seen: Sequence[int] = ()


class LogisticRates:
    """A fit of the log odds of failing: a sum over the parameters, linear in those that have an order.

    Args:
        space: The searched parameters.
        late: Seeds that were seen to the end, or nearly.
        early: Seeds that were seen to an earlier epoch, where fewer failures show: how much fewer is fitted as well.
            All rates are those of late evidence.
    """

    def __init__(self, space: Mapping[str, Parameter], late: SeedCounts, early: SeedCounts) -> None:
        self._space, self._late = space, len(late.settings)
        self._failed = np.asarray([*late.failed, *early.failed], dtype=float)
        self._seen = np.asarray([*late.seen, *early.seen], dtype=float)
        self._rows = self._features([*late.settings, *early.settings])
        self._rows[self._late :, -1] = 1.0
        fits = [self._fit(scale) for scale in _SCALES]
        evidence = np.array([value for _, _, value in fits])
        weights = np.exp(evidence - evidence.max())
        self._fits = [
            (weight, mode, precision)
            for weight, (mode, precision, _) in zip(weights / weights.sum(), fits, strict=True)
        ]

    def rates_of(self, settings: Settings) -> Values:
        """Returns the expected failure rate of settings `[n]`, in (0, 1)."""
        rows = self._features(settings)
        total = np.zeros(len(rows))
        for weight, mode, precision in self._fits:
            total += weight * _expected(rows @ mode, _variances(rows, precision))
        return total

    def left_out(self) -> Values:
        """Returns the expected failure rate of each late setting `[n]`, in (0, 1), from all others alone."""
        rows, failed, seen = (part[: self._late] for part in (self._rows, self._failed, self._seen))
        total = np.zeros(self._late)
        for weight, mode, precision in self._fits:
            odds, variances = rows @ mode, _variances(rows, precision)
            rate = _logistic(odds)
            kept = 1 - np.minimum(seen * rate * (1 - rate) * variances, 0.99)
            total += weight * _expected(odds - variances * (failed - seen * rate) / kept, variances / kept)
        return np.clip(total, 1e-4, 1 - 1e-4)

    def _features(self, settings: Settings) -> Values:
        """Returns `[n, features]`: one, the parameters on [-1, 1], and 0 for whether the evidence is early.

        A parameter that a setting does not have is 0 there: it says nothing.
        """
        columns = [np.ones(len(settings))]
        for name, parameter in self._space.items():
            there = np.array([name in setting for setting in settings], dtype=bool)
            values = [setting[name] for setting in settings if name in setting]
            places = positions(parameter, values)
            found: list[Values] = []
            if places is not None:
                found = [2 * places - 1]
            elif isinstance(parameter, Choice):
                named = parameter.choice if len(parameter.choice) > 2 else parameter.choice[:1]
                found = [np.array([1.0 if value == one else -1.0 for value in values]) for one in named]
            for column in found:
                columns.append(np.zeros(len(settings)))
                columns[-1][there] = column
        return np.column_stack([*columns, np.zeros(len(settings))])

    def _fit(self, scale: float) -> tuple[Values, Values, float]:
        """Returns the mode of the posterior, its precision there, and the logarithm of the evidence."""
        overall = (self._failed.sum() + 0.5) / (self._seen.sum() + 1)
        center = np.zeros(self._rows.shape[1])
        center[0] = log(overall / (1 - overall))
        prior = np.full(len(center), 1 / scale**2)
        prior[0] = 1 / _INTERCEPT_SCALE**2
        mode = center.copy()
        for _ in range(_STEPS):
            rate = _logistic(self._rows @ mode)
            precision = self._rows.T @ (self._rows * (self._seen * rate * (1 - rate))[:, None]) + np.diag(prior)
            step = np.linalg.solve(
                precision, self._rows.T @ (self._failed - self._seen * rate) - prior * (mode - center)
            )
            longest = float(np.abs(step).max())
            mode = mode + step * min(1.0, _LONGEST_STEP / max(longest, _SETTLED))
            if longest < _SETTLED:
                break
        odds = self._rows @ mode
        likelihood = (self._failed * odds - self._seen * np.logaddexp(0, odds)).sum()
        occam = 0.5 * (np.log(prior).sum() - np.linalg.slogdet(precision)[1])
        return mode, precision, float(likelihood - 0.5 * (prior * (mode - center) ** 2).sum() + occam)


def _logistic(odds: Values) -> Values:
    rate: Values = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return rate


def _variances(rows: Values, precision: Values) -> Values:
    variances: Values = np.einsum("ij,ij->i", rows, np.linalg.solve(precision, rows.T).T)
    return variances


def _expected(odds: Values, variances: Values) -> Values:
    """Returns the mean rate where the log odds are Gaussian, by MacKay's approximation."""
    return _logistic(odds / np.sqrt(1 + pi * variances / 8))
