"""Seconds per epoch, from a few short trainings."""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from tests.fakes.probes import MIDDLE, made, probes, timed_study
from tune.drivers.estimate.epoch_times import EpochTimes
from tune.scoring.check.measured import Epoch


def planted(parameters: Mapping[str, Any], seeds: int) -> float:
    """Half a second, as the square root of the width, three times as long with batch norm, seeds to the power 0.6."""
    norm = {"none": 1.0, "batch": 3.0, "layer": 1.0}[parameters["norm"]]
    return 0.5 * (parameters["width"] / 64) ** 0.5 * norm * float(seeds**0.6)


@pytest.mark.parametrize(
    ("parameters", "seeds"),
    [
        (MIDDLE, 1),
        (MIDDLE, 5),
        ({**MIDDLE, "width": 256}, 2),
        ({**MIDDLE, "width": 128}, 2),
        ({"width": 16, "dropout": 0.4, "norm": "batch"}, 4),
        ({"width": 256, "dropout": 0.0, "norm": "layer"}, 3),
    ],
)
def test_planted_effects_are_found(parameters: Mapping[str, Any], seeds: int) -> None:
    """Of settings and numbers of seeds that no probe trained as well: effects add up in the logarithm."""
    found = EpochTimes.fit(timed_study(), probes(planted)).typical().seconds(parameters, seeds)
    assert found == pytest.approx(planted(parameters, seeds), rel=0.05)


def test_what_no_probe_moved_is_not_sure() -> None:
    """Without a probe of wide models their time varies from draw to draw, with one it hardly does."""
    study, rng = timed_study(), np.random.default_rng(0)
    narrow = [one for one in probes(planted) if one.parameters["width"] == 64]

    def spread(model: EpochTimes) -> float:
        wide = {**MIDDLE, "width": 256}
        return stdev(log(model.draw(rng).seconds(wide, 2)) for _ in range(200))

    unsure, sure = spread(EpochTimes.fit(study, narrow)), spread(EpochTimes.fit(study, probes(planted)))
    assert unsure > 0.25
    assert 0.1 < sure < 0.2


@pytest.mark.parametrize(
    ("changes", "exponent"), [({}, 0.6), ({"function": "m:train", "trainer": None}, 1.0)], ids=["class", "function"]
)
def test_without_two_numbers_of_seeds_the_kind_of_trainer_says_what_more_take(
    changes: Mapping[str, Any], exponent: float
) -> None:
    """The seeds of a function train one after the other; those of a class usually not."""
    alone = [replace(one, seeds=(1,)) for one in probes(planted) if one.purpose != "alone"]
    times = EpochTimes.fit(timed_study(**changes), alone).typical()
    assert times.seconds(MIDDLE, 4) / times.seconds(MIDDLE, 1) == pytest.approx(4**exponent)


def test_the_first_epoch_and_the_start_are_apart() -> None:
    """An epoch that compiles says nothing of those after it."""
    slow = [
        replace(one, epochs=[replace(one.epochs[0], seconds=9.0), *one.epochs[1:]], start_s=4.0, evaluation_s=1.0)
        for one in probes(lambda *_: 0.5)
    ]
    times = EpochTimes.fit(timed_study(), slow)
    assert times.typical().seconds(MIDDLE, 2) == pytest.approx(0.5, rel=0.02)
    assert (times.start_s, times.evaluation) == (4.0, pytest.approx(2.0))
    assert times.typical().excess_s(5) == pytest.approx(8.5)


def test_a_program_that_starts_for_each_seed_takes_longer_with_more() -> None:
    """What two seeds side by side need more than one is added for each further one."""
    tried = [
        replace(one, epochs=[replace(one.epochs[0], seconds=0.5 + 0.3 * len(one.seeds)), *one.epochs[1:]])
        for one in probes(lambda *_: 0.5)
    ]
    times = EpochTimes.fit(timed_study(), tried).typical()
    assert [times.excess_s(seeds) for seeds in (1, 2, 5)] == pytest.approx([0.3, 0.6, 1.5])


def test_repeats_that_differ_widen_the_drift() -> None:
    """Three trainings of one setting that take 1, 1.5 and 2 seconds say how little one of them is worth."""
    repeats = [made(lambda *_, lasts=lasts: lasts, "alone", seeds=[1]) for lasts in (1.0, 1.5, 2.0)]
    steady = EpochTimes.fit(timed_study(), probes(planted))
    assert steady.drift_sd == 0.10
    assert EpochTimes.fit(timed_study(), repeats).drift_sd > 0.3


def test_a_conditional_parameter_has_no_effect_where_it_is_not() -> None:
    """Its ends tell of the settings that have it."""
    space = {"kind": {"choice": ["a", "b"]}, "depth": {"int": [1, 5], "when": {"kind": "b"}}}
    study = timed_study(space=space)

    def seconds(parameters: Mapping[str, Any], _seeds: int) -> float:
        return 0.2 if parameters["kind"] == "a" else 0.1 * 2 ** parameters["depth"]

    tried: list[dict[str, Any]] = [{"kind": "a"}, {"kind": "b", "depth": 1}, {"kind": "b", "depth": 5}]
    times = EpochTimes.fit(study, [made(seconds, "corner" if at else "whole", one) for at, one in enumerate(tried)])
    for setting in [*tried, {"kind": "b", "depth": 3}]:
        assert times.typical().seconds(setting, 2) == pytest.approx(seconds(setting, 2), rel=0.15)


def test_cpu_seconds_are_those_of_all_seeds() -> None:
    """Five seeds that train side by side at no cost in time take five times the CPU-seconds of one."""
    free = [
        replace(one, epochs=[Epoch(each.number, 1.0, 0.5 * len(one.seeds), each.metrics) for each in one.epochs])
        for one in probes(lambda *_: 1.0)
    ]
    assert EpochTimes.fit(timed_study(), free).typical().cpu_seconds(MIDDLE, 5) == pytest.approx(2.5, rel=0.05)


def test_without_an_epoch_nothing_is_said() -> None:
    """Probes that all died in their first epoch say nothing of time."""
    with pytest.raises(ValueError, match="no short training came to the end of an epoch"):
        EpochTimes.fit(timed_study(), [made(planted, epochs=[], died="crashed: x")])
