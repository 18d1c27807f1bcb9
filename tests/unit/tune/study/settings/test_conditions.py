"""Parameters that exist only under a condition."""

from typing import Any

import pytest

from tune.errors import FileMistakes
from tune.study.document import Document
from tune.study.settings.conditions import completed, existing, groups, parents_first, required, with_conditions
from tune.study.study import Study, build_study

SPACE: dict[str, Any] = {
    "decay": {"uniform": [0, 1], "when": {"warmup": [5, 10]}},
    "schedule": {"choice": ["constant", "cosine", "step"]},
    "warmup": {"int": [0, 20], "step": 5, "when": {"schedule": ["cosine", "step"]}},
    "lr": {"log_uniform": [1e-4, 1]},
}


def conditional(space: dict[str, Any] = SPACE, **changes: object) -> Study:
    """A study whose parameters have conditions on others, one of them written before what it rests on."""
    given = {"name": "conditional", "trainer": "a:B", "space": space, "seeds": [1, 2], "epochs": 4, **changes}
    return build_study(Document("conditional", given))


def test_what_does_not_exist_is_left_out() -> None:
    """With what rests on it, however deep, and in the order of the space."""
    space = conditional().space
    whole = {"lr": 0.1, "decay": 0.5, "schedule": "cosine", "warmup": 5}
    assert list(existing(space, whole)) == ["decay", "schedule", "warmup", "lr"]
    assert existing(space, {**whole, "warmup": 0}) == {"schedule": "cosine", "warmup": 0, "lr": 0.1}
    assert existing(space, {**whole, "schedule": "constant"}) == {"schedule": "constant", "lr": 0.1}


def test_conditions_hold_together() -> None:
    """What a parameter asks for is all that its parents ask for as well; groups exist together."""
    space = conditional().space
    assert required(space, "decay") == {"schedule": ["cosine", "step"], "warmup": [5, 10]}
    assert with_conditions(space, {"decay": 0.1}) == {"schedule": "cosine", "warmup": 5, "decay": 0.1}
    assert groups(space) == [["schedule", "lr"], ["decay"], ["warmup"]]
    assert parents_first(space) == ["schedule", "warmup", "decay", "lr"]
    assert completed(space, {"schedule": "step"}) == {"schedule": "step", "decay": 0.5, "warmup": 10, "lr": 0.01}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr": {"uniform": [0, 1], "when": {"shedule": "step"}}}, "when.shedule: is not under `space`; did you mean"),
        ({"warmup": {"int": [0, 1], "when": {"lr": 0.1}}}, "space.warmup.when.lr: cannot be counted"),
        ({"warmup": {"int": [0, 1], "when": {"schedule": "cos"}}}, "space.warmup.when.schedule: never is 'cos'"),
        ({"warmup": {"int": [0, 1], "when": {"schedule": []}}}, "space.warmup.when.schedule: must list"),
        ({"schedule": {"choice": [1, 2], "when": {"warmup": 5}}, "warmup": {"int": [5, 9], "when": {"schedule": 1}}},
         "conditions go in a circle, schedule → warmup → schedule"),
        ({"schedule": {"choice": [1, 2], "when": {"schedule": 1}}}, "in a circle, schedule → schedule"),
        ({"decay": {"int": [1, 2], "when": {"warmup": 5, "schedule": "constant"}}}, "space.decay.when: never holds"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    """One on nothing, on no value, in a circle, or that contradicts another: with its names, before anything trains."""
    space = {**SPACE, **changes}
    if "decay" not in changes:
        space.pop("decay")
    with pytest.raises(FileMistakes) as caught:
        conditional(space)
    assert said in str(caught.value)


def test_a_circle_is_told_in_the_order_of_its_conditions() -> None:
    """Each name before the one that its condition is on."""
    space = {name: {"choice": [1], "when": {to: 1}} for name, to in (("a", "b"), ("b", "c"), ("c", "a"))}
    with pytest.raises(FileMistakes, match=r"a → b → c → a|b → c → a → b|c → a → b → c"):
        conditional(space)
