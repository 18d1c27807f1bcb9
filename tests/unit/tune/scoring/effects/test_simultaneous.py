"""Intervals of several paired differences from one base that hold together."""

from math import isnan

import numpy as np
import pytest
from scipy.stats import dunnett

from tune.scoring.effects.simultaneous import intervals_together, multiples
from tune.scoring.intervals import student_quantile

THREE = (0, 1, 2)


def test_the_multiples_are_the_same_every_time() -> None:
    """A report that is made again says the same: the simulation has a generator of its own."""
    multiples.cache_clear()
    first = multiples((THREE,) * 4)
    multiples.cache_clear()
    assert multiples((THREE,) * 4) == first


def test_the_pooled_multiple_comes_to_dunnetts() -> None:
    """With many seeds the variance is known, and the quantile is that of scipy's Dunnett test for three arms."""
    found = multiples((tuple(range(60)),) * 3)
    generator = np.random.default_rng(0)
    groups = [generator.normal(size=60) for _ in range(4)]
    table = dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(1))
    interval = table.confidence_interval(0.95)
    sd = np.sqrt(np.mean([group.var(ddof=1) for group in groups]) * 2 / 60)
    expected = np.mean(np.subtract(interval.high, interval.low)) / 2 / sd
    assert found.pooled == pytest.approx(expected, abs=0.03)


def test_the_wider_of_an_arms_own_interval_and_the_familys_is_taken() -> None:
    """An arm that spreads more is given its own interval, one whose seeds agree by chance is given the family's."""
    wild = {1: -3.0, 2: 0.0, 3: 3.0}
    calm = {1: -0.1, 2: 0.0, 3: 0.1}
    found = intervals_together({"wild": wild, "calm": calm, "flat": dict.fromkeys((1, 2, 3), 0.0)})
    assert found.multiples is not None
    factor, root = found.multiples.factor, 3**0.5
    assert found.pooled_sd == pytest.approx(((9.0 + 0.01) / 3) ** 0.5)
    assert found.intervals["wild"][1] == pytest.approx(factor * found.multiples.own[0] * 3.0 / root)
    for arm in ("calm", "flat"):
        assert found.intervals[arm][1] == pytest.approx(factor * found.multiples.pooled * found.pooled_sd / root)


def test_one_unstable_arm_does_not_blur_the_others() -> None:
    """Of four arms the one that spreads most is not in the pool, so the intervals of the others stay as they are."""
    calm = {f"calm {k}": {1: -0.1, 2: 0.0, 3: 0.1} for k in range(3)}
    wild = intervals_together({**calm, "wild": {1: -9.0, 2: 0.0, 3: 9.0}})
    wilder = intervals_together({**calm, "wild": {1: -90.0, 2: 0.0, 3: 90.0}})
    assert wild.pooled_sd == pytest.approx(0.1)
    assert wild.intervals["calm 0"] == wilder.intervals["calm 0"]
    assert wild.intervals["wild"][1] > 9.0


@pytest.mark.parametrize(("seeds", "arms"), [(3, 4), (3, 22), (5, 4), (5, 22)])
def test_less_wide_than_bonferronis_and_no_narrower_than_one_arms(seeds: int, arms: int) -> None:
    """The factor is at least 1, and below what Bonferroni's correction widens a paired interval by."""
    found = multiples((tuple(range(seeds)),) * arms)
    bonferroni = student_quantile(1 - 0.025 / arms, seeds - 1) / student_quantile(0.975, seeds - 1)
    assert 1 <= found.factor < 0.85 * bonferroni


@pytest.mark.parametrize("wild", ["nobody", "one arm", "four arms", "base"])
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_family_holds_whoever_spreads_more(wild: str, seeds: int) -> None:
    """Of 2,000 families of nine arms at most 6.5 % miss an effect: 5 % and three standard errors."""
    generator = np.random.default_rng(seeds)
    spreads = np.ones(10)
    spreads[{"nobody": slice(0), "one arm": slice(1, 2), "four arms": slice(1, 5), "base": slice(0, 1)}[wild]] = 4.0
    found = multiples((tuple(range(seeds)),) * 9)
    noise = generator.normal(size=(2000, 10, seeds)) * spreads[:, None]
    gaps = noise[:, 1:] - noise[:, :1]
    sds = gaps.std(axis=2, ddof=1)
    pooled = np.sqrt((np.sort(sds, axis=1)[:, :-1] ** 2).mean(axis=1, keepdims=True))
    half = found.factor * np.maximum(found.own[0] * sds, found.pooled * pooled) / seeds**0.5
    missed = (np.abs(gaps.mean(axis=2)) > half).any(axis=1).mean()
    assert missed <= 0.065


def test_arms_of_fewer_seeds_have_wider_intervals() -> None:
    """An arm that lost seeds is in the family with those that it has; one with a single seed is not."""
    whole = {1: -1.0, 2: 0.0, 3: 1.0, 4: 0.3, 5: -0.3}
    found = intervals_together({"whole": whole, "two": {1: -1.0, 4: 1.0}, "one": {2: 0.5}, "none": {}})
    assert found.multiples is not None
    assert found.multiples.own == pytest.approx((2.776, 12.706), abs=1e-3)
    assert found.intervals["two"][1] > found.intervals["whole"][1]
    assert all(isnan(end) for arm in ("one", "none") for end in found.intervals[arm])


def test_differences_without_spread_have_intervals_without_width() -> None:
    """Where seeds change nothing a difference is certain, and none is no effect."""
    found = intervals_together({"a": {1: 0.5, 2: 0.5}, "b": {1: 0.0, 2: 0.0}})
    assert found.intervals == {"a": (0.5, 0.5), "b": (0.0, 0.0)}
