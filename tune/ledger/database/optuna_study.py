"""What a study of Optuna's own holds, in whatever SQLite file; nothing in it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import sqlalchemy

from tune.errors import UserMistake, did_you_mean


@dataclass(frozen=True)
class StoredTrial:
    """One trial of it.

    Attributes:
        number: Its number.
        parameters: Value by name.
        values: Final value by the name of the objective; empty where there is none.
        intermediate: Value by step.
        attributes: What the user noted, by name.
        seconds: From its beginning to its end; None where it has not ended.
    """

    number: int
    parameters: Mapping[str, Any]
    values: Mapping[str, float]
    intermediate: Mapping[int, float]
    attributes: Mapping[str, Any]
    seconds: float | None


@dataclass(frozen=True)
class StoredStudy:
    """A study: its name, whether its first objective is maximised, what that is called, its trials."""

    name: str
    maximize: bool
    metric: str
    trials: tuple[StoredTrial, ...]


def read_optuna(file: Path, name: str | None, source: str) -> StoredStudy:
    """Reads a study from an SQLite file that Optuna made.

    Args:
        file: The file.
        name: Of the study; None: the only one there is.
        source: As the user named it.

    Raises:
        UserMistake: If it is no such file, or holds no such study.
    """
    url = f"sqlite:///file:{quote(str(file.resolve()))}?mode=ro&uri=true"
    try:
        storage = optuna.storages.RDBStorage(url, skip_table_creation=True)
        names = [study.study_name for study in storage.get_all_studies()]
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError, AssertionError) as error:
        said = " ".join(str(error).split())
        raise UserMistake(
            f"{source}: cannot be read as Optuna's SQLite file: {said:.200}; one of an earlier version is brought up "
            "to date by `optuna storage upgrade --storage sqlite:///FILE`; of MLflow give mlruns/, or what "
            "`mlflow experiments csv` writes"
        ) from None
    if name is None and len(names) != 1:
        there = ", ".join(names) or "none"
        raise UserMistake(f"{source}: holds {len(names)} studies ({there:.200}); say which: {file}:NAME")
    chosen = names[0] if name is None else name
    if chosen not in names:
        raise UserMistake(f"{source}: no study {chosen!r} in {file}{did_you_mean(chosen, names)}")
    study = optuna.load_study(study_name=chosen, storage=storage)
    called = study.metric_names or [f"value_{at}" if at else "value" for at in range(len(study.directions))]
    trials = tuple(_trial(trial, called) for trial in study.get_trials(deepcopy=False))
    storage.remove_session()
    storage.engine.dispose()
    return StoredStudy(chosen, study.directions[0] == optuna.study.StudyDirection.MAXIMIZE, called[0], trials)


def _trial(trial: optuna.trial.FrozenTrial, called: list[str]) -> StoredTrial:
    return StoredTrial(
        trial.number,
        trial.params,
        dict(zip(called, trial.values or (), strict=False)),
        trial.intermediate_values,
        trial.user_attrs,
        trial.duration.total_seconds() if trial.duration is not None else None,
    )
