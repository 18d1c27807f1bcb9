"""Where to look next: Optuna's samplers on what the ladder says.

A suggestion is a pure function of the study, the trials so far and the number of the new one: an Optuna study is made
in memory from the ledger, asked once, and thrown away. So nothing of a sampler is ever stored, and a study that was
interrupted is asked the same question again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from math import inf, isfinite
from statistics import fmean
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune.ledger import Trial
from tune.ledger.database import distribution
from tune.neighbours import squared_distances
from tune.scoring import has_failed
from tune.space import Parameter, grid, ordered_values, size
from tune.study import Study

_FRESH_TRIES = 4


def suggest(study: Study, trials: Sequence[Trial], baseline: float = inf) -> tuple[dict[str, Any], str] | None:
    """Returns the parameters of the next trial and why they were chosen; None when the space is used up.

    Args:
        study: Space, method and seed.
        trials: Every trial so far.
        baseline: The constant model's loss, which says what a failed seed is.
    """
    number, total = len(trials), size(study.space)
    if number < len(study.search.enqueue):
        drawn = _ask(study, (), RandomSampler(seed=derived_seed(study.search.seed, number, 0)), baseline)
        return {**drawn, **study.search.enqueue[number]}, "enqueued by the study"
    if study.search.method == "grid":
        return _next_of_grid(study, trials)
    tried = [dict(trial.parameters) for trial in trials]
    if total is not None and len({tuple(point.values()) for point in tried}) >= total:
        return None
    seen, informed = _evidence(study, trials)
    parameters: dict[str, Any] = {}
    for attempt in range(_FRESH_TRIES):
        parameters = _ask(study, seen, _sampler(study, number, attempt), baseline)
        if parameters not in tried:
            break
    else:
        if total is not None:
            parameters = _nearest_untried(study, parameters, tried)
    if study.search.method == "random" or informed < _startup(study):
        return parameters, "drawn at random"
    return parameters, f"suggested by {study.search.method.upper()} from {informed} scored trials"


def needs_results(study: Study, number: int) -> bool:
    """Says whether the suggestion of a trial rests on results of those before it.

    Not where the study names it, nor in a grid or a random search, nor while a sampler begins at random.
    """
    return study.search.method in ("tpe", "gp") and number >= max(len(study.search.enqueue), _startup(study))


def derived_seed(*parts: int) -> int:
    """Returns a 32-bit seed that depends on every part, the same on every machine."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big")


def _next_of_grid(study: Study, trials: Sequence[Trial]) -> tuple[dict[str, Any], str] | None:
    """Returns the first point of the grid that was not tried; enqueued settings may have taken some."""
    tried = [dict(trial.parameters) for trial in trials]
    for place, point in enumerate(grid(study.space), start=1):
        if point not in tried:
            return point, f"point {place} of {size(study.space)} of the grid"
    return None


