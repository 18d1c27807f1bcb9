"""Whether one trial is better than another: paired over the seeds that both have."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from statistics import fmean, stdev

from tune.scoring.intervals import mean_interval
from tune.scoring.score import has_failed


@dataclass(frozen=True)
class Difference:
    """The paired difference of two trials over the seeds that neither fails.

    Attributes:
        seeds: Those seeds.
        mean: Of second minus first; positive: the first is better. nan without a shared seed.
        interval: 95% t interval of the mean; nan with fewer than two seeds.
    """

    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float]

    @property
    def holds_up(self) -> bool:
        """Whether the interval leaves out zero."""
        low, high = self.interval
        return low > 0 or high < 0


def paired(first: Mapping[int, float], second: Mapping[int, float], baseline: float) -> Difference:
    """Returns the difference of two trials' losses over the seeds that both have and neither fails."""
    seeds = tuple(
        seed
        for seed in first
        if seed in second and not has_failed(first[seed], baseline) and not has_failed(second[seed], baseline)
    )
    gaps = [second[seed] - first[seed] for seed in seeds]
    if len(gaps) < 2:
        return Difference(seeds, gaps[0] if gaps else nan, (nan, nan))
    mean = fmean(gaps)
    return Difference(seeds, mean, mean_interval(mean, stdev(gaps), len(gaps)))
