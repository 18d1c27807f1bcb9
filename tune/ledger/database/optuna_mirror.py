"""The decisions as Optuna's study shows them, for `optuna-dashboard` and for whoever else reads Optuna."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any

import optuna
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import delete, insert, select, update

from tune.ledger.database.database import Database
from tune.ledger.database.distributions import category, distribution
from tune.ledger.records import Trial
from tune.ledger.storage.outages import retried
from tune.study.study import Study

_LEAST_S = 1.0
_SHARE = 20
"""What is new is shown again after this many times what it took the last time: at most 5 % of a core."""
_ATTRIBUTES_OURS = ("losses", "rung", "baseline", "reason")
_FINISHED = {"confirmed": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}

# Optuna's own tables. Its interface reads and writes value by value, each in a transaction of its own: for one trial
# that takes several times as long as everything that is decided about it.
_TRIALS, _PARAMETERS, _ATTRIBUTES, _SCORES, _VALUES = (
    model.__table__
    for model in (
        models.TrialModel,
        models.TrialParamModel,
        models.TrialUserAttributeModel,
        models.TrialIntermediateValueModel,
        models.TrialValueModel,
    )
)


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

    scores: dict[int, float] = field(default_factory=dict)
    closed: bool = False


class Mirror:
    """Keeps Optuna's trials in step with the decisions; nothing is ever decided from them.

    How its state evolves: `catch_up(...)` when a study is opened, for a process may have died between a decision and
    its picture → `changed(trial)` with every decision → `refresh(...)` now and then shows what has changed, about once
    a second, in one transaction → `follow(...)` when the study has grown → `flush(...)` when it is closed.

    Args:
        database: Where the decisions lie as well.
        clock: Seconds, never backwards.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.retry, self._clock = database.retry, clock
        self._engine, self._study_id, self._writing = database.engine, database.study_id, database.writing
        self._there: dict[int, _There] = {}  # by trial number
        self._changed: set[int] = set()
        self._due = -inf

    def changed(self, *trials: int) -> None:
        """Takes note of a decision about trials."""
        self._changed.update(trials)

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
        closed = {number for number in self._changed if number in self._there and self._there[number].closed}
        if shown := sorted(self._changed - closed):
            self._show([_picture(study, trials[number], baseline, over=over) for number in shown])
        self._changed.clear()
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

    @retried
    def there(self) -> dict[int, _There]:
        """Returns what Optuna's study has, by trial number."""
        here = _TRIALS.c.study_id == self._study_id
        rows = select(_TRIALS.c.number, _TRIALS.c.trial_id, _TRIALS.c.state).where(here)
        scores = select(_SCORES).join_from(_TRIALS, _SCORES, _TRIALS.c.trial_id == _SCORES.c.trial_id).where(here)
        with self._engine.connect() as connection:
            trials = connection.execute(rows).all()
            of_id = {row.trial_id: _There(closed=row.state.is_finished()) for row in trials}
            for row in connection.execute(scores.order_by(_SCORES.c.step)):
                read = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
                of_id[row.trial_id].scores[row.step] = read(row.intermediate_value, row.intermediate_value_type)
        return {row.number: of_id[row.trial_id] for row in trials}

    @retried
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
        with self._writing() as connection:
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

    @retried
    def _show(self, pictures: Sequence[FrozenTrial]) -> None:
        """Has Optuna's trials be as in their pictures, all or none of them, in one transaction.

        What their rows said before is replaced, so that it can be done again by a try that does not know of the first.
        """
        with self._writing() as connection:
            known = _TRIALS.c.study_id == self._study_id, _TRIALS.c.number.in_([each.number for each in pictures])
            found = select(_TRIALS.c.number, _TRIALS.c.trial_id).where(*known)
            ids = {row.number: row.trial_id for row in connection.execute(found)}
            for each in pictures:
                row = {
                    "state": each.state,
                    "datetime_start": _utc(each.datetime_start),
                    "datetime_complete": _utc(each.datetime_complete),
                }
                if each.number in ids:
                    connection.execute(update(_TRIALS).where(_TRIALS.c.trial_id == ids[each.number]).values(row))
                else:
                    added = insert(_TRIALS).values(study_id=self._study_id, number=each.number, **row)
                    key = connection.execute(added).inserted_primary_key
                    assert key is not None
                    ids[each.number] = key[0]
            for table, rows_of in _CHILDREN:
                rows = [{"trial_id": ids[each.number], **row} for each in pictures for row in rows_of(each)]
                old = delete(table).where(table.c.trial_id.in_([ids[each.number] for each in pictures]))
                connection.execute(old.where(table.c.key.in_(_ATTRIBUTES_OURS)) if table is _ATTRIBUTES else old)
                if rows:
                    connection.execute(insert(table), rows)
        for each in pictures:
            self._there[each.number] = _There(dict(each.intermediate_values), each.state.is_finished())


