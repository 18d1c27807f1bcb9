"""Short trainings of a check, as a formula of their seconds has them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tune.scoring.check.measured import Epoch, Probed, Purpose
from tune.study.study import Study

Seconds = Callable[[Mapping[str, Any], int], float]
"""From parameters and number of seeds to seconds of an epoch."""


def timed_study(**changes: Any) -> Study:
    """A study of four trials' worth of everything: three kinds of parameter, five seeds, three rungs."""
    given: dict[str, Any] = {
        "name": "timed",
        "trainer": "tests.fakes.trainers:Quadratic",
        "recording": {},
        "space": {
            "width": {"int": [16, 256], "log": True},
            "dropout": {"uniform": [0.0, 0.5]},
            "norm": {"choice": ["none", "batch", "layer"]},
        },
        "search": {"method": "random", "trials": 18},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 9, "seeds": 3}, {"epochs": 9, "seeds": 5}],
    }
    return Study.model_validate({**given, **changes})


MIDDLE: Mapping[str, Any] = {"width": 64, "dropout": 0.25, "norm": "none"}


def made(
    seconds: Seconds,
    purpose: Purpose = "whole",
    parameters: Mapping[str, Any] = MIDDLE,
    seeds: Sequence[int] = (1, 2),
    rng: np.random.Generator | None = None,
    **given: Any,
) -> Probed:
    """One short training of three epochs; with a generator each epoch is off by a twentieth or so."""
    lasts = seconds(parameters, len(seeds))
    off = [1.0] * 3 if rng is None else np.exp(rng.normal(0, 0.05, 3)).tolist()
    epochs = [
        Epoch(
            number + 1, lasts * off[number], lasts * off[number], {"validation_loss": [0.9 - 0.1 * number] * len(seeds)}
        )
        for number in range(3)
    ]
    about: dict[str, Any] = {"epochs": epochs, "baseline": {"validation_loss": 1.0}, **given}
    return Probed(purpose, parameters, parameters, seeds, 0, 3, **about)


def probes(seconds: Seconds, rng: np.random.Generator | None = None, **given: Any) -> list[Probed]:
    """The middle with two seeds and with one, and each end of each parameter of `timed_study`."""
    moved: list[tuple[str, Any]] = [
        ("width", 16), ("width", 256), ("dropout", 0.0), ("dropout", 0.5), ("norm", "batch"), ("norm", "layer"),
    ]  # fmt: skip
    corners = [made(seconds, "corner", {**MIDDLE, name: value}, rng=rng, **given) for name, value in moved]
    return [made(seconds, rng=rng, **given), made(seconds, "alone", seeds=[1], rng=rng, **given), *corners]
