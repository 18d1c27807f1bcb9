"""What a study will take, from short trainings and plays."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from tests.fakes.probes import made, probes, timed_study
from tune.drivers.estimate.epoch_times import EpochTimes
from tune.drivers.estimate.overheads import Overheads, measured
from tune.drivers.estimate.play import Played, Setup, play, share_of
from tune.drivers.estimate.played_losses import DrawnLosses, LossRange
from tune.drivers.estimate.study_estimate import Interval, estimate, multiplied, options
from tune.study.study import Study

SETUP = Setup(construction_s=0.0)
PLAYED: Mapping[str, Any] = {"seconds": 1e9, "plays": 12}
"""So many plays, however long they take."""


def wide(parameters: Mapping[str, Any], seeds: int) -> float:
    """Half a second, in proportion to the width, seeds to the power 0.7."""
    return 0.5 * parameters["width"] / 64 * float(seeds**0.7)


def played(study: Study, setup: Setup = SETUP, seed: int = 0, **given: Any) -> Played:
    """One play with the times of `wide`."""
    rng, tried = np.random.default_rng(seed), probes(wide, **given)
    times, losses = EpochTimes.fit(study, tried).draw(rng), DrawnLosses(study, LossRange.of(study, tried), rng)
    return play(study, setup, times, losses, rng)


def test_few_draws_make_a_wider_interval_than_many() -> None:
    """Of 3 draws the interval of a fourth is wide; from 10 on quantiles are counted."""
    rng = np.random.default_rng(0)

    def width(count: int) -> float:
        drawn = (Interval.of(np.exp(rng.normal(0, 0.3, count)).tolist()) for _ in range(99))
        return fmean(one.high / one.low for one in drawn)

    assert width(3) > 1.5 * width(40)
    assert Interval.of([1.0] * 5) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("count", [3, 6, 40])
def test_an_interval_holds_a_further_draw_as_often_as_it_says(count: int) -> None:
    """Eight times of ten, within what 2,000 repetitions tell, for log-normal draws."""
    rng = np.random.default_rng(count)
    held = 0
    for _ in range(2000):
        *seen, further = np.exp(rng.normal(1, 0.4, count + 1)).tolist()
        one = Interval.of(seen)
        held += one.low <= further <= one.high
    assert 0.74 < held / 2000 < 0.86


def test_the_interval_holds_what_a_study_takes_in_a_simulated_truth() -> None:
    """The truth is a play with planted times, probes of it are noisy, and the estimate knows only these: 40 studies."""
    held, study = 0, timed_study(search={"method": "random", "trials": 9})
    for seed in range(40):
        rng = np.random.default_rng(seed)
        slope, together, drift = rng.normal(0.5, 0.3), rng.uniform(0.2, 1.0), float(np.exp(rng.normal(0, 0.1)))

        def seconds(parameters: Mapping[str, Any], seeds: int, at: tuple[float, float] = (slope, together)) -> float:
            return 0.5 * float((parameters["width"] / 64) ** at[0]) * float(seeds ** at[1])

        def real(parameters: Mapping[str, Any], seeds: int, more: float = drift, of: Any = seconds) -> float:
            return more * of(parameters, seeds)

        truth = replace(EpochTimes.fit(study, probes(real)), setting_sd=0.05)
        losses = DrawnLosses(study, LossRange.of(study, probes(real)), rng)
        took_s = play(study, SETUP, truth.typical(), losses, rng).wall_clock_s
        said = estimate(study, probes(seconds, rng), SETUP, **PLAYED, seed=seed).wall_clock_s
        held += said.low <= took_s <= said.high
    assert 27 <= held <= 38


def test_budgets_are_kept() -> None:
    """A play ends where the study would: by seed-epochs, by time and by GPU-hours; units in flight finish."""
    assert played(timed_study(budget={"seed_epochs": 100})).seed_epochs <= 100
    whole = played(timed_study())
    timed = played(timed_study(budget={"wall_clock": whole.wall_clock_s / 3}))
    assert whole.wall_clock_s / 3 <= timed.wall_clock_s < whole.wall_clock_s / 2
    gpu = Setup(gpus=0.5, construction_s=0.0)
    asked = {"resources": {"gpus_per_trial": 0.5}}
    used = played(timed_study(**asked), gpu)
    assert used.gpu_s == pytest.approx(0.5 * used.wall_clock_s, rel=1e-6)
    limited = played(timed_study(**asked, budget={"gpu_hours": used.gpu_s / 3600 / 3}), gpu)
    assert used.gpu_s / 3 <= limited.gpu_s < used.gpu_s / 2


def test_slots_shorten_a_study_until_cores_are_short() -> None:
    """Two slots take more than half of the time of one, and all of it where one training keeps the only core busy."""
    one, two = played(timed_study()), played(timed_study(), Setup(slots=2, construction_s=0.0))
    short = played(timed_study(), Setup(slots=2, cores=1, construction_s=0.0))
    assert 0.5 * one.wall_clock_s < two.wall_clock_s < 0.8 * one.wall_clock_s
    assert short.wall_clock_s > 1.5 * two.wall_clock_s


def test_a_training_that_does_not_resume_repays_its_epochs() -> None:
    """Whoever climbs from 3 to 9 epochs trains the first three again; seed-epochs are counted once all the same."""
    again = played(timed_study(), replace(SETUP, resumes=False))
    once = played(timed_study())
    assert again.seed_epochs == once.seed_epochs
    assert again.wall_clock_s > once.wall_clock_s * 1.05


def test_what_the_tuner_takes_beside_training_is_measured(tmp_path: Path) -> None:
    """It is more than nothing, leaves nothing behind, and what it is told to be is counted for every unit."""
    study = timed_study()
    assert 0 < measured(study, tmp_path).unit_s < 5
    assert list(tmp_path.iterdir()) == []
    quick, slow = (played(study, replace(SETUP, overheads=Overheads(each, 0.0, sd=0.0))) for each in (0.0, 10.0))
    assert slow.wall_clock_s - quick.wall_clock_s > 10.0 * study.trials


def test_the_race_costs_and_brings_what_it_does() -> None:
    """With ten seeds listed, confirmed trials get more than the ladder's five."""
    more = played(timed_study(seeds=list(range(1, 11))))
    assert more.seed_epochs > played(timed_study()).seed_epochs


