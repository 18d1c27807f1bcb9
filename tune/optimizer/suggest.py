"""Where to look next: Optuna's samplers on what the ladder says.

A suggestion is a pure function of the study, the trials so far and the number of the new one: an Optuna study is made
in memory from the ledger, asked once, and thrown away. So nothing of a sampler is ever stored, and a study that was
interrupted is asked the same question again.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune.ledger import Trial
from tune.ledger.database import distribution
from tune.space import grid, size
from tune.study import Study

_FRESH_TRIES = 16


def suggest(study: Study, trials: Sequence[Trial]) -> tuple[dict[str, Any], str] | None:
    """Returns the parameters of the next trial and why they were chosen; None when the space is used up.

    Args:
        study: Space, method and seed.
        trials: Every trial so far.
    """
    number, total = len(trials), size(study.space)
    if study.search.method == "grid":
        point = next(islice(grid(study.space), number, None), None)
        return None if point is None else (point, f"point {number + 1} of {total} of the grid")
    tried = [dict(trial.parameters) for trial in trials]
    if total is not None and len({tuple(point.values()) for point in tried}) >= total:
        return None
    parameters: dict[str, Any] = {}
    for attempt in range(_FRESH_TRIES):
        parameters = _ask(study, trials, _sampler(study, number, attempt))
        if parameters not in tried:
            break
    else:
        parameters = (
            next((point for point in grid(study.space) if point not in tried), parameters) if total else parameters
        )
    scored = sum(1 for trial in trials if trial.reached)
    by_chance = study.search.method == "random" or scored < _startup(study)
    return parameters, "drawn at random" if by_chance else f"suggested by TPE from {scored} scored trials"


def derived_seed(*parts: int) -> int:
    """Returns a 32-bit seed that depends on every part, the same on every machine."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=4).digest(), "big")


def _sampler(study: Study, number: int, attempt: int) -> BaseSampler:
    seed = derived_seed(study.search.seed, number, attempt)
    if study.search.method == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, multivariate=True, n_startup_trials=_startup(study))


def _startup(study: Study) -> int:
    """Returns how many trials TPE wants to have seen before it is asked; a short study cannot spend ten on chance."""
    return min(10, max(1, study.trials // 3))


def _ask(study: Study, trials: Sequence[Trial], sampler: BaseSampler) -> dict[str, Any]:
    distributions = {name: distribution(parameter) for name, parameter in study.space.items()}
    memory = optuna.create_study(sampler=sampler, direction="minimize")
    memory.add_trials([_frozen(trial, study, distributions) for trial in trials])
    return memory.ask(distributions).params


def _frozen(trial: Trial, study: Study, distributions: Mapping[str, Any]) -> FrozenTrial:
    """Returns a trial as TPE is to see it.

    A trial seen at an early rung is PRUNED there: TPE ranks those below every confirmed one, the higher rung first
    (`_split_trials` in Optuna), so a value from few epochs never competes with one from many. One that has no value
    yet is RUNNING, which TPE takes for bad, so that parallel suggestions do not collapse onto one point.
    """
    if trial.confirmed:
        state = TrialState.COMPLETE
    elif trial.reached:
        state = TrialState.PRUNED
    else:
        state = TrialState.FAIL if trial.ended else TrialState.RUNNING
    return create_trial(
        state=state,
        params=dict(trial.parameters),
        distributions=dict(distributions),
        value=trial.last.score if trial.last is not None and trial.confirmed else None,
        intermediate_values={study.rungs[rung].epochs: reached.score for rung, reached in trial.reached.items()},
    )
