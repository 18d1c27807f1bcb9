"""Intervals of several paired differences from a base that hold together, whichever of the arms spread more.

With three seeds a paired t interval has two degrees of freedom, and Bonferroni's correction for 22 arms makes it five
times as wide: it is right and says nothing. Dunnett's intervals have all arms share one variance, and are right only
where they do; a high learning rate spreads more than a low one. So here each arm gets the wider of two intervals:

- its own, from the standard deviation `s` of its differences: `t(f) * s / sqrt(n)`, with f = n - 1;
- the family's, from the pooled one, `p^2 = sum(f * s^2) / sum(f)`: `d * p / sqrt(n)`, where `d` is the quantile of
  max |mean| * sqrt(n) / p where all arms spread alike (Dunnett's, with the pairing that there is). Of four arms and
  more the one that spreads most is left out of the pool, so that one unstable arm does not blur all the others;

times one factor, at least 1, the smallest that holds the family's confidence wherever one group spreads more than the
rest: a base, or 1, 2, 3, 5, 8 or half of the arms, by 3, 10 or 100 times. An arm that spreads more is held by its own
interval; those that do not are held by the pooled one, which several that spread more can only widen; and no more than
a few can spread much more than all do on average. So the factor stays small: 1.2 to 1.6 for three and five seeds and 4
to 22 arms, where Bonferroni's is 1.6 to 4.9.

`d` and the factor are quantiles of 20,000 simulated families with the very seeds that each arm has, from a fixed
generator: the same numbers every time, the family's confidence to about 0.2 percentage points. Differences are taken to
be normal.

Source: Dunnett 1955, "A multiple comparison procedure for comparing several treatments with a control", JASA 50,
1096-1121; the quantile of the largest statistic by simulation: Westfall & Young 1993, "Resampling-based multiple
testing", section 2.3, and Edwards & Berry 1987, "The efficiency of simulation-based multiple comparisons", Biometrics
43, 913-928. That variances of few degrees of freedom are to be held up by those of the others: Tusher et al. 2001,
"Significance analysis of microarrays", PNAS 98, 5116-5121, and Smyth 2004, "Linear models and empirical Bayes methods",
Statistical Applications in Genetics and Molecular Biology 3, article 3, whose shrunk variances are not taken here: how
far to shrink cannot be told from four arms, and an arm that spreads more than they think is not held.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import nan, sqrt
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt

from tune.scoring.intervals import student_quantile

_Array = npt.NDArray[np.float64]

_DRAWS = 20_000
_MOST_DIFFERENCES = 2_000_000  # of all families, 16 MB for each of their moments; beyond 100 arms there are fewer draws
_FEWEST_TO_LEAVE_ONE_OUT = 4  # arms; of fewer too little would be left to pool
_GROUPS = (1, 2, 3, 5, 8)  # how many arms spread more
_ARM_RATIOS = (3.0, 10.0, 100.0)  # and how much more: in between and beyond the factor is no larger
_BASE_RATIOS = (0.0, 2.0, 3.0, 5.0, 10.0, 100.0)


@dataclass(frozen=True)
class Multiples:
    """By what standard deviations are multiplied, see the module.

    Attributes:
        own: By arm: of its own, Student's t.
        pooled: Of the pooled one.
        factor: Of the wider of the two, at least 1.
    """

    own: tuple[float, ...]
    pooled: float
    factor: float


@dataclass(frozen=True)
class Together:
    """Intervals that hold together.

    Attributes:
        intervals: By arm, in units of the differences; nan where an arm has fewer than two seeds: then it is not one of
            the family.
        pooled_sd: Standard deviation of the differences, pooled over the arms, see the module; nan where no arm has two
            seeds.
        multiples: What the intervals were made with; None where no arm has two seeds.
    """

    intervals: Mapping[str, tuple[float, float]]
    pooled_sd: float
    multiples: Multiples | None


def intervals_together(
    gaps: Mapping[str, Mapping[int, float]], confidence: float = 0.95, bases: Mapping[str, Hashable] | None = None
) -> Together:
    """Returns intervals of mean differences from a base that hold together.

    Args:
        gaps: Finite differences by arm and seed. Arms may have different seeds.
        confidence: With which all intervals hold at once, in (0, 1).
        bases: Which base an arm's differences are from, where there are several; None: all are from the same.
    """
    several = {arm: dict(sorted(by_seed.items())) for arm, by_seed in gaps.items() if len(by_seed) > 1}
    intervals = dict.fromkeys(gaps, (nan, nan))
    if not several:
        return Together(intervals, nan, None)
    order = {seed: place for place, seed in enumerate(sorted({seed for one in several.values() for seed in one}))}
    names = {arm: bases[arm] if bases else None for arm in several}
    which = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    found = multiples(
        tuple(tuple(order[seed] for seed in one) for one in several.values()),
        tuple(which[name] for name in names.values()),
        confidence,
    )
    sds = {arm: stdev(one.values()) for arm, one in several.items()}
    freedom = np.array([len(one) - 1 for one in several.values()])
    pooled = sqrt(float(_pooled(np.array([list(sds.values())]) ** 2, freedom)[0, 0]))
    for (arm, one), own in zip(several.items(), found.own, strict=True):
        half = found.factor * max(own * sds[arm], found.pooled * pooled) / sqrt(len(one))
        mean = fmean(one.values())
        intervals[arm] = (mean - half, mean + half)
    return Together(intervals, pooled, found)


@lru_cache(maxsize=256)
def multiples(
    seeds: tuple[tuple[int, ...], ...], bases: tuple[int, ...] | None = None, confidence: float = 0.95
) -> Multiples:
    """Returns by what to multiply standard deviations, see the module.

    Args:
        seeds: By arm, at least two, which of the seeds 0, 1, … its differences are of.
        bases: By arm, which of the bases 0, 1, … they are from; None: all are from the same.
        confidence: Of the family, in (0, 1).
    """
    own = np.array([student_quantile(0.5 + confidence / 2, len(one) - 1) for one in seeds])
    if len(seeds) == 1:
        return Multiples(tuple(own.tolist()), float(own[0]), 1.0)
    of = np.zeros(len(seeds), dtype=int) if bases is None else np.array(bases)
    drawn = _Drawn(seeds, of)
    counts = np.array([len(one) for one in seeds])
    freedom = counts - 1

    def quantile(means: _Array, limits: _Array) -> float:
        """Returns by what to multiply limits, so that in so many families no mean is beyond its own; all squared."""
        return sqrt(float(np.quantile((means / limits).max(axis=1), confidence)))

    means, variances = drawn.differences(np.ones(len(seeds)), np.ones(len(seeds)))
    pooled = quantile(means, _pooled(variances, freedom))
    factor = 1.0
    for base, arms in _spreads(counts, of):
        means, variances = drawn.differences(base, arms)
        limits = np.maximum(own**2 * variances, pooled**2 * _pooled(variances, freedom))
        factor = max(factor, quantile(means, limits))
    return Multiples(tuple(own.tolist()), pooled, factor)


class _Drawn:
    """Families of plain noise, by their moments: scaling an arm's noise then costs no new draw.

    Args:
        seeds: By arm, which seeds it has. Arm and base are drawn for each seed, a base once for all its arms.
        bases: `[arms]`, which base an arm has.
    """

    def __init__(self, seeds: tuple[tuple[int, ...], ...], bases: npt.NDArray[np.int_]) -> None:
        every, several = 1 + max(seed for one in seeds for seed in one), 1 + int(bases.max())
        draws = min(_DRAWS, _MOST_DIFFERENCES // len(seeds))
        generator = np.random.default_rng(23)
        base = generator.standard_normal((several, draws, every))
        self._counts = np.array([len(one) for one in seeds])
        shape = (draws, len(seeds))
        self._means, self._base_means = np.empty(shape), np.empty(shape)
        self._variances, self._base_variances, self._covariances = np.empty(shape), np.empty(shape), np.empty(shape)
        for arm, one in enumerate(seeds):
            noise, of_base = generator.standard_normal((draws, len(one))), base[bases[arm]][:, list(one)]
            self._means[:, arm], self._base_means[:, arm] = noise.mean(axis=1), of_base.mean(axis=1)
            noise = noise - noise.mean(axis=1, keepdims=True)
            of_base = of_base - of_base.mean(axis=1, keepdims=True)
            self._variances[:, arm] = (noise**2).sum(axis=1) / (len(one) - 1)
            self._base_variances[:, arm] = (of_base**2).sum(axis=1) / (len(one) - 1)
            self._covariances[:, arm] = (noise * of_base).sum(axis=1) / (len(one) - 1)

    def differences(self, base: _Array, arms: _Array) -> tuple[_Array, _Array]:
        """Returns `[draws, arms]`: mean^2 * n of the differences, and their variances.

        Args:
            base: `[arms]`, standard deviation of the noise of each arm's base.
            arms: `[arms]`, of its own.
        """
        means = (arms * self._means - base * self._base_means) ** 2 * self._counts
        variances = arms**2 * self._variances + base**2 * self._base_variances - 2 * base * arms * self._covariances
        return means, np.maximum(variances, 0.0)


def _pooled(variances: _Array, freedom: npt.NDArray[np.int_]) -> _Array:
    """Returns `[families, 1]`, the pooled variance of each, from those of its arms, `[families, arms]`."""
    squares, total = variances * freedom, np.full(len(variances), freedom.sum())
    if variances.shape[1] >= _FEWEST_TO_LEAVE_ONE_OUT:
        widest = variances.argmax(axis=1)
        squares[np.arange(len(squares)), widest] = 0.0
        total -= freedom[widest]
    pooled: _Array = (squares.sum(axis=1) / total)[:, None]
    return pooled


def _spreads(counts: npt.NDArray[np.int_], bases: npt.NDArray[np.int_]) -> Iterator[tuple[_Array, _Array]]:
    """Yields the spreads that must be held: `[arms]` of each one's base, and `[arms]` of its own.

    Where there are several bases, that of most arms spreads more, then all do. Where arms differ in their seeds, those
    with the fewest spread more, then those with the most.
    """
    arms = len(counts)
    most = bases == np.bincount(bases).argmax()
    for ratio in _BASE_RATIOS:
        yield np.where(most, ratio, 1.0), np.ones(arms)
        if not most.all():
            yield np.full(arms, ratio), np.ones(arms)
    fewest = np.argsort(counts, kind="stable")
    orders = [fewest, fewest[::-1]] if len(set(counts.tolist())) > 1 else [fewest]
    for order in orders:
        for group in sorted({size for size in (*_GROUPS, arms // 2) if 0 < size < arms}):
            for ratio in _ARM_RATIOS:
                spreads = np.ones(arms)
                spreads[order[:group]] = ratio
                yield np.ones(arms), spreads
