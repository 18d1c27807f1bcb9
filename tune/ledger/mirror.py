"""The decisions as Optuna's study shows them, for `optuna-dashboard` and for whoever else reads Optuna."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, isfinite
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import select, update

from tune.ledger.database import Database
from tune.ledger.patience import patient
from tune.ledger.records import Trial
from tune.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.study import Study

_LEAST_S = 1.0
_SHARE = 20
"""What is new is shown again after this many times what it took the last time: at most 5 % of a core."""
_FINISHED = {"confirmed": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}

# Optuna's own tables: to read all that it has, its interface makes an object of every value.
_TRIALS, _PARAMETERS, _VALUES = (
    model.__table__ for model in (models.TrialModel, models.TrialParamModel, models.TrialIntermediateValueModel)
)


def distribution(parameter: Parameter) -> BaseDistribution:
    """Returns Optuna's name for a parameter."""
    match parameter:
        case LogUniform():
            low, high = parameter.log_uniform
            return FloatDistribution(low, high, log=True)
        case Uniform():
            low, high = parameter.uniform
            return FloatDistribution(low, high)
        case IntRange():
            least, most = parameter.int_
            return IntDistribution(least, most, log=parameter.log)
        case Choice():
            return CategoricalDistribution(parameter.choice)


def settled(study: Study, trial: Trial, *, over: bool = False) -> bool:
    """Says whether nothing more can come of a trial, for Optuna takes no news of a closed one.

    Args:
        study: As it is now.
        trial: One of its trials.
        over: Whether the study is finished; while it lasts, a race may give confirmed trials more seeds.
    """
    races = study.most_seeds > study.top.seeds
    return trial.ended is not None or (trial.confirmed and (over or not races))


@dataclass
class _There:
    """What one of Optuna's trials shows already: scores by epochs, and whether it is closed."""

    id: int
    scores: dict[int, float] = field(default_factory=dict)
    closed: bool = False


