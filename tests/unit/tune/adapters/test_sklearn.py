"""scikit-learn's estimators as functions: folds as seeds, epochs, scorers, and what is refused."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tune.adapters.function import function_trainer
from tune.adapters.sklearn import directions_of, sklearn
from tune.errors import TrainerMistake, UserMistake
from tune.trainer import hook

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(120, 4))
CLASSES = (ROWS @ [1.0, -2.0, 0.5, 0.0] + RANDOM.normal(size=120) > 0).astype(int)
NUMBERS = ROWS @ [1.0, -2.0, 0.5, 0.0] + RANDOM.normal(size=120)


def trained(function: Any, config: dict[str, Any], seeds: list[int], epochs: int) -> list[dict[str, list[float]]]:
    """Rows of a training."""
    trainer = function_trainer(function, "mine:train")(config, {}, seeds, None)
    try:
        return list(trainer.train(epochs))
    finally:
        trainer.close()


def test_a_seed_is_a_fold() -> None:
    """The first five seeds are the folds of one stratified split, the next five those of another."""
    (row,) = trained(sklearn(LogisticRegression(), ROWS, CLASSES), {"C": 0.1}, list(range(10)), 1)
    expected = []
    for split in range(2):
        for training, held_out in StratifiedKFold(5, shuffle=True, random_state=split).split(ROWS, CLASSES):
            model = LogisticRegression(C=0.1).fit(ROWS[training], CLASSES[training])
            expected.append(model.score(ROWS[held_out], CLASSES[held_out]))
    assert row == {"accuracy": expected}
    assert len(set(expected)) > 2


def test_an_estimator_with_partial_fit_yields_epochs() -> None:
    """Each is one pass over the training rows; seeds are the same alone and together, and when it begins again."""
    function = sklearn(SGDClassifier(loss="log_loss"), ROWS, CLASSES, scoring="neg_log_loss")
    rows = trained(function, {"alpha": 1e-3}, [0, 1], 4)
    assert [list(row) for row in rows] == [["log_loss"]] * 4
    losses = [row["log_loss"] for row in rows]
    assert all(0 < loss < 5 for pair in losses for loss in pair)
    assert [pair[1:] for pair in losses] == [row["log_loss"] for row in trained(function, {"alpha": 1e-3}, [1], 4)]
    assert losses[:2] == [row["log_loss"] for row in trained(function, {"alpha": 1e-3}, [0, 1], 2)]


def test_one_with_warm_start_grows() -> None:
    """An ensemble gets its number of estimators anew in each epoch; in the end it is the whole one."""
    growing = GradientBoostingClassifier(warm_start=True, n_estimators=5, random_state=1)
    rows = trained(sklearn(growing, ROWS, CLASSES, cv=3), {"learning_rate": 0.3}, [0], 4)
    whole = GradientBoostingClassifier(n_estimators=20, random_state=1)
    assert rows[-1] == trained(sklearn(whole, ROWS, CLASSES, cv=3), {"learning_rate": 0.3}, [0], 1)[0]
    assert len(rows) == 4
    iterating = LogisticRegression(warm_start=True, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = trained(sklearn(iterating, ROWS, CLASSES, scoring="neg_log_loss"), {}, [0], 4)
    assert losses[3]["log_loss"] < losses[0]["log_loss"]


def test_parameters_of_a_pipeline_are_named_as_scikit_learn_names_them() -> None:
    """Keys such as `ridge__alpha`; a regressor's metric is R squared, and its folds are not stratified."""
    function = sklearn(make_pipeline(StandardScaler(), Ridge()), lambda: (ROWS.tolist(), NUMBERS), cv=4)
    (row,) = trained(function, {"ridge__alpha": 2.0}, [1], 1)
    training, held_out = list(KFold(4, shuffle=True, random_state=0).split(ROWS))[1]
    model = make_pipeline(StandardScaler(), Ridge(alpha=2.0)).fit(ROWS[training], NUMBERS[training])
    assert row == {"r2": [model.score(ROWS[held_out], NUMBERS[held_out])]}
    assert function.check_config({"ridge__alpha": 1.0}) == {}  # type: ignore[attr-defined]
    assert function.check_config({"ridge__alhpa": 1.0}) == {  # type: ignore[attr-defined]
        "ridge__alhpa": "is no parameter of Pipeline; did you mean 'ridge__alpha'?"
    }


