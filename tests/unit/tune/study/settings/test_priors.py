"""Where an expert would look first."""

from random import Random
from statistics import fmean, stdev
from typing import Any

import pytest

from tune.study.document import Document
from tune.study.settings.priors import drawn_near, priors
from tune.study.study import Study, build_study


def believed(space: dict[str, Any], **changes: object) -> Study:
    """A study with priors."""
    given = {"name": "believed", "trainer": "a:B", "space": space, "seeds": [1, 2], "epochs": 4, **changes}
    return build_study(Document("believed", given))


def test_values_are_drawn_around_their_priors() -> None:
    """On the scale of each parameter, within its range; one without a prior is left out."""
    space = believed(
        {
            "lr": {"log_uniform": [1e-5, 1e-1], "prior": 1e-3},
            "x": {"uniform": [0, 1], "prior": 0.0},
            "n": {"int": [0, 100], "prior": 50},
            "m": {"int": [1, 10_000], "log": True, "prior": 100},
            "s": {"uniform": [0, 1], "step": 0.25, "prior": 0.5},
            "o": {"choice": [512, 8, 64], "prior": 64},
            "c": {"choice": ["a", "b", [1, 2]], "prior": [1, 2]},
            "none": {"uniform": [0, 1]},
        }
    ).space
    random = Random(0)  # noqa: S311 - no secret
    draws = [drawn_near(space, random) for _ in range(2000)]
    assert priors(space) == {"lr": 1e-3, "x": 0.0, "n": 50, "m": 100, "s": 0.5, "o": 64, "c": [1, 2]}
    assert all(space[name].holds(value) for one in draws for name, value in one.items())
    assert all("none" not in one for one in draws)
    middle = sum(1e-4 <= one["lr"] <= 1e-2 for one in draws) / 2000
    assert 0.65 < middle < 0.8  # one standard deviation, of a Gaussian that is cut at two
    assert fmean(one["x"] for one in draws) == pytest.approx(0.25 * 0.8, abs=0.02)  # half of a Gaussian
    assert stdev(one["n"] for one in draws) == pytest.approx(22, abs=1.5)
    for name, prior, least in (("o", 64, 0.6), ("c", [1, 2], 0.55), ("s", 0.5, 0.35)):
        assert sum(one[name] == prior for one in draws) / 2000 > least
    assert {one["o"] for one in draws} == {8, 64, 512}


def test_a_grid_needs_no_prior() -> None:
    """It tries all, so one is refused rather than ignored."""
    with pytest.raises(Exception, match=r"space\.n\.prior: a grid tries every setting"):
        believed({"n": {"int": [0, 9], "prior": 5}}, search={"method": "grid"})