def test_a_study_where_everything_dies_is_over_soon() -> None:
    """Where the probe of the middle died after an epoch, so do the first trials, and the study stops."""
    study = timed_study()
    alive = made(wide)
    dead = replace(alive, epochs=alive.epochs[:1], died="crashed: RuntimeError")
    said = estimate(study, [dead], SETUP, **PLAYED)
    assert said.confirmed.high == 0
    assert said.trials.high < study.trials
    assert said.wall_clock_s.high < 1.0


def test_settings_near_a_corner_that_died_die() -> None:
    """Some trials are lost, not all, and what they would have cost is not paid."""
    study, tried = timed_study(), probes(wide)
    died = [replace(one, died="crashed: x") if one.parameters["width"] == 256 else one for one in tried]
    some = estimate(study, died, SETUP, **PLAYED)
    all_live = estimate(study, tried, SETUP, **PLAYED)
    assert 0 < some.seed_epochs.median < all_live.seed_epochs.median


def test_a_machine_that_others_use_makes_the_interval_wider() -> None:
    """What they leave while probes are made is not what they leave during the study."""
    quiet, busy = (
        estimate(timed_study(), probes(wide), replace(SETUP, busy=busy), seconds=1e9, plays=30).wall_clock_s
        for busy in (0.0, 2.0)
    )
    assert busy.high / busy.low > 1.2 * quiet.high / quiet.low


def test_energy_and_money_are_those_of_gpu_hours() -> None:
    """Known where GPUs are held and their power and price are told; else None, never nought."""
    study, setup = timed_study(), Setup(gpus=1.0, watts=400.0, price_per_gpu_hour=2.5, construction_s=0.0)
    said = estimate(study, probes(wide), setup, **PLAYED)
    assert said.money is not None and said.energy_kwh is not None  # noqa: PT018 - one fact
    assert said.money.median == pytest.approx(2.5 * said.gpu_hours.median)
    assert said.energy_kwh.high == pytest.approx(0.4 * said.gpu_hours.high)
    without = estimate(study, probes(wide), replace(setup, gpus=0.0), **PLAYED)
    assert (without.money, without.energy_kwh, without.gpu_hours.high) == (None, None, 0.0)


