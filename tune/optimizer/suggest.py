"""Where to look next: Optuna's samplers on what the ladder says.

A suggestion is a pure function of the study, the trials so far and the number of the new one: an Optuna study is made
in memory that shows what is known (`tune.optimizer.observations`), asked once, and thrown away. So nothing of a sampler
is ever stored, and a study that was interrupted is asked the same question again.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import product
from math import inf, isfinite
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.ledger.records import Reached, Trial
from tune.optimizer.observations import (
    INFEASIBLE,
    Observations,
    ParameterAxis,
    Setting,
    freeze,
    refused_trial,
    setting_key,
)
from tune.optimizer.pending import startup_trials
from tune.study.coordinates import Values, squared_distances
from tune.study.space import Parameter, grid, size
from tune.study.study import Study

_FRESH_TRIES = 4
_ROUNDING = 1 + 1e-9
_MOST_MODELLED = (
    20  # suggestions for one trial that the trainer refuses; from then on chance looks for what it can train
)
_NEVER = 10**9
_LATELY = 20


def suggest(
    study: Study,
    trials: Sequence[Trial],
    scale: LossScale = UNSCALED,
    observations: Observations | None = None,
    refused: Sequence[Mapping[str, Any]] = (),
) -> tuple[dict[str, Any], str] | None:
    """Returns the parameters of the next trial and why they were chosen; None when the space is used up.

    Args:
        study: Space, method and seed.
        trials: Every trial so far.
        scale: Says what a failed seed is.
        observations: What has been kept up of these trials; None: it is made here.
        refused: What has been suggested for this trial already, and the trainer refuses.
    """
    if observations is None:
        observations = Observations(study, scale)
        for trial in trials:
            observations.follow(trial)
    number, total = len(trials), size(study.space)
    tried = observations.tried | {*map(setting_key, refused)} if refused else observations.tried
    if number < len(study.search.enqueue) and not refused:
        drawn = _ask(observations.axes, (), RandomSampler(seed=derived_seed(study.search.seed, number, 0)))
        return {**drawn, **study.search.enqueue[number]}, "enqueued by the study"
    if study.search.method == "grid":
        return _next_of_grid(study, tried)
    if total is not None and len(tried) >= total:
        return None
    infeasible = [*observations.refused, *(refused_trial(number, setting) for setting in refused)][-INFEASIBLE:]
    seen, informed = _seen(study, trials, scale, observations, infeasible)
    # Of those that died it learns as of those with a result, but not before there is one that is better.
    ready = informed > 0 and informed + len(observations.dead) >= startup_trials(study)
    best = _counted_best(observations.scored, seen, trials[-_LATELY:], refused)
    modelled = ready and len(refused) < _MOST_MODELLED
    parameters: dict[str, Any] = {}
    for attempt in range(len(refused) * _FRESH_TRIES, (len(refused) + 1) * _FRESH_TRIES):
        sampler = _sampler(study, number, attempt, best, modelled=modelled)
        parameters = _ask(observations.axes, seen, sampler)
        if setting_key(parameters) not in tried:
            break
    else:
        if total is not None:
            parameters = _nearest_untried(study, parameters, tried)
    if study.search.method == "random" or not modelled:
        return parameters, "drawn at random"
    return parameters, f"suggested by {study.search.method.upper()} from {informed} scored trials"


def derived_seed(*parts: int) -> int:
    """Returns a 32-bit seed that depends on every part, the same on every machine."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big")


def _next_of_grid(study: Study, tried: Collection[Setting]) -> tuple[dict[str, Any], str] | None:
    """Returns the first point of the grid that was not tried; enqueued settings may have taken some."""
    for place, point in enumerate(grid(study.space), start=1):
        if setting_key(point) not in tried:
            return point, f"point {place} of {size(study.space)} of the grid"
    return None


def _nearest_untried(study: Study, wanted: Mapping[str, Any], tried: Collection[Setting]) -> dict[str, Any]:
    """Returns the point of a countable space that lies nearest to one that was tried already.

    It lies no farther than the nearest one that differs in one value alone. So that of a range of millions only what
    surrounds the wanted value is looked at: of more values than there are points tried, one is fresh.
    """
    space, steps = study.space, len(tried) + 1
    around = {name: _around(parameter, wanted[name], steps) for name, parameter in space.items()}

    def distances(points: Sequence[Mapping[str, Any]]) -> Values:
        found: Values = squared_distances(space, [wanted], points)[0]
        return found

    alone = [{**wanted, name: value} for name, values in around.items() for value in values]
    fresh = [point for point in alone if setting_key(point) not in tried]
    reach = distances(fresh).min() if fresh else inf
    near = {}
    for name, values in around.items():
        far = distances([{**wanted, name: value} for value in values])
        near[name] = [value for value, one in zip(values, far, strict=True) if one <= reach * _ROUNDING]
    points = [dict(zip(space, values, strict=True)) for values in product(*near.values())]
    fresh = [point for point in points if setting_key(point) not in tried]
    return fresh[int(distances(fresh).argmin())]


