"""What is wrong with a plan is said in one message, before anything is trained."""

from copy import deepcopy
from typing import Any

import pytest

from tests.fakes.plans import PLAN, plan_study
from tune.errors import FileMistakes
from tune.study.document import assign

ROUNDS: list[tuple[str, dict[str, Any], str]] = [
    ("a round from itself", {"a": {"from": "a", "arms": {"x": {"x": 1.0}}}}, "'a' begins from itself"),
    (
        "rounds in a circle",
        {"a": {"from": "b", "arms": {"x": {"x": 1.0}}}, "b": {"from": "a", "arms": {"y": {"x": 2.0}}}},
        "rounds go in a circle",
    ),
    ("a later round", {"a": {"from": "b", "arms": {"x": {"x": 1.0}}}, "b": {"arms": {"y": {"x": 2.0}}}},
     "'b' comes after 'a'"),
    ("no such round", {"a": {"from": "zero", "arms": {"x": {"x": 1.0}}}}, "there is no round 'zero'"),
    ("a parameter without a value", {"a": {"arms": {"x": {"widht": 1}}}}, "no value in `base`; did you mean 'width'"),
    ("a parameter of a grid without a value", {"a": {"grid": {"depth": [1, 2]}}}, "plan.a.grid.depth: has no value"),
    ("an empty grid", {"a": {"grid": {}}}, "is empty; give at least one"),
    ("a grid of nothing", {"a": {"grid": {"x": []}}}, "is empty; give at least one"),
    ("a value twice", {"a": {"grid": {"x": [1.0, 1]}}}, "each value once"),
    ("nothing to train", {"a": {}}, "has nothing to train"),
    ("the same arm twice", {"a": {"arms": {"x": {"x": 1.0}, "y": {"x": 1.0}}}}, "is the same arm as 'x'"),
    ("an arm that changes nothing", {"a": {"arms": {"x": {"x": 0.9}}}}, "changes nothing: it is the base"),
    ("an arm that a list has", {"a": {"one_at_a_time": {"x": [1.0]}, "arms": {"x": {"x": 1.0}}}}, "arm as 'x=1.0'"),
    ("an arm called base", {"a": {"arms": {"base": {"x": 1.0}}}}, "is what an arm is called already"),
    ("more seeds than there are", {"a": {"arms": {"x": {"seeds": 9}}}}, "9 seeds asked for, but `seeds` lists 3"),
    ("no epochs at all", {"a": {"arms": {"x": {"epochs": 0}}}}, "must be a whole number, 1 or more, got 0"),
    ("a priority of nobody", {"a": {"arms": {"x": {"x": 1.0}}, "first": ["y"]}}, "no arm of this round is meant"),
    ("a weight of nobody", {"a": {"arms": {"x": {"x": 1.0}}, "weights": {"z": 2}}}, "plan.a.weights.z"),
    ("a name that is no name", {"a/b": {"arms": {"x": {"x": 1.0}}}}, "plan.a/b: 'a/b' is no name; allowed: A-Z,"),
    (
        "a search beside arms",
        {"a": {"search": {"space": {"x": {"uniform": [0, 1]}}}, "arms": {"x": {"x": 1.0}}}},
        "stands beside `search`",
    ),
    (
        "a search that is a grid",
        {"a": {"search": {"space": {"x": {"choice": [0.1, 0.2]}}, "method": "grid"}}},
        "written as `grid`",
    ),
    (
        "a ladder that ends elsewhere",
        {"a": {"search": {"space": {"x": {"uniform": [0, 1]}}, "rungs": [{"epochs": 2, "seeds": 3}]}}},
        "the last rung must be that of the round, 3 x 3",
    ),
    ("a search of another kind", {"a": {"search": {"space": {"x": {"choice": ["a", "b"]}}}}}, "values of one"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "plan", "said"), ROUNDS, ids=[case[0] for case in ROUNDS])
def test_each_mistake_has_a_message(what: str, plan: dict[str, Any], said: str) -> None:
    """One for each, with the place."""
    with pytest.raises(FileMistakes) as caught:
        plan_study(plan=plan)
    assert said in str(caught.value), what
    assert "1 mistake\n" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"space": {"x": {"uniform": [0, 1]}}}, "space: does not go with `plan`"),
        ({"rungs": [{"epochs": 3, "seeds": 3}]}, "rungs: does not go with `plan`"),
        ({"search": {"trials": 3}}, "search: does not go with `plan`"),
        ({"base": {}}, "base: is missing"),
        ({"plan": {}}, "base: goes with `plan`, which is missing"),
        ({"fixed": {"x": 1}}, "base.x: is also under `fixed`"),
        ({"base": {"x": 0.9, "width": 4, "epochs": 9}}, "base.epochs: 9 planned, but `epochs` trains 3"),
        ({"base": {"x": 0.9, "width": 4, "seeds": 3}}, "base.seeds: is no parameter"),
        ({"fixed": {"epochs": 3}}, "fixed.epochs: arms differ in it"),
        ({"base": {"x": 0.9, "width": 4, "arm": 3}}, "base.arm: is no parameter"),
        ({"base": {"x": 0.9, "width": 4, "round": 3}}, "base.round: is no parameter"),
        ({"budget": {"seed_epochs": 8}}, "8 has no room for the first arm, first/x=0.9,width=4: it costs 9"),
    ],
)
def test_keys_that_do_not_go_together(change: dict[str, Any], said: str) -> None:
    """A plan and a search are two kinds of study; what belongs to one is refused in the other."""
    with pytest.raises(FileMistakes) as caught:
        plan_study(**change)
    assert said in str(caught.value)


def test_a_plan_without_epochs_is_refused() -> None:
    """Nothing says how long an arm trains."""
    keys = deepcopy(PLAN)
    keys.pop("epochs")
    with pytest.raises(FileMistakes, match="epochs"):
        plan_study(epochs=None)


def test_a_sound_plan_has_none() -> None:
    """The plan of the other tests, with one round more."""
    from tune.study.document import Document

    file = Document("plan.yaml", deepcopy(PLAN))
    assign(file, "plan.fourth", {"search": {"space": {"x": {"uniform": [0, 1]}}, "trials": 4}})
    assert plan_study(**file.value).plan.keys() == {"first", "second", "third", "fourth"}
