"""The loggers of a study file: how they are named, and what is refused."""

from typing import Any

import pytest

from tests.fakes.studies import quadratic_study
from tune.errors import FileMistakes
from tune.study.document import Document, parse
from tune.study.growth import refused
from tune.study.study import Study, build_study, dump_study


def study_with(loggers: Any) -> Study:
    """A study whose file names these."""
    return build_study(
        Document("file", {**quadratic_study().model_dump(mode="json", by_alias=True), "loggers": loggers})
    )


@pytest.mark.parametrize(
    "named",
    [
        ["mlflow", "wandb", "mine:Logger"],
        {"mlflow": None, "wandb": {}, "mine:Logger": {}},
        ["mlflow", {"wandb": {}, "mine:Logger": None}],
    ],
)
def test_a_list_and_a_mapping_name_the_same(named: Any) -> None:
    """Options may stand below each name, in either; what is written is read again the same."""
    study = study_with(named)
    assert study == study_with(["wandb", "mlflow", "mine:Logger"])
    assert build_study(parse(dump_study(study), "file")) == study


def test_a_study_that_names_none_is_written_as_before() -> None:
    """Studies of earlier versions stay what they were, byte for byte."""
    assert "loggers" not in dump_study(quadratic_study())
    assert quadratic_study() == study_with([])


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["mlfow"], "'mlfow' is no logger; did you mean 'mlflow'?"),
        ([{"mlflow": {}}, "mlflow"], "mlflow stands twice"),
        ([3], "must be [mlflow, wandb, 'mymodule:MyLogger']"),
        ({"mlflow": {"experimnt": "x"}}, "loggers.mlflow.experimnt: unknown key; did you mean 'experiment'?"),
        ({"wandb": {"mode": "off"}}, "loggers.wandb.mode: must be 'online' or 'offline'"),
        ({"mine:Logger": [1]}, "mine:Logger: must be a mapping of the keywords"),
    ],
)
def test_what_names_no_logger_is_a_mistake(named: Any, said: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(FileMistakes) as mistake:
        study_with(named)
    assert said in str(mistake.value)


@pytest.mark.parametrize(
    "named",
    [
        {"mlflow": {"tracking_uri": "http://me:hunter2@host:5000"}},
        {"mlflow": {"tracking_uri": "https://hunter2@host:5000"}},
        {"mlflow": {"tracking_uri": "postgresql://me:hunter2@host/mlflow"}},
        {"mine:Logger": {"url": "https://me:hunter2@host"}},
        {"mine:Logger": {"api_key": "hunter2"}},
    ],
)
def test_a_secret_is_refused_and_not_repeated(named: Any) -> None:
    """The study file is kept in the results for everybody to read; the environment is the place for secrets."""
    with pytest.raises(FileMistakes) as mistake:
        study_with(named)
    assert "environment" in str(mistake.value)
    assert "hunter2" not in str(mistake.value)


def test_a_user_without_a_password_is_no_secret() -> None:
    """A database that asks for none, or takes it from the environment."""
    study_with({"mlflow": {"tracking_uri": "postgresql://me@host/mlflow"}})


def test_loggers_may_change_while_a_study_goes_on() -> None:
    """They change no result."""
    assert refused(study_with([]), study_with(["mlflow"])) == []
    assert refused(study_with(["mlflow"]), study_with({"mlflow": {"experiment": "other"}})) == []
