"""Failure rates from a trial's own seeds and its neighbours'."""

from math import exp
from random import Random

import pytest

from tests.fakes.studies import quadratic_study
from tune.scoring.failure_kernel import KernelRates
from tune.scoring.failure_trend import SeedCounts

SPACE = quadratic_study(space={"x": {"log_uniform": [1e-4, 1e-1]}, "kind": {"choice": ["a", "b"]}}).space


def settings(count: int, seed: int = 0) -> list[dict[str, object]]:
    random = Random(seed)  # noqa: S311 - a fixed scatter of points
    return [{"x": 10 ** random.uniform(-4, -1), "kind": random.choice("ab")} for _ in range(count)]


def test_a_trial_among_failing_ones_is_taken_to_fail() -> None:
    """Of two trials that passed their five seeds, the one whose neighbours fail has the higher rate."""
    there = settings(40)
    failing = [3 if one["x"] > 1e-2 else 0 for one in there]  # type: ignore[operator]
    new = [{"x": 0.05, "kind": "a"}, {"x": 2e-4, "kind": "a"}]
    *_, near, far = KernelRates(SPACE, [*there, *new], [*failing, 0, 0], [5] * 42).rates
    assert near > 0.2 > 5 * far


def test_a_trial_not_seen_is_what_its_neighbours_are() -> None:
    """Without seeds of its own a trial has the rate of those around it."""
    there = settings(30)
    failing = [2 if one["kind"] == "a" else 0 for one in there]
    new = [{"x": 1e-3, "kind": "a"}, {"x": 1e-3, "kind": "b"}]
    like_a, like_b = KernelRates(SPACE, there, failing, [4] * 30).rates_of(new, [0, 0], [0, 0])
    assert like_a == pytest.approx(0.5, abs=0.12)
    assert like_b < 0.1


def test_chance_failures_are_shared_evenly() -> None:
    """Where failures have nothing to do with the space, no trial is suspected for its place."""
    random = Random(3)  # noqa: S311
    there = settings(60)
    failing = [sum(random.random() < 0.1 for _ in range(5)) for _ in there]
    rates = KernelRates(SPACE, there, failing, [5] * 60).rates
    clean = [rate for rate, failed in zip(rates, failing, strict=True) if not failed]
    assert max(clean) < 0.25
    assert min(clean) > 0.005


def test_estimates_are_nearer_the_truth_than_counts() -> None:
    """Over many trials the estimate is closer to the true rate than failures over seeds, in mean square."""
    random = Random(5)  # noqa: S311
    there = settings(80, seed=1)
    truth = [0.6 if one["x"] > 1e-2 and one["kind"] == "a" else 0.02 for one in there]  # type: ignore[operator]
    failing = [sum(random.random() < rate for _ in range(3)) for rate in truth]
    rates = KernelRates(SPACE, there, failing, [3] * 80).rates

    def error(estimates: list[float]) -> float:
        return sum((one - rate) ** 2 for one, rate in zip(estimates, truth, strict=True))

    assert error(rates) < 0.5 * error([failed / 3 for failed in failing])


def test_early_failures_far_away_tell_of_a_trend() -> None:
    """In a wide space with few late seeds, early failures further along a direction make a trial there suspect."""
    random = Random(9)  # noqa: S311
    space = quadratic_study(space={name: {"uniform": [0, 1]} for name in "pqrs"}).space

    def scatter(count: int, top: float) -> list[dict[str, object]]:
        return [{name: random.uniform(0, top) for name in "pqrs"} for _ in range(count)]

    def rate(one: dict[str, object]) -> float:
        return 0.9 / (1 + exp(-4 * (float(one["p"]) + float(one["q"]) - 1.2)))  # type: ignore[arg-type]

    there, others = scatter(20, 0.7), scatter(150, 1.0)
    failing = [sum(random.random() < rate(one) for _ in range(5)) for one in there]
    shown = [int(random.random() < rate(one) / 2) for one in others]
    far: list[dict[str, object]] = [{"p": 1.0, "q": 1.0, "r": 0.5, "s": 0.5}]
    (alone,) = KernelRates(space, there, failing, [5] * 20).rates_of(far, [0], [0])
    (told,) = KernelRates(space, there, failing, [5] * 20, SeedCounts(others, shown, [1] * 150)).rates_of(far, [0], [0])
    assert told > 0.5 > 1.5 * alone
