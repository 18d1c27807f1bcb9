"""Everything that the arms of a plan say."""

from collections.abc import Mapping
from math import isnan, nan

import pytest

from tune.ledger.loss_scale import LossScale
from tune.scoring.effects.paired_family import effects_against
from tune.scoring.effects.plan_effects import ArmRuns, RoundRuns, plan_effects

BASE = {"rate": 3e-4, "warm_up": 0.05, "units": 96, "kind": "adam"}
SCALE = LossScale(baseline=10.0)


def losses(level: float, *, failed: int = 0) -> dict[int, float]:
    """Three seeds around a level, of which the last ones diverged."""
    found = {1: level + 1.0, 2: level + 2.05, 3: level + 3.1 * level**0.1}
    return {seed: nan if seed > 3 - failed else loss for seed, loss in found.items()}


def arm(
    of: str,
    name: str,
    changes: Mapping[str, object],
    level: float,
    *,
    failed: int = 0,
    epochs: int = 25,
    pace: float = 2,
) -> ArmRuns:
    """One arm that ends at a level."""
    return ArmRuns(of, name, {**BASE, **changes}, epochs, losses(level, failed=failed), pace)


def one_at_a_time() -> RoundRuns:
    """A round whose arms change the units one at a time, and one that trains longer."""
    base = arm("capacity", "base", {}, 2.0)
    others = [
        arm("capacity", "units=64", {"units": 64}, 2.5, pace=1),
        arm("capacity", "units=128", {"units": 128}, 1.9, failed=1),
        arm("capacity", "kind=sgd", {"kind": "sgd"}, 3.0),
        arm("capacity", "both", {"units": 64, "kind": "sgd"}, 3.5),
        arm("capacity", "long", {}, 1.0, epochs=60),
        arm("capacity", "long wide", {"units": 128}, 0.9, epochs=60),
        arm("capacity", "short", {"units": 64}, 4.0, epochs=12),
    ]
    return RoundRuns(base, others, {})


def gridded() -> RoundRuns:
    """A grid of which the base is one cell, one cell diverged at its highest rate, and one is not trained yet."""
    grid = {"rate": [2e-4, 3e-4, 4.5e-4], "warm_up": [0.05, 0.06]}
    base = arm("optimizer", "base", {}, 2.0)
    others = [
        arm("optimizer", "a", {"rate": 2e-4}, 2.4),
        arm("optimizer", "b", {"rate": 4.5e-4}, 2.2, failed=2),
        arm("optimizer", "c", {"warm_up": 0.06}, 2.1),
        arm("optimizer", "d", {"rate": 2e-4, "warm_up": 0.06}, 2.5),
        arm("optimizer", "aside", {"rate": 2e-4, "units": 64}, 5.0),
    ]
    return RoundRuns(base, others, grid)


def test_arms_are_set_against_the_base_of_their_round() -> None:
    """What the arms of a plan change are paired effects, and say what they changed and how fast they were."""
    found = {one.arm.full_name: one for one in plan_effects([gridded(), one_at_a_time()], SCALE).arms}
    narrow = found["capacity/units=64"]
    assert narrow.effect is not None
    assert narrow.base is not None
    assert (narrow.changes, narrow.base.full_name, narrow.speed) == ({"units": 64}, "capacity/base", 2.0)
    alone = effects_against(losses(2.0), {"x": losses(2.5)}, SCALE).effects["x"]
    assert (narrow.effect.mean, narrow.effect.pointwise) == (alone.mean, alone.pointwise)
    assert narrow.effect.interval[0] < alone.interval[0]
    assert found["optimizer/d"].changes == {"rate": 2e-4, "warm_up": 0.06}


def test_arms_of_other_epochs_are_compared_with_a_base_of_as_many_or_not_at_all() -> None:
    """The longer arm that changes nothing is the base of the longer one that does; a shorter one has none."""
    found = {one.arm.name: one for one in plan_effects([one_at_a_time()], SCALE).arms}
    wide = found["long wide"]
    assert wide.base is not None
    assert wide.effect is not None
    assert wide.base.name == "long"
    assert wide.effect.mean == pytest.approx(
        sum(losses(1.0)[seed] - losses(0.9)[seed] for seed in (1, 2, 3)) / 3,
    )
    for name, epochs in (("short", 12), ("long", 60)):
        assert found[name].effect is None
        assert found[name].base is None
        assert isnan(found[name].speed)
        assert found[name].caveat == f"trained for {epochs} epochs, no base did: not compared"


def test_factors_are_averaged_over_a_grid_and_taken_from_single_arms_elsewhere() -> None:
    """A grid's arm that differs in one factor is no second effect of it; an arm that changes two is none."""
    found = plan_effects([gridded(), one_at_a_time()], SCALE).factors
    told = [(one.round, one.factor, one.level, one.epochs, one.averaged) for one in found]
    assert told == [
        ("optimizer", "rate", 2e-4, 25, True),
        ("optimizer", "rate", 4.5e-4, 25, True),
        ("optimizer", "warm_up", 0.06, 25, True),
        ("capacity", "units", 64, 25, False),
        ("capacity", "units", 128, 25, False),
        ("capacity", "kind", "sgd", 25, False),
        ("capacity", "units", 128, 60, False),
    ]
    assert found[3].mean < 0
    assert [one.against for one in found[:4]] == [3e-4, 3e-4, 0.05, 96]


def test_a_grid_has_its_cells_and_what_is_missing() -> None:
    """A cell that nobody trained is missing for every seed, a run that diverged failed; other arms are no cells."""
    grid = plan_effects([gridded()], SCALE).grids["optimizer"]
    assert [(one.settings["rate"], one.settings["warm_up"], one.failed) for one in grid.absent] == [
        (4.5e-4, 0.05, True),
        (4.5e-4, 0.05, True),
        *[(4.5e-4, 0.06, False)] * 3,
    ]
    assert [one.factors for one in grid.terms] == [("rate",), ("warm_up",), ("rate", "warm_up")]


def test_stability_is_of_numbers_in_arms_that_change_nothing_else() -> None:
    """Failures are counted over a grid's whole rows, else over arms that differ in that parameter alone."""
    found = plan_effects([gridded(), one_at_a_time()], SCALE).stability
    assert list(found) == [("optimizer", "rate"), ("optimizer", "warm_up"), ("capacity", "units")]
    assert [(one.value, one.seeds, one.failed) for one in found["optimizer", "rate"].values] == [
        (2e-4, 6, 0),
        (3e-4, 6, 0),
        (4.5e-4, 3, 2),
    ]
    assert [(one.value, one.seeds, one.failed) for one in found["capacity", "units"].values] == [
        (64.0, 3, 0),
        (96.0, 3, 0),
        (128.0, 3, 1),
    ]


def test_a_grid_that_has_nothing_yet_says_why() -> None:
    """A plan that has just begun is no mistake."""
    base = ArmRuns("optimizer", "base", BASE, 25, {})
    found = plan_effects([RoundRuns(base, [], {"rate": [1e-4, 3e-4]})])
    assert not found.grids
    assert "runs that succeeded" in found.no_grid["optimizer"]
    assert (found.arms, found.factors, found.stability) == ((), (), {})


def test_names_that_are_there_twice_are_refused() -> None:
    """Two arms of one name would be one in the tables."""
    twice = RoundRuns(arm("r", "base", {}, 2.0), [arm("r", "x", {}, 1.0), arm("r", "x", {}, 3.0)], {})
    with pytest.raises(ValueError, match="got r/x twice"):
        plan_effects([twice])
