"""A scikit-learn estimator as a function that trains one seed: one fold of a cross-validation."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from tune.adapters.factory import Factory, mistaken
from tune.errors import TrainerMistake, UserMistake, did_you_mean
from tune.study.sections import Direction

_NEGATED = "neg_"
_CLASSIFIERS, _REGRESSORS, _OTHERS = "accuracy", "r2", "score"
"""What an estimator's own `score` is called."""


def sklearn(  # noqa: D417 - X and y are one entry
    estimator: Any,
    X: Any,  # noqa: N803 - scikit-learn's name
    y: Any = None,
    *,
    scoring: str | None = None,
    cv: Any = 5,
) -> Callable[..., Iterator[dict[str, float]]]:
    """Returns a function, as a study names one, that trains a scikit-learn estimator by cross-validation.

    A seed is a fold: of `cv` folds, seeds 0 to cv - 1 are those of one shuffled split (stratified where the estimator
    is a classifier), the next cv seeds those of another. What has no `random_state` of its own draws from NumPy's
    global generator, which is seeded with the seed.

    An epoch is one more `fit` where the estimator has `warm_start=True` (which adds `n_estimators` to an ensemble each
    time), else one `partial_fit` over the fold's training rows where it has that, else the whole `fit`: then the study
    has `epochs: 1`. Nothing is saved, because only pickles could hold an estimator: a trial that is promoted trains
    again from its first epoch.

    Args:
        estimator: Gets the values of the configuration as parameters, `step__name` within a pipeline; it is cloned. Or
            a class or function that makes one, called with those that it takes by name.
        X, y: The data; or X a function without arguments that returns both, called once in each process.
        scoring: Name of a scorer, of which the fold's validation rows get the value. The metric is called so, and is
            to be maximised, as scikit-learn's scorers are; of a `neg_…` scorer it is called without that, turned round,
            and is to be minimised. The study need not say so. Left out: `accuracy` for classifiers, `r2` for
            regressors, else `score`, to be maximised.
        cv: The number of folds, 2 or more, or a splitter of scikit-learn's whose folds are seeds 0, 1, 2, ….

    Raises:
        UserMistake: If there is no such scorer, or the data are not given.
    """
    if y is None and not callable(X):
        raise UserMistake("sklearn(X, y): give both, or X as a function that returns both")
    is_estimator = hasattr(estimator, "fit") and not isinstance(estimator, type)
    made = None if is_estimator else Factory(estimator, "sklearn(estimator)")
    scorer = None if scoring is None else _scorer(scoring)

    @cache
    def loaded() -> tuple[Any, Any]:
        return X() if callable(X) else (X, y)

    def train(config: Mapping[str, Any], seed: int, epochs: int) -> Iterator[dict[str, float]]:
        """Yields the fold's score after each epoch."""
        model = _made(estimator, made, config, seed)
        rows, values = loaded()
        training, validation = _fold(model, rows, values, cv, seed)
        name, score = _named(model, scoring, scorer)
        data = _taken(rows, training), _taken(values, training)
        held_out = _taken(rows, validation), _taken(values, validation)
        for _ in _trained(model, data, np.unique(values), epochs):
            yield {name: score(model, *held_out)}

    train.check_config = partial(_mistakes, estimator, made)  # type: ignore[attr-defined] # a function may have it
    train.directions = lambda: directions_of(scoring)  # type: ignore[attr-defined]
    return train


def _made(estimator: Any, made: Factory | None, config: Mapping[str, Any], seed: int) -> Any:
    """Returns an estimator with the values of a configuration."""
    from sklearn.base import clone

    return made(config, seed) if made is not None else clone(estimator).set_params(**config)


def _mistakes(estimator: Any, made: Factory | None, config: Mapping[str, Any]) -> dict[str, str]:
    """Returns what an estimator has against a configuration, by key."""
    if made is not None:
        return mistaken([made], config)
    names, who = list(estimator.get_params()), type(estimator).__name__
    return {key: f"is no parameter of {who}{did_you_mean(key, names)}" for key in config if key not in names}


