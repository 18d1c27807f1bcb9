"""Short trainings of a check that are made up: a healthy study's, and with what a test changes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.fakes.studies import quadratic_study
from tune.scoring.check.items import Evidence, Item
from tune.scoring.check.measured import Epoch, Probed, Purpose, Seeding
from tune.scoring.check.verdict import judged
from tune.study.study import Study

SEEDS = (1, 2)
EPOCHS = 8
MIDDLE = {"x": 0.5}


def study(**changes: Any) -> Study:
    return quadratic_study(**changes)


def epochs(
    losses: Mapping[int, Sequence[float]], first: int = 1, extra: Mapping[str, float] | None = None, **of_epoch: Any
) -> list[Epoch]:
    """Epochs in which each seed has these losses, and everything else is as it should be."""
    count = len(next(iter(losses.values())))
    usual = {"seconds": 1.0, "cpu_seconds": 0.9, "host_bytes": 10**8, **of_epoch}
    found = []
    for place in range(count):
        at = {name: value[place] if isinstance(value, list) else value for name, value in usual.items()}
        metrics = {"validation_loss": [of_seed[place] for of_seed in losses.values()]}
        metrics |= {
            name: [value[place] if isinstance(value, list) else value] * len(losses)
            for name, value in (extra or {}).items()
        }
        found.append(Epoch(first + place, metrics=metrics, **at))
    return found


def falling(seed: int) -> list[float]:
    return [0.9 * 0.8**epoch + 0.01 * seed for epoch in range(EPOCHS)]


def training(purpose: Purpose, seeds: Sequence[int] = SEEDS, **changes: Any) -> Probed:
    """A healthy short training for a purpose."""
    told = epochs({seed: falling(seed) for seed in seeds})
    first = {"second_half": EPOCHS // 2}.get(purpose, 0)
    last = {"first_half": EPOCHS // 2}.get(purpose, EPOCHS)
    usual: dict[str, Any] = {
        "epochs": told[first:last],
        "start_s": 1.0,
        "baseline": {"validation_loss": 1.0},
        "state_bytes": 1000,
        "peak_bytes": 10**8,
        "seedings": (Seeding("numpy.random.default_rng", seeds[0], "train.py:3"),)
        if purpose in ("alone", "other")
        else None,
        "overlaps": {"validation in train": 0.0} if purpose == "whole" else None,
    }
    return Probed(purpose, MIDDLE, MIDDLE, tuple(seeds), first, last, **{**usual, **changes})


def healthy() -> list[Probed]:
    return [
        training("whole"),
        training("again"),
        training("first_half"),
        training("second_half", evaluation={"test_loss": [0.1, 0.2]}, evaluation_s=0.1),
        training("alone", SEEDS[:1]),
        training("other", SEEDS[1:]),
        replace(training("corner"), parameters={"x": 1.0}),
        replace(training("corner"), parameters={"x": 0.0}),
    ]


def items(probed: Sequence[Probed], asked: Study | None = None, **machine: float) -> dict[str, Item]:
    found = judged(Evidence(asked or study(), probed, machine))
    assert len({item.name for item in found}) == len(found)
    return {item.name: item for item in found}


def changed(*purposes: Purpose, **changes: Any) -> list[Probed]:
    """A healthy study's trainings, but for those of some purposes."""
    return [replace(one, **changes) if one.purpose in purposes else one for one in healthy()]


def with_features(**columns: float) -> list[Epoch]:
    """Epochs of which each has these columns of its features."""
    return epochs({seed: falling(seed) for seed in SEEDS}, extra=columns)


HEALTHY_FEATURES = {"effective_rank": 20.0, "effective_rank_share": 20 / 32, "feature_cosine": 0.1}


def judged_on_validation() -> list[Epoch]:
    """Epochs whose test losses are the validation losses."""
    told = training("whole").epochs
    return [replace(one, metrics={**one.metrics, "test_loss": one.metrics["validation_loss"]}) for one in told]
