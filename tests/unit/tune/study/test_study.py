"""The study file: what is allowed, and what each mistake says."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from tune.errors import FileMistakes, UserMistake
from tune.study import document
from tune.study.document import Document, assign
from tune.study.reading import BUNDLED, find, read_study
from tune.study.sections import Budget
from tune.study.study import Study, build_study, dump_study, json_schema

GOOD = """
name: good
space:
  x: {uniform: [0, 1]}
  n: {int: [1, 64], log: true}
  b: {choice: [true, false]}
seeds: [1, 2, 3]
rungs: [{epochs: 2, seeds: 2}, {epochs: 6, seeds: 3}]
"""


def study_of(text: str) -> Study:
    return build_study(document.parse(dedent(text), "study.yaml"))


def changed(**changes: Any) -> str:
    return yaml.safe_dump({**yaml.safe_load(GOOD), **changes}, sort_keys=False)


def test_everything_but_four_keys_has_a_default() -> None:
    """Name, space, seeds and rungs are enough."""
    study = study_of(GOOD)
    assert study.trainer == "model.trainer:LatentEvolutionTrainer"
    assert (study.search.method, study.trials, study.score.metric) == ("tpe", 24, "validation_loss")
    assert study.rung_seeds(0) == (1, 2)


def test_a_ladder_is_planned_where_none_is_given() -> None:
    """With `epochs` for `rungs` the budget says how many seeds the top has, and what is stored reads the same."""
    plain = {key: value for key, value in yaml.safe_load(GOOD).items() if key != "rungs"}
    study = study_of(yaml.safe_dump({**plain, "epochs": 6, "budget": {"seed_epochs": 150}}))
    assert [(rung.epochs, rung.seeds) for rung in study.rungs] == [(2, 1), (6, 1), (6, 2)]
    assert study_of(dump_study(study)) == study
    with pytest.raises(FileMistakes, match="rungs: is missing; give the ladder, or `epochs` of a full training"):
        study_of(yaml.safe_dump(plain))


def test_a_study_survives_being_written_and_read() -> None:
    """What `study.yaml` holds is the study, every default filled in."""
    study = study_of(changed(budget={"wall_clock": "1h 30min"}, fixed={"lr": 1e-5, "name": "no", "nothing": None}))
    assert study.budget.wall_clock == 5400
    assert study_of(dump_study(study)) == study


def test_scientific_notation_without_a_point_is_a_number() -> None:
    """`1e-4` is read as YAML 1.2 reads it; YAML 1.1 would make it a string."""
    assert study_of(GOOD.replace("{uniform: [0, 1]}", "{log_uniform: [1e-4, 1e-2]}")).space["x"].extremes == (
        1e-4,
        1e-2,
    )


def test_every_mistake_is_reported_at_once_with_path_and_line() -> None:
    """A file with many mistakes is mended once."""
    text = """\
        name: Batch Norm
        space:
          learning_rate: {log_uniform: [1e-2, 1e-4]}
          batch_size: {choise: [16]}
          latent_dims: {int: [4, 64.5], logg: true}
          nothing: {choice: []}
          twice: {choice: [1, 2, 1]}
        serach: {}
        search: {metod: tpe, trials: two}
        seeds: [1, -1]
        rungs: [{epochs: 3, seeds: 2, x: 1}]
        budget: {wall_clock: 30mn}
        budget: {wall_clock: 30mn}
        """
    with pytest.raises(FileMistakes) as caught:
        study_of(text)
    assert str(caught.value) == dedent(
        """\
        study.yaml: 14 mistakes
          line 13: budget: stands twice, first on line 12; keep one
          line 1: name: 'Batch Norm' is no name; allowed: a-z, 0-9, -, at most 63, the first of a-z, 0-9
          line 3: space.learning_rate: low must be below high, got [0.01, 0.0001]; swap the two, or use choice for one value
          line 4: space.batch_size: a parameter is one of {log_uniform: [low, high]}, {uniform: [low, high]}, {int: [low, high]}, {choice: [values]}, got dict {'choise': [16]}
          line 5: space.latent_dims.int.1: must be a valid integer, got float 64.5
          line 5: space.latent_dims.logg: unknown key; did you mean 'log'?
          line 6: space.nothing.choice: is empty; give at least one
          line 7: space.twice: each value once, got 1 twice
          line 9: search.trials: must be a valid integer, got str 'two'
          line 9: search.metod: unknown key; did you mean 'method'?
          line 10: seeds.1: must be greater than or equal to 0, got int -1
          line 12: budget.wall_clock: a duration is written like 90s, 30min, 2h or 1h 30min, got '30mn'
          line 11: rungs.0.x: unknown key; allowed: epochs, seeds
          line 8: serach: unknown key; did you mean 'search'?"""  # noqa: E501 - the text as the user sees it
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {}}, "space: is empty; give at least one"),
        ({"seeds": [1, 2, 1]}, "seeds: each seed once, got 1 twice; a repeated seed is no independent repeat"),
        ({"rungs": [{"epochs": 3, "seeds": 4}]}, "rungs.0.seeds: 4 seeds asked for, but `seeds` lists 3"),
        (
            {"rungs": [{"epochs": 3, "seeds": 3}, {"epochs": 9, "seeds": 2}]},
            "rungs.1: the ladder must rise: 9 epochs x 2 seeds after 3 x 3",
        ),
        ({"epochs": 7}, "epochs: 7, but the last of `rungs` has 6; give one of the two"),
        ({"fixed": {"x": 1}}, "space.x: is also under `fixed`; keep one of the two"),
        ({"search": {"method": "grid"}}, "space.x: a grid needs countable parameters: use choice or int"),
        (
            {"budget": {"seed_epochs": 17}},
            "budget.seed_epochs: 17 cannot confirm one trial: the full ladder costs 18 seed-epochs",
        ),
        (
            {"budget": {"gpu_hours": 24}},
            (
                "budget.gpu_hours: 24 would never be used, because resources.gpus_per_trial is 0; set that above 0, or "
                "give budget.wall_clock or budget.seed_epochs instead"
            ),
        ),
        (
            {"budget": {"gpu_hours": 0}, "resources": {"gpus_per_trial": 1}},
            "budget.gpu_hours: must be greater than 0, got int 0",
        ),
        (
            {"budget": {"money": 5.25}, "resources": {"gpus_per_trial": 1}},
            (
                "budget.money: 5.25 buys nobody knows how much, because budget.price_per_gpu_hour is missing; give the "
                "price of a GPU-hour, such as 2.50"
            ),
        ),
        (
            {"budget": {"price_per_gpu_hour": 2}},
            (
                "budget.price_per_gpu_hour: 2 would never be used, because resources.gpus_per_trial is 0; set that "
                "above 0, or leave it out"
            ),
        ),
        (
            {"budget": {"money": 0, "price_per_gpu_hour": 2}, "resources": {"gpus_per_trial": 1}},
            "budget.money: must be greater than 0, got int 0",
        ),
        (
            {"search": {"protect": ["fragil"]}},
            "search.protect.0: 'fragil' is not under `space`; allowed: b, n, x",
        ),
        ({"search": {"enqueue": [{"x": 2.0}]}}, "search.enqueue.0.x: 2.0 is outside of what is searched"),
        ({"search": {"enqueue": [{"y": 0.5}]}}, "search.enqueue.0.y: is not under `space`; allowed: b, n, x"),
        (
            {"name": "../escape"},
            "name: '../escape' is no name; allowed: a-z, 0-9, -, at most 63, the first of a-z, 0-9",
        ),
        (
            {"trainer": "os.system"},
            r"trainer: String should match pattern '^[A-Za-z_][\w.]*:[A-Za-z_]\w*$', got str 'os.system'",
        ),
        (
            {"space": {"x": {"log_uniform": [0, 1]}}},
            "space.x: low must be above 0 on a logarithmic scale, got 0; use uniform",
        ),
        ({"space": {"x": {"uniform": [0, float("inf")]}}}, "space.x: bounds must be finite, got [0.0, inf]"),
    ],
)
def test_mistakes_between_fields(changes: dict[str, Any], message: str) -> None:
    """What types cannot say is said in words."""
    with pytest.raises(FileMistakes) as caught:
        study_of(changed(**changes))
    assert [str(mistake).partition(": ")[2] for mistake in caught.value.mistakes] == [message]


def test_money_without_price_or_gpu_is_two_mistakes() -> None:
    """Each is told with what to do about it, and what needs no GPU is offered in its place."""
    with pytest.raises(FileMistakes) as caught:
        study_of(changed(budget={"money": 5}))
    first, second = (str(mistake).partition(": ")[2] for mistake in caught.value.mistakes)
    assert first.startswith("budget.money: 5 buys nobody knows how much")
    assert second == (
        "budget.money: 5 would never be used, because resources.gpus_per_trial is 0; set that above 0, or give "
        "budget.wall_clock or budget.seed_epochs instead"
    )


def test_money_and_hours_end_a_study_by_whichever_is_less() -> None:
    """Ten of money at two each are five GPU-hours; a study that says neither is written as before there were prices."""
    budget = Budget(money=10, price_per_gpu_hour=2)
    assert (budget.most_gpu_hours, budget.bill(1.5)) == (5.0, 3.0)
    assert budget.model_copy(update={"gpu_hours": 4.0}).most_gpu_hours == 4.0
    assert Budget(gpu_hours=4).bill(1.5) is None
    assert Budget(price_per_gpu_hour=2).most_gpu_hours is None
    assert list(Budget().model_dump()) == ["seed_epochs", "wall_clock", "gpu_hours"]
    assert budget.model_dump()["money"] == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "line 1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("- a list", "line 1: a mapping of keys to values is needed, got a list"),
        ("", "name: is missing, and has no default"),
        ("x: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("\x00", "not YAML"),
    ],
)
def test_what_is_no_study_at_all(text: str, message: str) -> None:
    """Files that hold no mapping, or try to run code, are refused in one line."""
    with pytest.raises(FileMistakes) as caught:
        build_study(document.parse(text, "study.yaml"))
    assert message in str(caught.value)


def test_overrides_replace_values_and_enter_lists(tmp_path: Path) -> None:
    """`--set path=value` reaches every value; its text is YAML."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    study = read_study(file, ["search.trials=7", "rungs.1.epochs=8", "fixed.width=32", "space.x={choice: [1, 2]}"])
    assert (study.trials, study.top.epochs, study.fixed) == (7, 8, {"width": 32})
    assert study.space["x"].extremes == (1, 2)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trials", "--set search.trials: write path=value, for example --set search.trials=48"),
        ("search.trails=7", "search.trails: unknown key; did you mean 'trials'?"),
        ("name.x=7", "name.x: cannot be set: name has no entry 'x'"),
        ("rungs.5.epochs=7", "rungs.5.epochs: cannot be set: rungs has no entry '5'"),
        ("x={", "--set x={: the value is not YAML"),
        ("scale=big", "scale: no scale 'big' in this file"),
    ],
)
def test_mistaken_overrides(tmp_path: Path, override: str, message: str) -> None:
    """A mistaken override names itself, not a line of the file."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    with pytest.raises(UserMistake) as caught:
        read_study(file, [override])
    assert message in str(caught.value)
    assert "line" not in str(caught.value).partition("mistake")[2]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("fixed.training.batch_size", {"training.batch_size": 7, "training": {"batch": {"size": 1}}}),
        ("fixed.training.batch.size", {"training.batch_size": 64, "training": {"batch": {"size": 7}}}),
        ("fixed.other.size", {"training.batch_size": 64, "training": {"batch": {"size": 1}}, "other.size": 7}),
    ],
)
def test_a_name_with_dots_is_meant_where_it_is_there(path: str, values: dict[str, object]) -> None:
    """Programs have parameters such as `training.batch_size`; elsewhere a dot leads into a mapping."""
    fixed = {"training.batch_size": 64, "training": {"batch": {"size": 1}}}
    file = Document("study.yaml", {"fixed": fixed})
    assign(file, path, 7)
    assert file.value["fixed"] == values
    assert not file.mistakes


@pytest.mark.parametrize(
    ("path", "value", "space"),
    [
        ("space.training.lr.choice", [1, 2], {"training.lr": {"choice": [1, 2]}}),
        ("space.training.lr", {"choice": [1, 2]}, {"training.lr": {"choice": [1, 2]}}),
        ("space.lr.choice", [1, 2], {"lr": {"choice": [1, 2]}}),
        ("space.x.int", [1, 2], {"x": {"int": [1, 2]}}),
    ],
)
def test_a_new_parameter_may_have_dots(path: str, value: object, space: dict[str, object]) -> None:
    """What stands last is the key of its range, where not all of it is given."""
    file = Document("study.yaml", {"space": {"x": {"int": [3, 4]}}})
    assign(file, path, value)
    assert file.value["space"] == {"x": {"int": [3, 4]}, **space}


def test_the_name_of_a_bundled_study_is_enough() -> None:
    """`run quickstart` works from any folder; an unknown name says what there is."""
    assert find("quickstart") == find("search_spaces/quickstart.yaml").resolve() == BUNDLED / "quickstart.yaml"
    with pytest.raises(UserMistake, match="did you mean 'quickstart'"):
        find("quickstrat.yaml")


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_studies_are_sound_at_every_scale(path: Path) -> None:
    """Each study that comes along is valid, named like its file, and matches the JSON Schema."""
    raw = yaml.safe_load(path.read_text())
    jsonschema.validate(raw, json_schema())
    assert read_study(path).name == path.stem
    for scale in raw.get("scales", {}):
        assert read_study(path, [f"scale={scale}"]).name == f"{path.stem}-{scale}"


def test_the_schema_in_the_repository_is_the_models() -> None:
    """Editors check against the same rules as the program; `make schema` writes the file."""
    assert json.loads((BUNDLED / "study.schema.json").read_text()) == json_schema()
