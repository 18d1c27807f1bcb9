"""The loggers that a study names, and what is wrong with them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.loggers import Recorded
from tune.errors import UserMistake
from tune.study.loggers import Loggers
from tune.views.trackers.loading import load_loggers
from tune.views.trackers.logger import Run
from tune.views.trackers.secrets import without_secrets

FAKES = "tests.fakes.loggers"


def load(named: Any, folder: Path = Path("s")) -> Any:
    """Loads what a study file names so."""
    return load_loggers(Loggers.model_validate(named), folder)


def test_a_class_of_the_users_own_is_found_and_made_with_its_options(tmp_path: Path) -> None:
    """Named as module:Class, with keywords below it."""
    (found,) = load({f"{FAKES}:Recorded": {"file": str(tmp_path / "told")}})
    logger = found.make()
    assert isinstance(logger, Recorded)
    logger.start(Run("study", "s-1", "s", "s", None, None, None, {}, 0.0, 0.0))
    assert (tmp_path / "told").exists()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["nowhere:Logger"], "'nowhere' cannot be imported from"),
        ([f"{FAKES}:Missing"], f"module '{FAKES}' has no 'Missing'"),
        (["tests.fakes.clock:Clock"], "is no logger, it lacks start, epoch, end, close"),
        ([f"{FAKES}:told"], "is no logger, it lacks start"),
        ([f"{FAKES}:Recorded"], "options in the study file (nothing): missing a required argument: 'file'"),
        ({f"{FAKES}:Recorded": {"file": "f", "mode": 1}}, "got an unexpected keyword argument 'mode'"),
    ],
)
def test_what_is_no_logger_is_the_users_mistake(named: Any, said: str) -> None:
    """It is said before anything trains, with what to write."""
    with pytest.raises(UserMistake) as mistake:
        load(named)
    assert said in str(mistake.value)


@pytest.mark.parametrize("library", ["mlflow", "wandb"])
def test_a_library_that_is_not_installed(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install; the folder of its name that it makes beside a study is not taken for it."""
    (tmp_path / library).mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UserMistake) as mistake:
        load([library])
    assert f"pip install 'latent-tune[{library}]'" in str(mistake.value)


def test_what_was_told_is_kept_apart_for_each_place() -> None:
    """Another server is told everything again."""
    names = {load({"mlflow": {"tracking_uri": f"sqlite:///{place}.db"}})[0].marks for place in ("one", "two")}
    assert len(names) == 2
    assert all(name.startswith("mlflow-") and "/" not in name for name in names)


def test_wandb_without_a_key_is_refused_where_it_would_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may sit at the terminal; offline needs none, and so does a key in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserMistake) as mistake:
        load(["wandb"])
    assert "wandb login" in str(mistake.value)
    assert load({"wandb": {"mode": "offline"}})
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert load(["wandb"])[0].place.startswith("https://")


def test_keys_and_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they stand: in a URL, or in what an error says of the environment's."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim/1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:other-secret@host:5000")
    assert load(["mlflow"])[0].place == "http://***@host:5000"
    shown = without_secrets("POST http://me:geheim%2F1@host/api failed with geheim/1")
    assert shown == "POST http://***@host/api failed with ***"
