"""A plan grows by rounds, arms and values, and by nothing that changes what was trained."""

from copy import deepcopy
from typing import Any

import pytest

from tests.fakes.plans import PLAN
from tune.study.plan.growth import why_not
from tune.study.plan.section import Round

OLD: dict[str, Any] = {**PLAN["plan"], "look": {"search": {"space": {"x": {"uniform": [0, 1]}}, "trials": 4}}}


def reason(change: dict[str, Any], rungs: tuple[int, int] = (1, 1)) -> str | None:
    old = {name: Round.model_validate(keys) for name, keys in OLD.items()}
    new = deepcopy(OLD)
    for name, keys in change.items():
        new.pop(name, None) if keys is None else new.update({name: {**new.get(name, {}), **keys}})
    return why_not(old, {name: Round.model_validate(keys) for name, keys in new.items()}, rungs)


@pytest.mark.parametrize(
    "change",
    [
        {"more": {"arms": {"w": {"width": 64}}}},
        {"first": {"grid": {"x": [0.9, 0.5, 0.3, 0.1], "width": [8, 4]}}},
        {"third": {"arms": {"longer": {"epochs": 5}, "near": {"x": 0.4}, "far": {"x": 2.0}}}},
        {"third": {"first": ["near"]}},
        {"look": {"search": {"space": {"x": {"uniform": [0, 1]}}, "trials": 9}}},
    ],
)
def test_what_adds_is_allowed(change: dict[str, Any]) -> None:
    """Rounds, values, arms, priorities, trials of a search."""
    assert reason(change) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"second": None}, "round 'second' is gone"),
        ({"first": {"grid": {"x": [0.9, 0.5], "width": [4, 8]}}}, "round 'first': grid.x has lost 0.3"),
        ({"first": {"grid": {"x": [0.9, 0.5, 0.3]}}}, "the factors of its grid are others"),
        ({"third": {"arms": {"near": {"x": 0.4}}}}, "arm 'longer' is gone or another"),
        ({"third": {"arms": {"longer": {"epochs": 6}, "near": {"x": 0.4}}}}, "arm 'longer' is gone or another"),
        ({"third": {"from": "first"}}, "`from` is not what its arms were trained with"),
        ({"third": {"epochs": 9}}, "`epochs` is not what"),
        ({"look": {"search": {"space": {"x": {"uniform": [0, 2]}}}}}, "its space is another"),
        (
            {"look": {"search": {"space": {"x": {"uniform": [0, 1]}}, "rungs": [{"epochs": 3, "seeds": 3}]}}},
            "its ladder",
        ),
    ],
)
def test_what_would_change_old_arms_is_refused(change: dict[str, Any], why: str) -> None:
    """With the round and the reason."""
    said = reason(change)
    assert said is not None
    assert why in said


def test_order_and_ladder_stay() -> None:
    """Rounds are not moved, and no longer ladder joins."""
    old = {name: Round.model_validate(keys) for name, keys in OLD.items()}
    turned = dict(reversed(list(old.items())))
    assert (
        why_not(old, turned, (1, 1))
        == "its rounds stand in another order; further ones may stand between and after them"
    )
    assert "cannot join a plan whose ladder has 1" in (reason({}, (1, 2)) or "")
