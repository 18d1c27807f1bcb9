"""Where to look next: Optuna's samplers on what the ladder says.

A suggestion is a pure function of the study, the trials so far and the number of the new one: an Optuna study is made
in memory that shows what is known (`tune.optimizer.observations`), asked once, and thrown away. So nothing of a sampler
is ever stored, and a study that was interrupted is asked the same question again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import product
from math import inf, isfinite
from random import Random
from typing import Any

from optuna.samplers import BaseSampler, GPSampler, RandomSampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.trial import FrozenTrial

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
from tune.optimizer.sampling.memory import ask
from tune.optimizer.sampling.tpe import Tpe
from tune.study.coordinates import Values, squared_distances
from tune.study.settings.conditions import completed, existing, groups
from tune.study.settings.constraints import violated
from tune.study.settings.priors import drawn_near, priors
from tune.study.settings.walk import grid, size
from tune.study.space import Parameter
from tune.study.study import Study

_FRESH_TRIES = 4
_ROUNDING = 1 + 1e-9
_MOST_MODELLED = (
    20  # suggestions for one trial that the trainer refuses; from then on chance looks for what it can train
)
_MOST_COMPLETED = 100  # draws of what an enqueued setting leaves out
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
        return _enqueued(study, number, observations.axes), "enqueued by the study"
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

    def draw(attempt: int) -> tuple[dict[str, Any], str]:
        drawn = ask(observations.axes, seen, _sampler(study, number, attempt, best, modelled=modelled))
        believed, why = _believed(study, number, attempt, observations.scored)
        return existing(study.space, {**drawn, **believed}), why

    attempts = range(len(refused) * _FRESH_TRIES, (len(refused) + 1) * _FRESH_TRIES)
    parameters, why = _untried(study, map(draw, attempts), tried)
    if why:
        return parameters, why
    if study.search.method == "random" or not modelled:
        return parameters, "drawn at random"
    return parameters, f"suggested by {study.search.method.upper()} from {informed} scored trials"


def _untried(
    study: Study, draws: Iterator[tuple[dict[str, Any], str]], tried: Collection[Setting]
) -> tuple[dict[str, Any], str]:
    """Returns the first of some draws that was not tried; of a countable space the nearest to the last one."""
    parameters, why = dict[str, Any](), ""
    for parameters, why in draws:
        if setting_key(parameters) not in tried:
            return parameters, why
    if size(study.space) is not None:
        parameters = _nearest_untried(study, parameters, tried)
    return parameters, why


def _enqueued(study: Study, number: int, axes: Mapping[str, ParameterAxis]) -> dict[str, Any]:
    """Returns a setting that the study names; what it leaves out is drawn at random, so that constraints are met."""
    setting: dict[str, Any] = {}
    for attempt in range(_MOST_COMPLETED):
        drawn = ask(axes, (), RandomSampler(seed=derived_seed(study.search.seed, number, attempt)))
        setting = existing(study.space, {**drawn, **study.search.enqueue[number]})
        if not violated(study.where, {**study.fixed, **setting}):
            break
    return setting


def _believed(study: Study, number: int, attempt: int, scored: int) -> tuple[dict[str, Any], str]:
    """Returns values in whose place a sampler's are given up for the study's priors, and the reason; empty for none.

    The first trial that the study does not name takes the priors themselves. Then they take part in a share of the
    trials that is halved by every so many trials with a result as a sampler wants to see before it is asked. So they
    decide the first trials, and after a few times as many a wrong prior costs next to nothing.

    Source: a share that evidence shrinks as in Mallik et al. 2023, "PriorBand", NeurIPS; that a prior must fade, for a
    wrong one not to last, is from Hvarfner et al. 2022, "πBO", ICLR.
    """
    asked = priors(study.space)
    if not asked:
        return {}, ""
    if number == len(study.search.enqueue) and attempt == 0:
        return asked, "the priors of the study"
    random = Random(derived_seed(study.search.seed, number, attempt, "prior"))  # noqa: S311 - no secret
    share = 0.5 ** (scored / startup_trials(study))
    if random.random() >= share:
        return {}, ""
    return drawn_near(study.space, random), f"drawn around the priors, as {share:.0%} are after {scored} scored trials"


def derived_seed(*parts: int | str) -> int:
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
    whole = completed(space, wanted)
    around = {name: _around(parameter, whole[name], steps) for name, parameter in space.items()}

    def distances(points: Sequence[Mapping[str, Any]]) -> Values:
        found: Values = squared_distances(space, [wanted], points)[0]
        return found

    alone = [existing(space, {**whole, name: value}) for name, values in around.items() for value in values]
    fresh = [point for point in alone if setting_key(point) not in tried]
    if any(one.when for one in space.values()):  # a value may bring others, so the nearest are no product
        if fresh:
            return fresh[int(distances(fresh).argmin())]
        return next(point for point in grid(space) if setting_key(point) not in tried)
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
    return Tpe(best, groups(study.space), seed=seed, multivariate=True, n_startup_trials=begins)


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


def _seen(
    study: Study, trials: Sequence[Trial], scale: LossScale, observations: Observations, refused: Sequence[Trial]
) -> tuple[Sequence[FrozenTrial], int]:
    """Returns what a sampler is to see, and how many of these trials have a score.

    Those that died, and what the trainer refused, it sees as infeasible. A Gaussian process fits values, so it sees
    those of one rung only: the highest that enough trials have reached (as in Falkner et al. 2018, "BOHB", section
    3.2), and those that are still in training; what died or was refused has the worst of the values there. It knows no
    conditions: a parameter that a trial does not have is shown in the middle of its range, so all such are alike in it.
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
            whole = (replace(trial, parameters=completed(study.space, trial.parameters)) for trial in seen)
            return [freeze(trial, observations.axes, scale) for trial in whole], len(there)
    raise AssertionError("a ladder has a rung")
