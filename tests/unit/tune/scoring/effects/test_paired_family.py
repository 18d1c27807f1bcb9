"""What each arm of a plan changes against its base."""

from math import isnan, nan

import pytest

from tune.ledger.loss_scale import LossScale
from tune.scoring.effects.paired_family import effects_against
from tune.scoring.paired import paired

BASE = {1: 1.0, 2: 2.0, 3: 3.0}


def test_a_family_of_one_arm_has_the_paired_interval() -> None:
    """With nothing to hold together the interval is Student's; the golden value is that of differences 1, 2, 3."""
    effect = effects_against(BASE, {"a": {1: 0.0, 2: 0.0, 3: 0.0}}).effects["a"]
    assert effect.mean == pytest.approx(2.0)
    assert effect.interval == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert effect.interval == pytest.approx(effect.pointwise)


def test_an_effect_is_what_two_trials_compared_come_to() -> None:
    """Seeds, mean and pointwise interval are those of `paired`: positive where the arm is better."""
    arms = {"better": {1: 0.5, 2: 1.4, 3: 2.3}, "worse": {1: 1.5, 2: 2.2, 3: 3.9}}
    family = effects_against(BASE, arms)
    for arm, losses in arms.items():
        expected = paired(losses, BASE, float("inf"))
        effect = family.effects[arm]
        assert (effect.seeds, effect.mean, effect.pointwise) == (expected.seeds, expected.mean, expected.interval)
    assert family.effects["better"].mean > 0 > family.effects["worse"].mean


def test_intervals_that_hold_together_are_wider_than_pointwise_ones() -> None:
    """More arms ask more, so the interval of one that says something alone may hold zero in a family."""
    clear = {1: 0.9, 2: 1.91, 3: 2.89}
    alone = effects_against(BASE, {"a": clear}).effects["a"]
    others = {f"other {k}": {1: 1.0 + k / 9, 2: 2.0 - k / 7, 3: 3.0 + k / 8} for k in range(1, 9)}
    among = effects_against(BASE, {"a": clear, **others}).effects["a"]
    assert alone.holds_up
    assert not among.holds_up
    assert among.pointwise == alone.pointwise
    assert among.interval[0] < among.pointwise[0] < among.pointwise[1] < among.interval[1]


def test_a_failed_seed_is_told_apart_and_not_averaged_in() -> None:
    """A seed that diverged or is no better than the baseline enters no difference, on either side."""
    base = {1: 1.0, 2: 2.0, 3: nan, 4: 1.0}
    arm = {1: 0.5, 2: 9.0, 3: 1.0, 4: 0.4, 5: 0.1}
    effect = effects_against(base, {"a": arm}, LossScale(baseline=5.0)).effects["a"]
    assert effect.seeds == (1, 4)
    assert effect.mean == pytest.approx(0.55)
    assert (effect.failed, effect.base_failed, effect.unpaired) == ((2,), (3,), (5,))


def test_a_single_seed_has_a_difference_and_no_interval() -> None:
    """One seed tells no spread, not even by that of the other arms, and that is said."""
    family = effects_against(BASE, {"one": {1: 0.5}, "none": {1: nan}, "three": {1: 0.5, 2: 1.4, 3: 2.3}})
    one, none = family.effects["one"], family.effects["none"]
    assert one.mean == pytest.approx(0.5)
    assert all(map(isnan, (*one.interval, *one.pointwise, none.mean, *none.interval)))
    assert not one.holds_up
    assert (one.caveat, none.caveat) == ("one seed: no interval", "no seed that both have and neither fails")
    assert not family.effects["three"].caveat
    assert family.effects["three"].interval == family.effects["three"].pointwise  # a family of one
    nothing = effects_against({1: 1.0}, {"one": {1: 0.5}})
    assert nothing.multiples is None
    assert isnan(nothing.pooled_sd)


def test_a_metric_that_is_maximised_is_the_same_turned_round() -> None:
    """Accuracy up is an effect up, with the same interval as a loss that goes down as much."""
    arms = {"a": {1: 0.5, 2: 1.4, 3: 2.3}, "b": {1: 1.1, 2: 2.2, 3: 2.8}}
    down = effects_against(BASE, arms)
    up = effects_against(
        {seed: -loss for seed, loss in BASE.items()},
        {arm: {seed: -loss for seed, loss in losses.items()} for arm, losses in arms.items()},
        LossScale(maximize=True),
    )
    assert {arm: one.interval for arm, one in up.effects.items()} == {
        arm: pytest.approx(one.interval) for arm, one in down.effects.items()
    }
