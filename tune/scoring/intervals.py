"""Intervals of proportions and of means (pure functions)."""

from math import nan, sqrt
from statistics import NormalDist


def student_quantile(probability: float, freedom: float) -> float:
    """Returns the quantile of Student's t distribution with so many degrees of freedom."""
    from scipy.special import stdtrit  # takes a while to import, and not every command needs it

    return float(stdtrit(freedom, probability))


def wilson_interval(failed: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the Wilson score interval of a proportion.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22, 209-212.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = failed / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(mean: float, sd: float, count: int) -> tuple[float, float]:
    """Returns the 95% t interval of a mean; nan with fewer than two values.

    Source: Student 1908, "The probable error of a mean", Biometrika 6, 1-25.
    """
    if count < 2:
        return nan, nan
    half = student_quantile(0.975, count - 1) * sd / sqrt(count)
    return mean - half, mean + half