def _around(parameter: Parameter, value: Any, steps: int) -> Sequence[Any]:
    """Returns the values of a countable parameter, in their order; of a range those within so many steps of a value."""
    values = parameter.values or ()
    if not isinstance(values, range):
        return values
    place = values.index(value)
    return values[max(0, place - steps) : place + steps + 1]


def _sampler(study: Study, number: int, attempt: int, best: int, *, modelled: bool) -> BaseSampler:
    seed, begins = derived_seed(study.search.seed, number, attempt), 0 if modelled else _NEVER
    if study.search.method == "random":
        return RandomSampler(seed=seed)
    if study.search.method == "gp":
        return GPSampler(seed=seed, n_startup_trials=begins)
    return _Tpe(best, seed=seed, multivariate=True, n_startup_trials=begins)


def _counted_best(
    scored: int, seen: Sequence[FrozenTrial], lately: Sequence[Trial], refused: Sequence[Mapping[str, Any]]
) -> int:
    """Returns how many trials TPE counts among the best: Optuna's tenth.

    More where it lately came upon settings that cannot be trained, up to all that can: what tells these apart is worth
    more to it then than which of them is best, and with a tenth it would shun the others as well.
    """
    best = default_gamma(scored)
    bad = len(refused) + sum(len(one.refused) + (one.ended == "failed" and not one.reached) for one in lately)
    good = sum(bool(one.reached) for one in lately)
    if not bad or not good:
        return best
    feasible = sum(one.state.is_finished() and one.constraints["failure_rate"] <= 0 for one in seen)
    return best + round(max(0, feasible - best) * bad / (bad + good))


class _Tpe(TPESampler):
    """TPE over parameters that all trials have; Optuna's looks in every trial, each time, which they are.

    Args:
        best: How many trials are counted among the best: of all, though not all may be shown.
        **given: Of `TPESampler`.
    """

    def __init__(self, best: int, **given: Any) -> None:
        super().__init__(**given)
        self._gamma = lambda _: best  # the argument of that name is deprecated, without another in its place

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002 - Optuna's
        """Returns the parameters that vary, by name; none while no trial has a result."""
        seen = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        all_have = sorted(seen[0].distributions.items()) if seen else ()
        return {name: distribution for name, distribution in all_have if not distribution.single()}


def _seen(
    study: Study, trials: Sequence[Trial], scale: LossScale, observations: Observations, refused: Sequence[Trial]
) -> tuple[Sequence[FrozenTrial], int]:
    """Returns what a sampler is to see, and how many of these trials have a score.

    Those that died, and what the trainer refused, it sees as infeasible. A Gaussian process fits values, so it sees
    those of one rung only: the highest that enough trials have reached (as in Falkner et al. 2018, "BOHB", section
    3.2), and those that are still in training; what died or was refused has the worst of the values there.
    """
    if study.search.method == "random":
        return (), observations.scored
    if study.search.method == "tpe":
        return [
            *observations.shown(),
            *(freeze(one, observations.axes, scale) for one in refused),
        ], observations.scored
    for rung in reversed(range(len(study.rungs))):
        there = [trial for trial in trials if rung in trial.reached and isfinite(trial.reached[rung].score)]
        if len(there) >= startup_trials(study) or rung == 0:
            level = [replace(trial, reached={0: replace(trial.reached[rung], confirmed=True)}) for trial in there]
            worst = Reached(0, max((trial.reached[rung].score for trial in there), default=0.0), {}, confirmed=True)
            dead = [*refused, *(trial for trial in trials if not trial.reached and trial.ended)]
            level += [replace(trial, reached={0: worst}) for trial in dead]
            seen = [*level, *(trial for trial in trials if not trial.reached and not trial.ended)]
            return [freeze(trial, observations.axes, scale) for trial in seen], len(there)
    raise AssertionError("a ladder has a rung")


def _ask(axes: Mapping[str, ParameterAxis], shown: Sequence[FrozenTrial], sampler: BaseSampler) -> dict[str, Any]:
    memory = optuna.create_study(storage=_Shown(shown), sampler=sampler, direction="minimize")
    drawn = memory.ask({name: axis.distribution for name, axis in axes.items()}).params
    return {name: axis.value(drawn[name]) for name, axis in axes.items()}


class _Shown(InMemoryStorage):
    """An Optuna study that shows trials which it does not hold: to copy them into it would cost more than to ask."""

    def __init__(self, shown: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._shown = shown

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Returns what is shown, then the trial that is asked for; what is shown is never copied."""
        own = super().get_all_trials(study_id, deepcopy, states)
        return [trial for trial in self._shown if states is None or trial.state in states] + own
