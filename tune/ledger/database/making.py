"""Makes a study in a database: Optuna's tables and its study, in which whoever reads Optuna finds it."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

optuna.logging.set_verbosity(optuna.logging.WARNING)


def make_study(url: str, settings: Mapping[str, Any], name: str, *, maximize: bool) -> None:
    """Makes tables and study where they are not there.

    Args:
        url: As `tune.ledger.database.connection.engine_url` has it.
        settings: As `engine_settings` there has them.
        name: Of the study.
        maximize: Whether higher values are better.

    Raises:
        SQLAlchemyError: As SQLAlchemy raised it, also where Optuna has made an error of its own of that.
        RuntimeError: If Optuna refuses, for example tables of another version of it.
    """
    direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
    try:
        storage = RDBStorage(url, engine_kwargs=dict(settings))
        try:
            optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except optuna.exceptions.StorageInternalError as error:
        raise error.__cause__ or RuntimeError(str(error)) from None
    except optuna.exceptions.OptunaError as error:
        raise RuntimeError(str(error)) from error