def _nearest_untried(study: Study, wanted: Mapping[str, Any], tried: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the point of a countable space that lies nearest to one that was tried already."""
    fresh = [point for point in grid(study.space) if point not in tried]
    return fresh[int(squared_distances(study.space, [wanted], fresh).argmin())]


def _sampler(study: Study, number: int, attempt: int) -> BaseSampler:
    seed = derived_seed(study.search.seed, number, attempt)
    if study.search.method == "random":
        return RandomSampler(seed=seed)
    if study.search.method == "gp":
        return GPSampler(seed=seed, n_startup_trials=_startup(study))
    return TPESampler(seed=seed, multivariate=True, n_startup_trials=_startup(study))


def _startup(study: Study) -> int:
    """Returns how many trials a sampler wants to see before it is asked; a short study cannot spend ten on chance."""
    return min(10, max(1, study.trials // 3))


def _evidence(study: Study, trials: Sequence[Trial]) -> tuple[Sequence[Trial], int]:
    """Returns what a sampler is to see, and how many of these trials have a score.

    TPE sees all. A Gaussian process fits values, so it sees those of one rung only: the highest that enough trials
    have reached (as in Falkner et al. 2018, "BOHB", section 3.2), and those that are still in training.
    """
    scored = sum(1 for trial in trials if trial.reached)
    if study.search.method != "gp":
        return trials, scored
    for rung in reversed(range(len(study.rungs))):
        there = [trial for trial in trials if rung in trial.reached and isfinite(trial.reached[rung].score)]
        if len(there) >= _startup(study) or rung == 0:
            level = [replace(trial, reached={0: replace(trial.reached[rung], confirmed=True)}) for trial in there]
            return [*level, *(trial for trial in trials if not trial.reached)], len(there)
    return trials, scored


def _ask(study: Study, trials: Sequence[Trial], sampler: BaseSampler, baseline: float) -> dict[str, Any]:
    axes = {name: _Axis(parameter) for name, parameter in study.space.items()}
    memory = optuna.create_study(sampler=sampler, direction="minimize")
    places = _first_places(study, trials)
    memory.add_trials([_frozen(trial, axes, places, baseline) for trial in trials])
    drawn = memory.ask({name: axis.distribution for name, axis in axes.items()}).params
    return {name: axis.value(drawn[name]) for name, axis in axes.items()}


class _Axis:
    """A parameter as a sampler sees it: choices of numbers have an order, so they are seen by their places in it."""

    def __init__(self, parameter: Parameter) -> None:
        self._scale = ordered_values(parameter)
        self.distribution: BaseDistribution = (
            distribution(parameter) if self._scale is None else IntDistribution(0, len(self._scale) - 1)
        )

    def place(self, value: Any) -> Any:
        """Returns what the sampler knows a value as."""
        return value if self._scale is None else self._scale.index(value)

    def value(self, place: Any) -> Any:
        """Returns the value that the sampler means."""
        return place if self._scale is None else self._scale[place]


def _first_places(study: Study, trials: Sequence[Trial]) -> dict[int, float]:
    """Returns how each trial stands at the first rung among those of its kind, from 0 for the best to 1.

    A slow starter would else look bad to the sampler, which would not suggest its kind again.
    """
    kinds: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        if 0 in trial.reached:
            kinds.setdefault(tuple(trial.parameters.get(name) for name in study.protected), []).append(trial)
    return {
        trial.number: place / len(kind)
        for kind in kinds.values()
        for place, trial in enumerate(sorted(kind, key=lambda one: (one.reached[0].score, one.number)))
    }


def _frozen(trial: Trial, axes: Mapping[str, _Axis], places: Mapping[int, float], baseline: float) -> FrozenTrial:
    """Returns a trial as the sampler is to see it.

    A trial seen at an early rung is PRUNED there: TPE ranks those below every confirmed one, the higher rung first
    (`_split_trials` in Optuna), so a value from few epochs never competes with one from many. One that has no value
    yet is RUNNING, which TPE takes for bad, so that parallel suggestions do not collapse onto one point. One that
    fails on some seed is infeasible, unless it was only seen at the first rung, where a slow starter fails as well.
    """
    if trial.confirmed:
        state = TrialState.COMPLETE
    elif trial.reached:
        state = TrialState.PRUNED
    else:
        state = TrialState.FAIL if trial.ended else TrialState.RUNNING
    last = trial.last
    judged = last is not None and (last.rung > 0 or last.confirmed)
    failed = fmean(has_failed(loss, baseline) for loss in last.losses.values()) if last is not None and judged else 0.0
    return create_trial(
        state=state,
        params={name: axes[name].place(value) for name, value in trial.parameters.items()},
        distributions={name: axis.distribution for name, axis in axes.items()},
        value=last.score if last is not None and trial.confirmed else None,
        intermediate_values={
            rung: places[trial.number] if rung == 0 else reached.score for rung, reached in trial.reached.items()
        },
        constraints={"failure_rate": failed},
    )
