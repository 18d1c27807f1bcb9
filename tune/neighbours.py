"""What the trials around a trial say about how often it fails; pure functions.

Five seeds that did not fail say little: a setting that fails on one in ten passes them more often than not. But its
neighbours in the space were seen as well, and where they fail it will. So a trial's failure rate is estimated from its
own seeds and, as a prior, from those of its neighbours. How far evidence reaches and how much it counts is not set
but fitted: the pair that predicts each trial's failures best from the others'.

Source: beta-binomial empirical Bayes (Casella 1985, "An introduction to empirical Bayes data analysis", The American
Statistician 39, 83-87), with the prior mean by kernel regression (Nadaraya 1964; Watson 1964).
"""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from tune.space import Choice, IntRange, LogUniform, Parameter, Uniform, ordered_values

_REACH = (0.1, 0.2, 0.35, 0.6, 1.2)
"""Bandwidths tried, in units of the range of one parameter."""

_WEIGHT = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How many seeds of its own the neighbours are worth to a trial, tried."""

_LOGARITHMIC_FROM = 4.0
"""Choices of numbers whose largest is so many times the smallest are taken to be spaced by ratios."""

_ROWS = 1024  # at a time: a matrix of all trials by all that were seen may not fit into memory

Values = NDArray[np.float64]


def squared_distances(
    space: Mapping[str, Parameter], settings: Sequence[Mapping[str, object]], others: Sequence[Mapping[str, object]]
) -> Values:
    """Squared distances `[n, m]` with every ordered parameter on [0, 1]; unequal choices of no order are 1 apart."""
    total = np.zeros((len(settings), len(others)))
    for name, parameter in space.items():
        rows, columns = ([setting.get(name) for setting in side] for side in (settings, others))
        places = _places(parameter, [*rows, *columns])
        if places is None:
            codes = {value: float(code) for code, value in enumerate(dict.fromkeys([*rows, *columns]))}
            here, there = (np.array([codes[value] for value in side]) for side in (rows, columns))
            total += here[:, None] != there[None, :]
        else:
            total += (places[: len(rows), None] - places[None, len(rows) :]) ** 2
    return total


class Neighbours:
    """Trials whose seeds were seen, and the fit by which they tell how often a setting fails.

    Args:
        space: The searched parameters.
        settings: Their values, one mapping per trial, n of them.
        failed: How many seeds of each failed.
        seen: How many seeds of each were seen, 1 or more.

    Attributes:
        rates: The estimated failure rate of each, in (0, 1).
    """

    def __init__(
        self,
        space: Mapping[str, Parameter],
        settings: Sequence[Mapping[str, object]],
        failed: Sequence[int],
        seen: Sequence[int],
    ) -> None:
        self._space, self._settings = space, settings
        self._failures, self._seeds = np.asarray(failed, dtype=float), np.asarray(seen, dtype=float)
        self._overall = (self._failures.sum() + 0.5) / (self._seeds.sum() + 1)
        distances = squared_distances(space, settings, settings)
        best, chosen = -np.inf, (_REACH[0], np.full(len(settings), self._overall), 1.0)
        for reach in _REACH:
            kernel = np.exp(-distances / (2 * reach**2))
            np.fill_diagonal(kernel, 0.0)
            prior = self._prior(kernel)
            for weight in _WEIGHT:
                fit = _log_likelihood(self._failures, self._seeds, weight * prior, weight * (1 - prior))
                if fit > best:
                    best, chosen = fit, (reach, prior, weight)
        self._reach, prior, self._weight = chosen
        rates: Values = (self._failures + self._weight * prior) / (self._seeds + self._weight)
        self.rates = [float(rate) for rate in rates]

    def bounds(self, confidence: float = 0.95) -> list[float]:
        """Returns the upper end of the central interval of each one's failure rate, in (0, 1).

        That of the beta posterior with the mean `rates`, whose parameters add up to the seeds seen and those that the
        neighbours are worth.
        """
        from scipy.special import betaincinv  # takes a while to import, and not every command needs it

        rates, seeds = np.asarray(self.rates), self._seeds + self._weight
        return [float(one) for one in betaincinv(rates * seeds, (1 - rates) * seeds, 0.5 + confidence / 2)]

    def rates_of(
        self, settings: Sequence[Mapping[str, object]], failed: Sequence[int], seen: Sequence[int]
    ) -> list[float]:
        """Estimates the failure rate, in (0, 1), of settings that are none of these.

        Args:
            settings: Their values, one mapping per trial.
            failed: How many seeds of each failed.
            seen: How many seeds of each were seen; 0 where only the neighbours can tell.
        """
        rates: list[float] = []
        for start in range(0, len(settings), _ROWS):
            rows = slice(start, start + _ROWS)
            distances = squared_distances(self._space, settings[rows], self._settings)
            prior = self._prior(np.exp(-distances / (2 * self._reach**2)))
            own = np.asarray(failed[rows], dtype=float), np.asarray(seen[rows], dtype=float)
            rates += [float(rate) for rate in (own[0] + self._weight * prior) / (own[1] + self._weight)]
        return rates

    def _prior(self, kernel: Values) -> Values:
        prior: Values = (kernel @ self._failures + self._overall) / (kernel @ self._seeds + 1)
        return prior


def _places(parameter: Parameter, values: Sequence[object]) -> Values | None:
    """Where values lie on [0, 1]; None for choices that have no order."""
    match parameter:
        case LogUniform() | Uniform():
            low, high = parameter.extremes
            logarithmic = isinstance(parameter, LogUniform)
        case IntRange():
            low, high = parameter.extremes
            logarithmic = parameter.log
        case Choice():
            numbers = ordered_values(parameter)
            if numbers is None:
                return None
            low, high = numbers[0], numbers[-1]
            logarithmic = low > 0 and high / low > _LOGARITHMIC_FROM
    numeric = np.array(values, dtype=float)
    if logarithmic:
        return np.log(numeric / low) / log(high / low)
    return (numeric - low) / (high - low)


def _log_likelihood(failures: Values, seeds: Values, alpha: Values, beta: Values) -> float:
    """Log-likelihood of the beta-binomial model, up to what does not depend on it."""
    from scipy.special import betaln

    return float((betaln(failures + alpha, seeds - failures + beta) - betaln(alpha, beta)).sum())