def test_the_disk_holds_the_checkpoints_of_runs_that_may_go_on() -> None:
    """At least those of all trials that wait at the first rung, each a state; none of states that are not saved."""
    study = timed_study()
    said = estimate(study, probes(wide, state_bytes=1000), SETUP, **PLAYED).disk_bytes
    assert 1000 * study.trials < said.median <= 1000 * study.trials * 5
    assert estimate(study, probes(wide), SETUP, **PLAYED).disk_bytes.high == 0


def test_three_plays_are_made_however_short_time_is() -> None:
    """Fewer would say nothing of how far they lie apart."""
    assert estimate(timed_study(), probes(wide), SETUP, seconds=0.0).plays == 3


def test_the_same_seed_says_the_same() -> None:
    """Whatever the machine does meanwhile, if as many plays are made."""
    said = [estimate(timed_study(), probes(wide), SETUP, **PLAYED, seed=3) for _ in range(2)]
    assert said[0] == said[1]
    assert said[0].plays == 12


def test_a_long_study_is_played_small() -> None:
    """Fewer trials, multiplied, come to what all of them do; and it is said."""
    study = timed_study(search={"method": "random", "trials": 400})
    said = estimate(study, probes(wide), SETUP, seconds=1e9, plays=3)
    assert said.scaled
    assert said.trials.median == 400
    assert said.seed_epochs.median == pytest.approx(played(study).seed_epochs, rel=0.1)


def test_a_play_that_is_cut_short_is_scaled_by_the_ladder() -> None:
    """It knows which share of the study was played."""
    study, calls = timed_study(), iter(range(10**6))
    tried, rng = probes(wide), np.random.default_rng(0)
    times, losses = EpochTimes.fit(study, tried).typical(), DrawnLosses(study, LossRange.of(study, tried), rng)
    part = play(study, SETUP, times, losses, rng, until=lambda: next(calls) > 30)
    assert part.share == share_of(study, part.seed_epochs, part.wall_clock_s, 0.0)
    assert 0 < part.share < 0.5


def test_options_cost_more_with_more_budget() -> None:
    """A third, the same and three times as much."""
    found = options(timed_study(budget={"seed_epochs": 300}), probes(wide), SETUP, **PLAYED)
    third, same, three = found.values()
    assert third.wall_clock_s.median < same.wall_clock_s.median < three.wall_clock_s.median
    assert third.confirmed.median <= same.confirmed.median <= three.confirmed.median
    assert third.seed_epochs.high <= 100
    assert 100 < same.seed_epochs.high <= 300 < three.seed_epochs.high <= 900


@pytest.mark.parametrize(
    ("given", "share", "limits"),
    [
        ({"budget": {"seed_epochs": 300}}, 1 / 3, {"seed_epochs": 100, "wall_clock": None, "trials": 6}),
        ({"budget": {"seed_epochs": 60}}, 1 / 3, {"seed_epochs": 45, "wall_clock": None, "trials": 6}),
        ({"budget": {"wall_clock": 90}}, 3.0, {"seed_epochs": None, "wall_clock": 270.0, "trials": 54}),
        ({"search": {"method": "grid"}, "space": {"x": {"choice": [1, 2, 3, 4]}}}, 3.0,
         {"seed_epochs": None, "wall_clock": None, "trials": 4}),
    ],
)  # fmt: skip
def test_every_limit_is_multiplied(given: Mapping[str, Any], share: float, limits: Mapping[str, Any]) -> None:
    """Seed-epochs never below what confirms a trial, a grid never beyond its points."""
    study = multiplied(timed_study(**given), share)
    budget = study.budget
    assert {"seed_epochs": budget.seed_epochs, "wall_clock": budget.wall_clock, "trials": study.trials} == limits


def test_a_metric_that_is_maximised_is_played_as_well() -> None:
    """So is one without a baseline: nothing of it is known but how it fell."""
    study = timed_study(score={"metric": "validation_loss", "direction": "maximize"})
    assert played(study).confirmed >= 1
    assert played(timed_study(), baseline={}).confirmed >= 1
