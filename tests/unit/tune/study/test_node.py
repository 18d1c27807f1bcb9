"""Accelerators by name, in a plan, in a space or fixed: what is wrong with them, and what trainers see of them."""

from typing import Any

import pytest

from tests.fakes.plans import PLAN, plan_study
from tests.fakes.studies import quadratic_study
from tune.drivers.config_checks import config_check
from tune.drivers.start import refuse_other_machines
from tune.errors import FileMistakes, UserMistake
from tune.study.document import Document
from tune.study.node import ACCELERATOR, accelerator_of, accelerators, for_trainer
from tune.study.study import build_study, mistakes_of

BASE = {**PLAN["base"], ACCELERATOR: "A100"}
GPU = {"resources": {"gpus_per_trial": 1}}


def plan_on(node: Any, base: dict[str, Any] = BASE, **changes: Any) -> Any:
    return plan_study(base=base, plan={"first": {"node": node, "grid": {"x": [0.9, 0.5]}}}, **{**GPU, **changes})


def test_accelerators_are_crossed_with_the_grid() -> None:
    """Every arm of the grid on each, the base's first; and the study is written as it was read."""
    study = plan_on({"accelerator": ["A100", "cpu"]})
    arms = [(arm.name, arm.configuration[ACCELERATOR]) for arm in study.arms]
    assert [kind for _, kind in arms] == ["A100", "cpu", "A100", "cpu"]
    assert arms[1][0] == "x=0.9,node.accelerator=cpu"
    assert accelerators(study) == ["A100", "cpu"]
    assert build_study(Document("again", study.model_dump(mode="json", by_alias=True))) == study


def test_a_round_may_vary_nothing_else() -> None:
    """Without a grid its arms are the accelerators."""
    study = plan_study(base=BASE, plan={"first": {"node": {"accelerator": ["A100", "L4"]}}}, **GPU)
    assert [arm.changes for arm in study.arms] == [{}, {ACCELERATOR: "L4"}]


@pytest.mark.parametrize(
    ("node", "changes", "said"),
    [
        ({"accelerator": []}, {}, "plan.first.node.accelerator: "),
        ({"accelerator": ["A100", "A100"]}, {}, "each value once"),
        ({"accelerator": ["a b"]}, {}, "plan.first.node.accelerator.0: "),
        ({"gpu": ["A100"]}, {}, "plan.first.node.gpu: "),
        ({"accelerator": ["A100"]}, {"base": PLAN["base"]}, "no value in `base`; give it one there, such as node.acc"),
        ({"accelerator": ["A100"]}, {"resources": {"gpus_per_trial": 0}}, "resources.gpus_per_trial: 0, but"),
        ({"accelerator": ["cpu", "A100"]}, {"resources": {"gpus_per_trial": "auto"}}, "auto chooses the GPU"),
        (
            {"accelerator": ["A100"]},
            {"plan": {"first": {"grid": {ACCELERATOR: ["A100", "L4"]}}}},
            "is crossed with a grid as `node: {accelerator: [...]}`",
        ),
        (
            {"accelerator": ["A100"]},
            {"plan": {"a": {"node": {"accelerator": ["A100"]}, "search": {"space": {"x": {"uniform": [0, 1]}}}}}},
            "plan.a.node: stands beside `search`",
        ),
    ],
)
def test_what_cannot_be_is_refused(node: Any, changes: dict[str, Any], said: str) -> None:
    """With its place, before anything trains."""
    with pytest.raises(FileMistakes) as caught:
        plan_on(node, **changes) if "plan" not in changes else plan_study(**{"base": BASE, **GPU, **changes})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fixed": {ACCELERATOR: 3}}, "3 is no type of accelerator"),
        ({"fixed": {ACCELERATOR: "A/100"}}, "'A/100' is no type of accelerator"),
        ({"space": {"x": {"uniform": [0, 1]}, ACCELERATOR: {"int": [1, 3]}}}, "is a name and no number"),
    ],
)
def test_a_search_is_checked_as_well(changes: dict[str, Any], said: str) -> None:
    """Whether its trials train on one, or on which they train is searched."""
    study = quadratic_study(**{**GPU, **changes})
    assert any(said in message for _, message in mistakes_of(study)), mistakes_of(study)


def test_trainers_never_see_it() -> None:
    """Neither those that train nor those that are asked about a configuration."""
    asked: list[Any] = []

    class Strict:
        @staticmethod
        def check_config(config: Any) -> dict[str, str]:
            asked.append(config)
            return {}

    config = {"x": 1, ACCELERATOR: "L4"}
    config_check(Strict)(config)  # type: ignore[arg-type]
    assert asked == [{"x": 1}] == [for_trainer(config)]
    assert accelerator_of(config) == "L4"
    assert accelerator_of({"x": 1}) is None


def test_one_process_gives_no_choice() -> None:
    """The inline driver trains on whatever it has; processors alone it has where there is no GPU."""
    with pytest.raises(UserMistake, match="A100, cpu: --driver inline trains everything in this process"):
        refuse_other_machines(plan_on({"accelerator": ["A100", "cpu"]}))
    refuse_other_machines(plan_on({"accelerator": ["cpu"]}, base={**BASE, ACCELERATOR: "cpu"}))
    refuse_other_machines(plan_study())