def _parameters(picture: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, of in picture.distributions.items():
        yield {
            "param_name": name,
            "param_value": of.to_internal_repr(picture.params[name]),
            "distribution_json": optuna.distributions.distribution_to_json(of),
        }


def _attributes(picture: FrozenTrial) -> Iterator[dict[str, Any]]:
    for key, value in picture.user_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _intermediate(picture: FrozenTrial) -> Iterator[dict[str, Any]]:
    for step, score in picture.intermediate_values.items():
        value, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(score)
        yield {"step": step, "intermediate_value": value, "intermediate_value_type": kind}


def _final(picture: FrozenTrial) -> Iterator[dict[str, Any]]:
    for objective, score in enumerate(picture.values or ()):
        value, kind = models.TrialValueModel.value_to_stored_repr(score)
        yield {"objective": objective, "value": value, "value_type": kind}


_CHILDREN = ((_PARAMETERS, _parameters), (_ATTRIBUTES, _attributes), (_SCORES, _intermediate), (_VALUES, _final))


def _utc(local: datetime | None) -> datetime | None:
    """Returns a time as Optuna stores it: UTC, without saying so."""
    return None if local is None else local.astimezone(UTC).replace(tzinfo=None)


def _scores(study: Study, trial: Trial) -> dict[int, float]:
    """Returns the values of a trial by the epochs of the rungs that it reached."""
    ladder = trial.ladder or study.rungs
    return {ladder[rung].epochs: _value(study, trial.reached[rung].score) for rung in sorted(trial.reached)}


def _value(study: Study, score: float) -> float:
    """Returns a score in the direction of Optuna's study, which is that of the metric."""
    return -score if study.score.maximize else score


def _picture(study: Study, trial: Trial, baseline: Mapping[str, float] | None, *, over: bool) -> FrozenTrial:
    """Returns what Optuna is to show of a trial."""
    last, own, shown = trial.last, study.score.baseline, dict[str, Any]()
    if last is not None:
        shown = {
            "losses": {str(seed): loss if isfinite(loss) else None for seed, loss in last.losses.items()},
            "rung": last.rung,
            "baseline": (baseline or {}).get(study.score.metric) if own is None else own,
        }
    state = TrialState.RUNNING
    if settled(study, trial, over=over):
        state = _FINISHED[trial.state(in_flight=False)]
        shown["reason"] = trial.reason
    picture = create_trial(
        state=state,
        values=[_value(study, last.score)]
        if last is not None and state in (TrialState.COMPLETE, TrialState.PRUNED)
        else None,
        params={key: category(value) for key, value in trial.parameters.items()},
        distributions={key: distribution(one) for key, one in study.space.items() if key in trial.parameters},
        user_attrs=shown,
        intermediate_values=_scores(study, trial),
    )
    picture.number, picture.datetime_start = trial.number, datetime.fromtimestamp(trial.started)  # noqa: DTZ006 - as Optuna's
    return picture