def test_a_factory_makes_the_estimator() -> None:
    """A class gets the values that it takes by name; so does a function, and the whole configuration as `config`."""

    def made(config: dict[str, Any]) -> LogisticRegression:
        return LogisticRegression(C=10 ** config["log_c"])

    expected = trained(sklearn(LogisticRegression(), ROWS, CLASSES), {"C": 0.01}, [0], 1)
    assert trained(sklearn(LogisticRegression, ROWS, CLASSES), {"C": 0.01}, [0], 1) == expected
    assert trained(sklearn(made, ROWS, CLASSES), {"log_c": -2}, [0], 1) == expected
    said = sklearn(LogisticRegression, ROWS, CLASSES).check_config({"c": 1})  # type: ignore[attr-defined]
    assert said["c"].startswith("is no argument of LogisticRegression; allowed: C, class_weight")


def test_a_splitter_has_its_own_folds() -> None:
    """Its folds are the seeds from 0 on, and there are no others."""
    function = sklearn(Ridge(), ROWS, NUMBERS, cv=TimeSeriesSplit(3), scoring="neg_mean_squared_error")
    (row,) = trained(function, {}, [2], 1)
    training, held_out = list(TimeSeriesSplit(3).split(ROWS))[2]
    model = Ridge().fit(ROWS[training], NUMBERS[training])
    assert row["mean_squared_error"] == pytest.approx(
        [np.mean((model.predict(ROWS[held_out]) - NUMBERS[held_out]) ** 2)]
    )
    with pytest.raises(TrainerMistake, match="seed 3: TimeSeriesSplit has 3 folds; seeds are 0 to 2"):
        trained(function, {}, [3], 1)


def test_every_scorer_says_which_values_are_better() -> None:
    """Of a loss the metric is the loss itself, to be minimised; of all others what they tell, to be maximised."""
    for scoring in get_scorer_names():
        found = directions_of(scoring)
        expected = "maximize" if get_scorer(scoring)._sign > 0 else "minimize"
        assert found == {scoring.removeprefix("neg_"): expected}
    assert directions_of("neg_log_loss") == {"log_loss": "minimize"}
    assert directions_of("accuracy") == {"accuracy": "maximize"}


@pytest.mark.parametrize("scoring", [None, "r2", "d2_absolute_error_score", "neg_mean_squared_error"])
def test_the_trainer_knows_the_direction_of_its_metric(scoring: str | None) -> None:
    """What is told in an epoch is called as the direction is asked for."""
    function = sklearn(Ridge(), ROWS, NUMBERS, scoring=scoring)
    (row,) = trained(function, {}, [0], 1)
    (metric,) = row
    kind = function_trainer(function, "mine:train")
    expected = "minimize" if scoring == "neg_mean_squared_error" else "maximize"
    assert hook(kind, "directions")() == directions_of(scoring)  # type: ignore[misc]
    assert directions_of(scoring)[metric] == expected


def test_what_cannot_be_trained_is_said() -> None:
    """A scorer that there is not, data that are missing, epochs of an estimator that has none."""
    with pytest.raises(
        UserMistake, match=r"sklearn\(scoring='acuracy'\): scikit-learn has no such scorer; did you mean"
    ):
        sklearn(Ridge(), ROWS, NUMBERS, scoring="acuracy")
    with pytest.raises(UserMistake, match=r"sklearn\(X, y\): give both, or X as a function that returns both"):
        sklearn(Ridge(), ROWS)
    with pytest.raises(TrainerMistake, match="Ridge is trained by one fit, which is one epoch, and was asked for 2"):
        trained(sklearn(Ridge(), ROWS, NUMBERS), {}, [0], 2)
