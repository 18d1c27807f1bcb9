"""Runs side by side."""

from math import isnan, nan

import pytest

from tests.fakes.runs_elsewhere import curve, imported
from tune.errors import UserMistake
from tune.ledger.imports.run import ImportedRun
from tune.scoring.comparison.comparison import Question, compare_runs

UNLIKE = [imported("a", more={"x": {1: 1.0}}), imported("b", more={"y": {1: 1.0}})]
UNSAID = [imported(key, more={"x": {1: 1.0}, "y": {1: 1.0}}) for key in "ab"]
FALLING = [8.0, 4, 2, 1, 0.9, 0.8, 0.7, 0.6]


def two(**second: object) -> list[ImportedRun]:
    """Two runs that differ in their learning rate and their schedule."""
    given = {"configuration": {"lr": 2, "schedule": "cosine", "width": 8}, "loss": FALLING, **second}
    return [
        imported("a", loss=FALLING, configuration={"lr": 1, "schedule": "constant", "width": 8}),
        imported("b", **given),
    ]


def test_what_differs_and_what_is_confounded() -> None:
    """Only what differs is told; what changed together is named with the run that would separate it."""
    found = compare_runs(two(), Question())
    assert found.differing == {"lr": (1, 2), "schedule": ("constant", "cosine")}
    assert [one.factors for one in found.confounding.aliased] == [("lr", "schedule")]
    assert [(one.factor, one.value) for one in found.further] == [("lr", 2)]


def test_names_that_mean_the_same_are_one_factor() -> None:
    """`lr` here and `learning_rate` there; a source that has both keeps them apart."""
    runs = [
        imported("a", "a", [1, 2], configuration={"lr": 1}),
        imported("b", "b", [1, 2], configuration={"learning_rate": 1}),
    ]
    assert compare_runs(runs, Question()).differing == {}
    runs.append(imported("c", "c", [1, 2], configuration={"lr": 1, "learning_rate": 2}))
    assert set(compare_runs(runs, Question()).differing) == {"lr", "learning_rate"}


def test_the_course_of_each_side() -> None:
    """Epochs to a threshold and to 90 % of the drop, the gap, the spread at the end, learning rates as told."""
    rates = {"lr": curve(*[0.1] * 4, *[0.01] * 4), "train_loss": curve(*[0.5] * 8), "grad_norm": curve(*[3] * 8)}
    found = compare_runs(two(more=rates), Question(below=1, at=(1, 8), last=4))
    first, second = found.columns
    assert first.below == {1: 4}
    assert first.drop == {1: 4}
    assert first.values == {1: {1: 8.0}, 8: {1: 0.6}}
    assert (first.learning_rates, second.learning_rates) == ({}, {1: 0.1, 8: 0.01})
    assert second.gap_percent == {1: pytest.approx(20)}
    assert (first.gap_percent, first.gradient_norms, second.gradient_norms) == ({}, {}, {1: 3})
    assert first.spread_range == pytest.approx(0.3)
    assert first.spread_sd == pytest.approx(0.1290994)
    assert found.last == 4


def test_a_threshold_that_is_never_reached_is_not_a_number() -> None:
    """And above it for a metric that is maximised."""
    never = compare_runs(two(), Question(below=0.1)).columns[0].below[1]
    assert isnan(never)
    rising = [imported(key, more={"accuracy": curve(0.1, 0.5, 0.9)}, configuration={"x": key}) for key in "ab"]
    found = compare_runs(rising, Question(below=0.5))
    assert (found.maximize, found.columns[0].below) == (True, {1: 2})


def test_cost_and_speed_are_of_all_runs_of_a_side() -> None:
    """Two seeds of 8 epochs in 4 s each: 2 epochs a second; GPU-hours and parameters where they are told."""
    seeds = [
        imported("a", loss=FALLING, configuration={"x": 1, "num_params": 9}, seed=at, seconds=4.0, gpu_seconds=1800.0)
        for at in (1, 2)
    ]
    found = compare_runs([*seeds, imported("b", loss=FALLING, configuration={"x": 2})], Question())
    first, second = found.columns
    assert (first.seconds, first.epochs_per_second, first.gpu_hours, first.parameters) == (8, 2, 1, 9)
    assert all(map(isnan, (second.seconds, second.epochs_per_second, second.gpu_hours, second.parameters)))
    assert found.confounding.aliased == ()


def test_curves_of_nan_have_a_course_that_is_not_known() -> None:
    """A run that diverged is failed, and nothing is said that it does not have."""
    found = compare_runs(two(loss=[nan] * 8), Question(below=1))
    second = found.columns[1]
    assert second.failed == (1,)
    assert isnan(second.below[1])
    assert isnan(second.drop[1])
    assert isnan(second.spread_sd)


def test_the_metric_is_that_which_all_have() -> None:
    """What a source scores, else the loss; one that is asked for must be everywhere."""
    runs = two(more={"train_loss": curve(1, 2)})
    assert compare_runs(runs, Question()).metric == "validation_loss"
    scored = [
        imported(key, more={"a": curve(1), "b": curve(2)}, configuration={"x": key}, metric="b", maximize=True)
        for key in "xy"
    ]
    found = compare_runs(scored, Question())
    assert (found.metric, found.maximize) == ("b", True)
    with pytest.raises(UserMistake, match="tells no metric 'train_loss'"):
        compare_runs(runs, Question(metric="train_loss"))


@pytest.mark.parametrize(
    ("runs", "question", "said"),
    [
        ([], Question(), "two or more different runs, got none"),
        (two()[:1], Question(), "two or more different runs, got earlier.csv alone"),
        (UNLIKE, Question(), "no metric in common.*a: x; b: y"),
        (UNSAID, Question(), "say it with --metric: x, y"),
        (two(), Question(at=(9,)), "--at: 1 to 8 have been trained by some run; got 9"),
        (two(), Question(at=()), "--at: 1 to 8 have been trained by some run; none is given"),
        (two(), Question(last=1), "--last: the spread is of at least the last 2 epochs, got 1"),
        ([imported(str(at), loss=[1]) for at in range(201)], Question(), "201 runs are too many to see; at most 200"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(runs: list[ImportedRun], question: Question, said: str) -> None:
    """One message that says why and what to do."""
    with pytest.raises(UserMistake, match=said):
        compare_runs(runs, question)
