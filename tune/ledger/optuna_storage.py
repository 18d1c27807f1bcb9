"""Optuna's storage, in which a trial is there once whatever the network does."""

from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import TrialModel
from optuna.trial import FrozenTrial


class OnceStorage(RDBStorage):
    """Adds a trial that says its number only if no trial has it.

    When the connection breaks between a commit and its answer, Optuna tries by itself to add the trial again, and does
    not look whether it is there. Here it does, in the same transaction, under the lock that Optuna takes.
    """

    def _get_prepared_new_trial(self, study_id: int, template_trial: FrozenTrial | None, session: Any) -> TrialModel:
        if template_trial is not None and template_trial.number >= 0:
            number = template_trial.number
            there: TrialModel | None = (
                session.query(TrialModel).filter_by(study_id=study_id, number=number).one_or_none()
            )
            if there is not None:
                return there
        return super()._get_prepared_new_trial(study_id, template_trial, session)
