"""The plan file of the runs that would separate what is confounded."""

import re

import yaml

from tests.fakes.runs_elsewhere import imported
from tune.scoring.comparison.comparison import Question, compare_runs
from tune.scoring.comparison.plan import plan_of
from tune.scoring.confounding import confounding
from tune.study.scalars import Loader

TRAP = (
    {"schedule": "constant", "epochs": 6, "workers": 2, "lr": 3e-4},
    {"schedule": "cosine", "epochs": 15, "workers": 8, "lr": 3e-4},
)


def test_arms_say_only_what_differs_from_the_first_side() -> None:
    """Epochs are the plan's own key; what an arm has is a value that was seen; what is missing is said in comments."""
    plan = plan_of(
        compare_runs([imported(str(at), loss=[2, 1], configuration=one) for at, one in enumerate(TRAP)], Question())
    )
    assert plan is not None
    text = plan.text()
    assert yaml.load(text, Loader) == {  # noqa: S506 - a safe one
        "name": "compared-separate",
        "base": {"schedule": "constant", "workers": 2, "lr": 3e-4},
        "plan": {"separate": {"arms": {"schedule-cosine": {"schedule": "cosine"}, "epochs-15": {"epochs": 15}}}},
        "seeds": [1, 2, 3],
        "epochs": 6,
    }
    assert "# Fill in what trains (trainer, function or program) and on what (recording).\n" in text
    made = [{**TRAP[0], **arm} for arm in plan.content["plan"]["separate"]["arms"].values()]
    assert confounding([*TRAP, *made]).aliased == ()


def test_what_trains_is_taken_from_the_study() -> None:
    """And its seeds; what no parameter sets is no arm, and is changed last."""
    study = {"name": "A Study", "trainer": "m:T", "recording": {"path": "x"}}
    runs = [
        imported(
            str(at),
            loss=[2, 1],
            configuration={"x": at, "y": at},
            surroundings={"recording.path": at},
            study=study,
            seed=5,
        )
        for at in (0, 1)
    ]
    plan = plan_of(compare_runs(runs, Question()))
    assert plan is not None
    assert plan.content["trainer"] == "m:T"
    assert plan.content["seeds"] == [5]
    assert plan.content["name"] == "a-study-separate"
    assert plan.content["plan"]["separate"]["arms"] == {"x-1": {"x": 1}, "y-1": {"y": 1}}


def test_hostile_names_make_no_other_file() -> None:
    """Names of arms are letters and digits, comments are one line each, YAML says all else as text."""
    evil = "a\nplan: {x: 1}\x1b[2J"
    runs = [imported(f"{evil}{at}", loss=[2, 1], configuration={evil: f"{evil}{at}", "b": at}) for at in (0, 1)]
    plan = plan_of(compare_runs(runs, Question()))
    assert plan is not None
    text = plan.text()
    read = yaml.load(text, Loader)  # noqa: S506 - a safe one
    assert read["base"] == {evil: f"{evil}0", "b": 0}
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,62}", name) for name in read["plan"]["separate"]["arms"])
    assert "\x1b" not in text
    assert list(read) == ["name", "base", "plan", "seeds", "epochs"]


def test_where_nothing_is_confounded_there_is_no_plan() -> None:
    """One factor that differs needs no further run."""
    runs = [imported(str(at), loss=[2, 1], configuration={"x": at}) for at in (0, 1)]
    assert plan_of(compare_runs(runs, Question())) is None
