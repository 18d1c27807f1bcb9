"""What a plan comes to as a study: its space and its ladder."""

from tests.fakes.plans import PLAN, plan_study
from tune.study.ladder import Rung
from tune.study.plan.derived import planned_space, trial_ladder
from tune.study.plan.section import Round
from tune.study.space import Choice, IntRange, LogUniform
from tune.study.study import dump_study


def space_of(base: dict[str, object], **rounds: dict[str, object]) -> dict[str, object]:
    found = planned_space(base, {name: Round.model_validate(keys) for name, keys in rounds.items()})
    return {name: one.values if isinstance(one, Choice) else one for name, one in found.items()}


def test_every_value_of_every_arm_is_in_the_space() -> None:
    """Numbers in order, others as they come, each once; what no arm changes is a choice of one."""
    found = space_of(
        {"rate": 0.2, "kind": "a", "flag": True},
        one={"grid": {"rate": [0.4, 0.1]}},
        two={"arms": {"x": {"kind": "b", "rate": 0.3}, "y": {"kind": "a", "flag": False}}},
    )
    assert found == {"rate": (0.1, 0.2, 0.3, 0.4), "kind": ("a", "b"), "flag": (True, False)}


def test_a_range_that_is_searched_encloses_the_values_of_arms() -> None:
    """On the scale of the range."""
    search = {"space": {"rate": {"log_uniform": [1e-3, 1e-1]}, "width": {"int": [4, 64], "log": True}}}
    found = space_of({"rate": 0.2, "width": 2}, one={"search": search}, two={"arms": {"x": {"width": 128}}})
    rate, width = found["rate"], found["width"]
    assert isinstance(rate, LogUniform)
    assert rate.extremes == (1e-3, 0.2)
    assert isinstance(width, IntRange)
    assert (width.extremes, width.log) == ((2, 128), True)


def test_ladders_end_on_one_rung() -> None:
    """A trial that climbs fewer rungs begins higher, so that whoever stands at the last one is confirmed."""
    short, long = [Rung(epochs=9, seeds=3)], [Rung(epochs=2, seeds=1), Rung(epochs=9, seeds=3)]
    assert trial_ladder(short, 2) == [short[0], short[0]]
    assert trial_ladder(long, 2) == long
    searched = {"space": {"x": {"uniform": [0, 1]}}, "rungs": [one.model_dump() for one in long]}
    study = plan_study(plan={**PLAN["plan"], "look": {"search": searched}}, epochs=9)
    assert study.rungs == long


def test_a_plan_is_written_as_it_was_read() -> None:
    """Space, ladder and search follow from its rounds, so none of them is written."""
    study = plan_study()
    text = dump_study(study)
    assert "space:" not in text
    assert "rungs:" not in text
    assert "\nsearch:" not in text
    assert study.trials == 9
    assert study.top == Rung(epochs=3, seeds=3)