class Mirror:
    """Keeps Optuna's trials in step with the decisions; nothing is ever decided from them.

    How its state evolves: `catch_up(...)` when a study is opened, for a process may have died between a decision and
    its picture → `changed(trial)` with every decision → `refresh(...)` now and then shows what has changed, about once
    a second: to a database one thing that is told is as much work as a whole trial → `follow(...)` when the study has
    grown → `flush(...)` when it is closed.

    Args:
        database: Where the decisions lie as well.
        clock: Seconds, never backwards.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience, self._clock = database.patience, clock
        self._storage, self._study_id = database.storage, database.study_id
        self._there: dict[int, _There] = {}  # by trial number
        self._changed: set[int] = set()
        self._due = -inf

    def changed(self, trial: int) -> None:
        """Takes note of a decision about a trial."""
        self._changed.add(trial)

    def refresh(self, study: Study, trials: Sequence[Trial], baseline: Mapping[str, float] | None) -> None:
        """Shows what has changed, unless it has been a moment ago.

        Args:
            study: As it is now.
            trials: All of them, by number.
            baseline: The constant model's losses, None while they are not known.
        """
        if self._changed and self._clock() >= self._due:
            self.flush(study, trials, baseline)

    def flush(
        self, study: Study, trials: Sequence[Trial], baseline: Mapping[str, float] | None, *, over: bool = False
    ) -> None:
        """Shows all that has changed; where the study is finished, no trial stays open that was confirmed.

        Args:
            study: As it is now.
            trials: All of them, by number.
            baseline: The constant model's losses, None while they are not known.
            over: Whether the study is finished.
        """
        began = self._clock()
        if over:
            self._changed |= {trial.number for trial in trials if trial.confirmed}
        if not self._changed:
            return
        for number in sorted(self._changed):
            self._show(_picture(study, trials[number], baseline, over=over))
            self._changed.discard(number)
        self._due = self._clock() + max(_LEAST_S, _SHARE * (self._clock() - began))

    def catch_up(self, study: Study, trials: Sequence[Trial], baseline: Mapping[str, float] | None) -> None:
        """Shows what a process that was killed had decided and not shown.

        Args:
            study: As it is now.
            trials: All of them, by number.
            baseline: The constant model's losses, None while they are not known.
        """
        self._there = self.there()
        for trial in trials:
            there = self._there.get(trial.number)
            if there is None or (not there.closed and self._lacks(there, study, trial)):
                self._changed.add(trial.number)
        self.flush(study, trials, baseline)

    @patient
    def there(self) -> dict[int, _There]:
        """Returns what Optuna's study has, by trial number."""
        here = _TRIALS.c.study_id == self._study_id
        rows = select(_TRIALS.c.number, _TRIALS.c.trial_id, _TRIALS.c.state).where(here)
        values = select(_VALUES).join_from(_TRIALS, _VALUES, _TRIALS.c.trial_id == _VALUES.c.trial_id).where(here)
        with self._storage.engine.connect() as connection:
            trials = connection.execute(rows).all()
            of_id = {row.trial_id: _There(row.trial_id, closed=row.state.is_finished()) for row in trials}
            for row in connection.execute(values.order_by(_VALUES.c.step)):
                read = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
                of_id[row.trial_id].scores[row.step] = read(row.intermediate_value, row.intermediate_value_type)
        return {row.number: of_id[row.trial_id] for row in trials}

    @patient
    def follow(self, study: Study, trials: Sequence[Trial]) -> None:
        """Has Optuna's trials be what a study has grown to: those that may go on are open, all know the wider space.

        Optuna's interface can do neither: to it a closed trial is closed, and a choice never has more values. Its
        tables can, and what they say then is what they would say had the study been as wide from the beginning: a
        choice is stored by its place, and further ones stand after the old.

        Args:
            study: As it is now.
            trials: All of them, by number.
        """
        going_on = [trial.number for trial in trials if not settled(study, trial)]
        mine = select(_TRIALS.c.trial_id).where(_TRIALS.c.study_id == self._study_id)
        with self._storage.engine.begin() as connection:
            for name, parameter in study.space.items():
                told = optuna.distributions.distribution_to_json(distribution(parameter))
                here = _PARAMETERS.c.param_name == name, _PARAMETERS.c.trial_id.in_(mine)
                connection.execute(update(_PARAMETERS).where(*here).values(distribution_json=told))
            for number in going_on:
                trial = _TRIALS.c.study_id == self._study_id, _TRIALS.c.number == number
                connection.execute(
                    update(_TRIALS).where(*trial).values(state=TrialState.RUNNING, datetime_complete=None)
                )
        for number in going_on:
            if number in self._there:
                self._there[number].closed = False

    @staticmethod
    def _lacks(there: _There, study: Study, trial: Trial) -> bool:
        return settled(study, trial) or repr(there.scores) != repr(_scores(study, trial))

    @patient
    def _show(self, picture: FrozenTrial) -> None:
        """Has one of Optuna's trials be as in its picture; whatever of it was done by an earlier try is done again."""
        there = self._there.get(picture.number)
        if there is None:
            trial_id = self._storage.create_new_trial(self._study_id, template_trial=picture)
            scores, closed = dict(picture.intermediate_values), picture.state.is_finished()
            self._there[picture.number] = _There(trial_id, scores, closed)
            return
        if there.closed:
            return
        new = {step: score for step, score in picture.intermediate_values.items() if there.scores.get(step) != score}
        # The scores last: what lies beside them is known to be there when they are.
        for key, value in picture.user_attrs.items() if new or picture.state.is_finished() else ():
            self._storage.set_trial_user_attr(there.id, key, value)
        for step, score in new.items():
            self._storage.set_trial_intermediate_value(there.id, step, score)
        there.scores.update(new)
        if picture.state.is_finished():
            if not self._storage.get_trial(there.id).state.is_finished():  # nor by a try whose answer was lost
                self._storage.set_trial_state_values(there.id, picture.state, picture.values)
            there.closed = True


def _scores(study: Study, trial: Trial) -> dict[int, float]:
    """Returns the scores of a trial by the epochs of the rungs that it reached."""
    return {study.rungs[rung].epochs: trial.reached[rung].score for rung in sorted(trial.reached)}


def _picture(study: Study, trial: Trial, baseline: Mapping[str, float] | None, *, over: bool) -> FrozenTrial:
    """Returns what Optuna is to show of a trial."""
    last, shown = trial.last, dict[str, Any]()
    if last is not None:
        shown = {
            "losses": {str(seed): loss if isfinite(loss) else None for seed, loss in last.losses.items()},
            "rung": last.rung,
            "baseline": (baseline or {}).get(study.score.metric),
        }
    state = TrialState.RUNNING
    if settled(study, trial, over=over):
        state = _FINISHED[trial.state(in_flight=False)]
        shown["reason"] = trial.reason
    picture = create_trial(
        state=state,
        values=[last.score] if last is not None and state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        params=dict(trial.parameters),
        distributions={key: distribution(parameter) for key, parameter in study.space.items()},
        user_attrs=shown,
        intermediate_values=_scores(study, trial),
    )
    picture.number, picture.datetime_start = trial.number, datetime.fromtimestamp(trial.started)  # noqa: DTZ006 - as Optuna's
    return picture
