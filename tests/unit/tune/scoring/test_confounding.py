"""What cannot be told apart in a set of runs."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.confounds import exact_rank, inestimable
from tune.scoring.confounding import Aliased, Further, confounding, separating_runs

TRAP = [
    {"schedule": "constant", "epochs": 6, "workers": 2, "lr": 1e-3},
    {"schedule": "cosine", "epochs": 15, "workers": 8, "lr": 1e-3},
]


def test_factors_that_change_together_are_one_set() -> None:
    """Schedule, epochs and workers were changed at once; the learning rate was not, and is none of them."""
    found = confounding(TRAP)
    assert found.aliased == (Aliased(("schedule", "epochs", "workers"), together=True),)
    assert found.constant == ("lr",)
    assert found.clear == ()


def test_the_fewest_runs_change_one_value_of_the_first() -> None:
    """Of three that change together two are changed by themselves; the third is what is left of the difference."""
    assert separating_runs(TRAP) == (Further("schedule", "cosine"), Further("epochs", 15))
    assert separating_runs(TRAP, last=["schedule"]) == (Further("epochs", 15), Further("workers", 8))
    made = [{**TRAP[0], one.factor: one.value} for one in separating_runs(TRAP)]
    assert confounding([*TRAP, *made]).aliased == ()


def test_a_cross_confounds_nothing() -> None:
    """Constant against cosine crossed with 6 against 15 epochs, and one at a time from a base: all is clear."""
    crossed = [{"schedule": one, "epochs": other} for one, other in product(("constant", "cosine"), (6, 15))]
    assert confounding(crossed).clear == ("schedule", "epochs")
    assert separating_runs(crossed) == ()
    assert confounding([{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}]).aliased == ()


def test_effects_may_be_sums_of_others_without_changing_together() -> None:
    """One factor at a time without a base: no two change together, and nothing can be said of any."""
    odd = [{"a": 1, "b": 0, "c": 0}, {"a": 0, "b": 1, "c": 0}, {"a": 0, "b": 0, "c": 1}]
    assert confounding(odd).aliased == (Aliased(("a", "b", "c"), together=False),)
    assert len(separating_runs(odd)) == 1
    coarse = [{"size": 1, "big": False}, {"size": 2, "big": False}, {"size": 3, "big": True}]
    assert confounding(coarse).aliased == (Aliased(("size", "big"), together=False),)


def test_values_are_told_apart_as_in_a_study() -> None:
    """2 and 2.0 are one value, true and 1 are two, lists are compared by what is in them."""
    assert confounding([{"a": 2, "b": [1, 2]}, {"a": 2.0, "b": [1, 2]}]).constant == ("a", "b")
    assert confounding([{"a": True}, {"a": 1}]).clear == ("a",)


def test_what_some_runs_do_not_tell_is_not_said_to_vary() -> None:
    """A factor of one source alone is untold; a parameter with a condition that varies is a factor like others."""
    found = confounding([{"a": 1, "ema": 0.9}, {"a": 2}])
    assert (found.untold, found.clear, found.aliased) == (("ema",), ("a",), ())
    nested = [{"opt": "adam"}, {"opt": "sgd", "momentum": 0.5}, {"opt": "sgd", "momentum": 0.9}]
    assert confounding(nested).clear == ("opt", "momentum")


def test_one_run_and_none_say_nothing() -> None:
    """Without a second run nothing varies."""
    assert confounding([]).aliased == confounding([{"a": 1}]).aliased == ()
    assert separating_runs([]) == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=9))
def test_it_is_what_exact_ranks_say(rows: list[tuple[int, ...]]) -> None:
    """Confounded are those whose effects exact ranks cannot find; with the proposed runs there is none."""
    runs = [dict(zip("abcd", row, strict=True)) for row in rows]
    assert set(confounding(runs).confounded) == inestimable(runs)
    made = [{**runs[0], one.factor: one.value} for one in separating_runs(runs)]
    assert inestimable([*runs, *made]) == set()


@pytest.mark.parametrize(("rows", "rank"), [([[1, 2], [2, 4]], 1), ([[1, 0], [0, 3]], 2), ([], 0)])
def test_the_exact_rank(rows: list[list[int]], rank: int) -> None:
    """The rank that the benchmark judges by."""
    assert exact_rank(rows) == rank
