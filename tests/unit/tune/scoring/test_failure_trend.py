"""Failure rates that follow the parameters."""

from random import Random

import numpy as np
import pytest

from tests.fakes.studies import quadratic_study
from tune.scoring.failure_trend import LogisticRates, SeedCounts

SPACE = quadratic_study(
    space={"x": {"log_uniform": [1e-4, 1e-1]}, "y": {"uniform": [0, 1]}, "kind": {"choice": ["a", "b", "c"]}}
).space


def settings(count: int, seed: int = 0) -> list[dict[str, object]]:
    random = Random(seed)  # noqa: S311 - a fixed scatter of points
    drawn = ((10 ** random.uniform(-4, -1), random.random(), random.choice("abc")) for _ in range(count))
    return [{"x": x, "y": y, "kind": kind} for x, y, kind in drawn]


def at(x: float, kind: str = "a") -> dict[str, object]:
    return {"x": x, "y": 0.5, "kind": kind}


def test_a_few_failures_tell_of_a_direction() -> None:
    """Five failures among forty trials, all at high x, make the far end of x suspect and the near end safe."""
    there = settings(40)
    highest = sorted(there, key=lambda one: -float(one["x"]))[:5]  # type: ignore[arg-type]
    trend = LogisticRates(SPACE, SeedCounts(there, [int(one in highest) for one in there], [1] * 40), SeedCounts())
    low, middle, high = trend.rates_of([at(1e-4), at(3e-3), at(1e-1)])
    assert low < 0.05 < high
    assert middle < high / 3


def test_choices_without_an_order_have_rates_of_their_own() -> None:
    """A choice that fails is told from the others, in whatever order they are listed."""
    there = settings(60, seed=1)
    trend = LogisticRates(SPACE, SeedCounts(there, [2 * (one["kind"] == "b") for one in there], [4] * 60), SeedCounts())
    a, b, c = trend.rates_of([at(3e-3, kind) for kind in "abc"])
    assert b == pytest.approx(0.5, abs=0.1)
    assert max(a, c) < 0.1


def test_chance_failures_are_no_trend() -> None:
    """Where failures have nothing to do with the space, the rates are near the overall one."""
    random = Random(3)  # noqa: S311
    there = settings(100, seed=2)
    trend = LogisticRates(
        SPACE, SeedCounts(there, [sum(random.random() < 0.1 for _ in range(5)) for _ in there], [5] * 100), SeedCounts()
    )
    assert all(0.03 < rate < 0.25 for rate in trend.rates_of(there))


def test_early_evidence_counts_for_its_direction_and_not_for_its_rate() -> None:
    """Where few failures show early, the rates are those of late evidence, and the direction that of both."""
    random = Random(5)  # noqa: S311
    early, late = settings(150, seed=4), settings(40, seed=5)
    risk = [0.9 if float(one["x"]) > 1e-2 else 0.05 for one in [*early, *late]]  # type: ignore[arg-type]
    shown = [int(random.random() < rate / 4) for rate in risk[:150]]
    ended = [sum(random.random() < rate for _ in range(3)) for rate in risk[150:]]
    both = LogisticRates(SPACE, SeedCounts(late, ended, [3] * 40), SeedCounts(early, shown, [1] * 150))
    mixed = LogisticRates(SPACE, SeedCounts([*late, *early], [*ended, *shown], [*[3] * 40, *[1] * 150]), SeedCounts())
    (told,), (diluted,) = both.rates_of([at(5e-2)]), mixed.rates_of([at(5e-2)])
    assert told > diluted + 0.1
    assert told == pytest.approx(0.85, abs=0.15)


def test_a_trial_left_out_does_not_speak_for_itself() -> None:
    """The rate without a trial's own seeds is nearly that of a fit without the trial."""
    there = settings(30, seed=6)
    failed = [3 if float(one["x"]) > 2e-2 else 0 for one in there]  # type: ignore[arg-type]
    failed[0] = 3 - failed[0]
    quick = LogisticRates(SPACE, SeedCounts(there, failed, [3] * 30), SeedCounts()).left_out()
    slow = [
        LogisticRates(
            SPACE, SeedCounts(there[:one] + there[one + 1 :], failed[:one] + failed[one + 1 :], [3] * 29), SeedCounts()
        )
        .rates_of([there[one]])
        .item()
        for one in range(30)
    ]
    assert np.abs(quick - slow).mean() < 0.03
    assert quick == pytest.approx(slow, abs=0.12)


def test_a_parameter_with_one_value_tells_nothing() -> None:
    """A choice of one number neither breaks the fit nor says anything."""
    space = quadratic_study(space={"x": {"uniform": [0, 1]}, "size": {"choice": [64]}}).space
    there: list[dict[str, object]] = [{"x": index / 19, "size": 64} for index in range(20)]
    trend = LogisticRates(space, SeedCounts(there, [int(index > 14) for index in range(20)], [1] * 20), SeedCounts())
    low, high = trend.rates_of([{"x": 0.0, "size": 64}, {"x": 1.0, "size": 64}])
    assert low < 0.15
    assert high > 0.5