def _trained(model: Any, data: tuple[Any, Any], classes: Any, epochs: int) -> Iterator[None]:
    """Trains an estimator; yields after each epoch."""
    from sklearn.base import is_classifier
    from sklearn.exceptions import ConvergenceWarning

    parameters = model.get_params()
    grows = parameters.get("n_estimators") if parameters.get("warm_start") else None
    steps = hasattr(model, "partial_fit") and not parameters.get("warm_start")
    if epochs > 1 and not steps and not parameters.get("warm_start"):
        raise TrainerMistake(
            f"{type(model).__name__} is trained by one fit, which is one epoch, and was asked for {epochs}; write "
            f"epochs: 1 in the study, or use an estimator with partial_fit, or with warm_start=True"
        )
    for epoch in range(1, epochs + 1):
        with warnings.catch_warnings():
            if epochs > 1:  # it is not done yet, as is to be expected
                warnings.simplefilter("ignore", ConvergenceWarning)
            if steps:
                first = {"classes": classes} if epoch == 1 and is_classifier(model) else {}
                model.partial_fit(*data, **first)
            else:
                if grows is not None:
                    model.set_params(n_estimators=grows * epoch)
                model.fit(*data)
        yield


def _fold(model: Any, rows: Any, values: Any, cv: Any, seed: int) -> tuple[Any, Any]:
    """Returns the indices of the training and the validation rows of a seed."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import KFold, StratifiedKFold

    if isinstance(cv, int):
        split, fold = divmod(seed, cv)
        kind = StratifiedKFold if is_classifier(model) else KFold
        folds = kind(n_splits=cv, shuffle=True, random_state=split % 2**32).split(rows, values)
    else:
        fold, count = seed, cv.get_n_splits(rows, values)
        if seed >= count:
            raise TrainerMistake(f"seed {seed}: {type(cv).__name__} has {count} folds; seeds are 0 to {count - 1}")
        folds = cv.split(rows, values)
    training, validation = next(pair for place, pair in enumerate(folds) if place == fold)
    return training, validation


def _taken(data: Any, rows: Any) -> Any:
    """Returns some rows of an array, a sparse matrix, a table or a list."""
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    return data[rows] if hasattr(data, "shape") else np.asarray(data)[rows]


def _scorer(scoring: str) -> Callable[..., float]:
    from sklearn.metrics import get_scorer, get_scorer_names

    try:
        found: Callable[..., float] = get_scorer(scoring)
    except ValueError:
        raise UserMistake(
            f"sklearn(scoring={scoring!r}): scikit-learn has no such scorer{did_you_mean(scoring, get_scorer_names())}"
        ) from None
    return found


def _named(
    model: Any, scoring: str | None, scorer: Callable[..., float] | None
) -> tuple[str, Callable[[Any, Any, Any], float]]:
    """Returns the metric's name, and what it is of an estimator on some rows."""
    from sklearn.base import is_classifier, is_regressor

    if scoring is None or scorer is None:
        name = _CLASSIFIERS if is_classifier(model) else _REGRESSORS if is_regressor(model) else _OTHERS
        return name, lambda fitted, rows, values: float(fitted.score(rows, values))
    name = scoring.removeprefix(_NEGATED)
    if scoring.startswith(_NEGATED):
        return name, lambda fitted, rows, values: -float(scorer(fitted, rows, values))
    return name, lambda fitted, rows, values: float(scorer(fitted, rows, values))


def directions_of(scoring: str | None) -> dict[str, Direction]:
    """Returns which values are better of the metrics that there may be with a scorer; None: the estimator's own score.

    By scikit-learn's convention greater values of every scorer are (User guide, "The scoring parameter"); that of a
    loss has a name with `neg_` in front, and its sign is turned back here.
    """
    if scoring is None:
        return dict.fromkeys((_CLASSIFIERS, _REGRESSORS, _OTHERS), "maximize")
    return {scoring.removeprefix(_NEGATED): "minimize" if scoring.startswith(_NEGATED) else "maximize"}
