"""Which parameters matter: Optuna's evaluators, asked again and again on redrawn trials to see how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from random import Random
from typing import Any
from warnings import catch_warnings

import optuna
from optuna.trial import create_trial

from tune.ledger.database.distributions import category, distribution
from tune.study.settings.walk import drawn_value
from tune.study.space import Parameter

optuna.logging.set_verbosity(optuna.logging.WARNING)

EVALUATORS = ("PED-ANOVA", "fANOVA")
FEWEST = 8
"""Trials; of fewer an importance says nothing."""

REPEATS = 10
MOST = 100
"""Trials that enter one repeat at most, so that a large study does not take minutes."""

_TOP_SHARE, _FEWEST_TOP = 0.1, 5
_TREES = 12


@dataclass(frozen=True)
class Importance:
    """How much one parameter matters, according to one evaluator.

    Attributes:
        evaluator: One of `EVALUATORS`.
        parameter: Its name.
        values: One per repeat, each a share in [0, 1], ascending; the shares of all parameters add up to 1.
    """

    evaluator: str
    parameter: str
    values: tuple[float, ...]


def importances(
    space: Mapping[str, Parameter], settings: Sequence[Mapping[str, Any]], scores: Sequence[float], seed: int
) -> list[Importance]:
    """Returns the importance of each parameter by each evaluator, with its spread over redrawn trials.

    Each repeat draws as many trials as there are, at most `MOST`, with replacement (the bootstrap). PED-ANOVA asks what
    tells the best tenth of the trials, at least five, from the rest; fANOVA what explains the variance of all scores.
    Where a trial does not have a parameter a value drawn at random stands in its place, which explains nothing.

    Source: Watanabe et al. 2023, "PED-ANOVA", IJCAI; Hutter et al. 2014, "An efficient approach for assessing
    hyperparameter importance", ICML; Efron 1979, "Bootstrap methods", Ann. Statist. 7, 1-26.

    Args:
        space: The parameters.
        settings: Of each trial.
        scores: Of each trial, all at one rung; lower is better. One that is not finite counts as the worst that is.
        seed: Of the draws.

    Returns:
        Empty where fewer than `FEWEST` trials are given, or all their scores are equal.
    """
    finite = [score for score in scores if isfinite(score)]
    seen = {name: {repr(each[name]) for each in settings if name in each} for name in space}
    varying = {name: one for name, one in space.items() if len(seen[name]) > 1}
    if len(settings) < FEWEST or len(set(finite)) < 2 or not varying:
        return []
    worst, draw = max(finite), Random(seed)  # noqa: S311 - nothing secret
    distributions = {name: distribution(one) for name, one in varying.items()}
    trials = [
        create_trial(
            value=score if isfinite(score) else worst,
            params={
                name: category(setting[name] if name in setting else drawn_value(one, draw))
                for name, one in varying.items()
            },
            distributions=distributions,
        )
        for setting, score in zip(settings, scores, strict=True)
    ]
    found: dict[tuple[str, str], list[float]] = {}
    for repeat in range(REPEATS):
        drawn = draw.choices(trials, k=min(len(trials), MOST))
        for evaluator, shares in _evaluate(drawn, repeat).items():
            for name in varying:
                found.setdefault((evaluator, name), []).append(shares.get(name, 0.0))
    return [Importance(evaluator, name, tuple(sorted(values))) for (evaluator, name), values in found.items()]


def _evaluate(trials: Sequence[optuna.trial.FrozenTrial], seed: int) -> dict[str, dict[str, float]]:
    """Returns by evaluator the share of each parameter; an evaluator that finds nothing to explain is left out."""
    from optuna import importance  # with it comes scikit-learn, for which no study is to wait when it begins

    study = optuna.create_study()
    study.add_trials(trials)
    if len({trial.value for trial in trials}) < 2:
        return {}
    top = min(0.5, max(_TOP_SHARE, _FEWEST_TOP / len(trials)))
    evaluators: dict[str, importance.BaseImportanceEvaluator] = {
        "PED-ANOVA": importance.PedAnovaImportanceEvaluator(target_quantile=top),
        "fANOVA": importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=seed),
    }
    with catch_warnings(category=UserWarning, action="ignore"):  # of too few that differ, which the report says as well
        return {name: dict(importance.get_param_importances(study, evaluator=one)) for name, one in evaluators.items()}
