"""What the trials around a trial say about how often it fails; pure functions.

Five seeds that did not fail say little: a setting that fails on one in ten passes them more often than not. But its
neighbours in the space were seen as well, and where they fail it will. So a trial's failure rate is estimated from its
own seeds and, as a prior, from those of its neighbours. How far evidence reaches and how much it counts is not set
but fitted: the pair that predicts each trial's failures best from the others'. Where early epochs tell of failures as
well, a trend over the space is tried beside it.

Source: beta-binomial empirical Bayes (Casella 1985, "An introduction to empirical Bayes data analysis", The American
Statistician 39, 83-87), with the prior mean by kernel regression (Nadaraya 1964; Watson 1964).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tune.scoring.failure_trend import LogisticRates, SeedCounts
from tune.study.coordinates import Values, squared_distances
from tune.study.space import Parameter

_REACH = (0.1, 0.2, 0.35, 0.6, 1.2)
"""Bandwidths tried, in units of the range of one parameter."""

_WEIGHT = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How many seeds of its own the neighbours are worth to a trial, tried."""

_WEIGHT_OF_TREND = (16.0, 32.0)
"""More such weights, tried where a trend over the space tells the rates: many seeds went into it."""

_ROWS = 1024  # at a time: a matrix of all trials by all that were seen may not fit into memory


class KernelRates:
    """Trials whose seeds were seen, and the fit by which they tell how often a setting fails.

    Args:
        space: The searched parameters.
        settings: Their values, one mapping per trial, n of them.
        failed: How many seeds of each failed.
        seen: How many seeds of each were seen, 1 or more.
        early: Other trials whose seeds were seen to an earlier epoch, where that tells of failures; with them a trend
            over the space is tried beside the kernels, see `tune.scoring.failure_trend`.

    Attributes:
        rates: The estimated failure rate of each, in (0, 1).
    """

    def __init__(
        self,
        space: Mapping[str, Parameter],
        settings: Sequence[Mapping[str, object]],
        failed: Sequence[int],
        seen: Sequence[int],
        early: SeedCounts | None = None,
    ) -> None:
        self._space, self._settings = space, settings
        self._failures, self._seeds = np.asarray(failed, dtype=float), np.asarray(seen, dtype=float)
        self._overall = (self._failures.sum() + 0.5) / (self._seeds.sum() + 1)
        self._trend: LogisticRates | None = None
        self._reach, prior, self._weight = _REACH[0], np.full(len(settings), self._overall), 1.0
        best = -np.inf
        for trend, reach, tried in self._priors(early):
            for weight in _WEIGHT if trend is None else (*_WEIGHT, *_WEIGHT_OF_TREND):
                fit = _log_likelihood(self._failures, self._seeds, weight * tried, weight * (1 - tried))
                if fit > best:
                    best, prior, self._weight = fit, tried, weight
                    self._trend, self._reach = trend, reach
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
            if self._trend is not None:
                prior = self._trend.rates_of(settings[rows])
            else:
                distances = squared_distances(self._space, settings[rows], self._settings)
                prior = self._prior(np.exp(-distances / (2 * self._reach**2)))
            own = np.asarray(failed[rows], dtype=float), np.asarray(seen[rows], dtype=float)
            rates += [float(rate) for rate in (own[0] + self._weight * prior) / (own[1] + self._weight)]
        return rates

    def _priors(self, early: SeedCounts | None) -> Iterator[tuple[LogisticRates | None, float, Values]]:
        """Yields every way tried to tell the rates `[n]` from all others: by a trend, or by a kernel of some reach."""
        distances = squared_distances(self._space, self._settings, self._settings)
        for reach in _REACH:
            kernel = np.exp(-distances / (2 * reach**2))
            np.fill_diagonal(kernel, 0.0)
            yield None, reach, self._prior(kernel)
        if early is not None:
            late = SeedCounts(
                self._settings, [int(count) for count in self._failures], [int(count) for count in self._seeds]
            )
            trend = LogisticRates(self._space, late, early)
            yield trend, 0.0, trend.left_out()

    def _prior(self, kernel: Values) -> Values:
        prior: Values = (kernel @ self._failures + self._overall) / (kernel @ self._seeds + 1)
        return prior


def _log_likelihood(failures: Values, seeds: Values, alpha: Values, beta: Values) -> float:
    """Log-likelihood of the beta-binomial model, up to what does not depend on it."""
    from scipy.special import betaln

    return float((betaln(failures + alpha, seeds - failures + beta) - betaln(alpha, beta)).sum())
