"""Seeds of a trial in one actor or in several: the same results, on every driver that has several slots."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_drivers import told, work_on
from tests.contracts.test_failures import marks
from tests.fakes.studies import quadratic_study
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.study.study import Study

__all__ = ["marks"]

Drive = Callable[[Job], None]


@pytest.fixture(params=["simulated", pytest.param("ray", marks=pytest.mark.cluster)])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Drives on two slots."""
    if request.param == "simulated":
        from tune.drivers.simulated import drive as drive_simulated

        return partial(drive_simulated, slots=2)
    request.getfixturevalue("ray_local")
    from tune.drivers.ray.driver import drive as drive_ray

    return drive_ray


def study_of(placement: str, trainer: str = "Quadratic", trials: int = 4, **changes: Any) -> Study:
    """Four settings that are known beforehand, five seeds each, all of them trained to the end."""
    return quadratic_study(
        trainer=f"tests.fakes.trainers:{trainer}",
        space={"x": {"choice": [0.1, 0.3, 0.6, 0.9]}},
        search={"method": "grid", "trials": trials},
        seeds=[1, 2, 3, 4, 5],
        rungs=[{"epochs": 4, "seeds": 5}],
        **{"resources": {"placement": placement}, **changes},
    )


def results(ledger: Ledger, *further: str) -> list[tuple[Any, ...]]:
    """Every epoch of every run, in the order of their names, to the last bit."""
    columns = ("trial", "seed", "epoch", "validation_loss", "train_loss", *further)
    return sorted(tuple(row[name] for name in columns) for row in ledger.curves().to_pylist())


@pytest.mark.parametrize("placement", ["spread", "auto"])
def test_the_results_are_the_same(drive: Drive, tmp_path: Path, placement: str) -> None:
    """Curves of every run and decisions of every trial are those of seeds that trained in one process."""
    packed = work_on(study_of("packed"), tmp_path / "packed", drive)
    other = work_on(study_of(placement), tmp_path / placement, drive)
    assert results(other) == results(packed)
    assert sorted(told(other), key=str) == sorted(told(packed), key=str)
    assert (other.redone, other.spent) == (0, 4 * 5 * 4)


@pytest.mark.parametrize("placement", ["spread", "auto"])
def test_on_a_ladder_each_decision_is_taken_of_whole_trials(drive: Drive, tmp_path: Path, placement: str) -> None:
    """A trial is at its rung when all its seeds are, also where seeds join and catch up."""
    study = quadratic_study(seeds=[1, 2, 3, 4, 5], resources={"placement": placement})
    ledger = work_on(study, tmp_path / "q", drive)
    assert {trial.state(in_flight=False) for trial in ledger.trials} == {"confirmed", "stopped"}
    assert ledger.redone == 0
    for trial in ledger.trials:
        assert [len(trial.reached[rung].losses) for rung in trial.reached][:1] == [2]


def test_a_part_that_dies_costs_the_others_nothing(drive: Drive, tmp_path: Path, marks: Callable[[int], str]) -> None:
    """Its trial has one attempt, of its seeds; only they train again, and the results are as if it had not died."""
    study = study_of("spread", "Stumbling", trials=1, recording={"marks": marks(1), "seed": 4})
    ledger = work_on(study, tmp_path / "q", drive)
    (trial,) = ledger.trials
    (attempt,) = trial.attempts
    assert (attempt.kind, attempt.seeds, attempt.trained) == ("crashed", (3, 4, 5), 2 * 4 + 3)
    assert ledger.redone == 3  # three seeds, of whose first epoch no checkpoint was due
    assert trial.confirmed
    plain = work_on(study_of("packed", trials=1), tmp_path / "plain", drive)
    kept = {row[:3]: row for row in results(ledger)}
    assert sorted(kept.values()) == results(plain)


def test_out_of_memory_trains_fewer_seeds_at_a_time_and_not_side_by_side(drive: Drive, tmp_path: Path) -> None:
    """Two seeds fit: of two parts the one of three dies, and its seeds train two at a time, on one slot."""
    ledger = work_on(study_of("spread", "Hungry", trials=1, recording={"room": 2}), tmp_path / "q", drive)
    (trial,) = ledger.trials
    assert [(one.kind, one.seeds) for one in trial.attempts] == [("out_of_memory", (3, 4, 5))]
    assert trial.confirmed
    plain = work_on(study_of("packed", trials=1), tmp_path / "plain", drive)
    assert sorted({row[:3]: row for row in results(ledger)}.values()) == results(plain)


def test_parts_that_all_die_are_one_attempt(drive: Drive, tmp_path: Path) -> None:
    """A trial that cannot be trained fails as often as it would in one process."""
    ledger = work_on(study_of("spread", "Moody"), tmp_path / "q", drive)
    dead = [trial for trial in ledger.trials if trial.ended == "failed"]
    assert [trial.parameters["x"] for trial in dead] == [0.6, 0.9]
    assert [[one.cause for one in trial.attempts] for trial in dead] == [["ValueError: x is too large"] * 2] * 2


def test_evaluations_of_parts_that_fail_are_one_failure(
    drive: Drive, tmp_path: Path, marks: Callable[[int], str]
) -> None:
    """The trial goes on without them; the other part's are kept."""
    study = study_of("spread", "Evaluating", trials=1, recording={"marks": marks(1)})
    ledger = work_on(study, tmp_path / "q", drive)
    (trial,) = ledger.trials
    (attempt,) = trial.attempts
    assert (attempt.kind, trial.confirmed, ledger.redone) == ("evaluation", True, 0)
    last = {row["seed"]: row["test_loss"] for row in ledger.curves().to_pylist() if row["epoch"] == 4}
    assert {seed for seed, loss in last.items() if loss is None} == set(attempt.seeds)
    assert 1 < len(attempt.seeds) < 5


@pytest.mark.parametrize(("before", "after"), [("spread", "packed"), ("packed", "spread"), ("spread", "auto")])
def test_a_stopped_study_goes_on_in_another_placement(drive: Drive, tmp_path: Path, before: str, after: str) -> None:
    """Each part saves its own; nothing is trained again, and every run ends as if nothing had happened."""
    slow = {"fixed": {"sleep_s": 0.1}}
    study = study_of(before, **slow)
    work_on(study, tmp_path / "q", drive, should_stop=lambda ledger: ledger.spent >= 12)
    ledger = Ledger.open(study_of(after, **slow), tmp_path / "q", clock=lambda: 0.0, grow=True)
    ledger.close("interrupted")
    resumed = work_on(study_of(after, **slow), tmp_path / "q", drive)
    assert resumed.study.resources.placement == after
    assert (resumed.redone, resumed.spent) == (0, 4 * 5 * 4)
    assert results(resumed) == results(work_on(study_of("packed", **slow), tmp_path / "whole", drive))


@pytest.mark.parametrize("placement", ["spread", "auto"])
def test_one_slot_is_packed(tmp_path: Path, placement: str) -> None:
    """With nothing to spread over, everything is the same, the order of rows and decisions too."""
    from tune.drivers.simulated import drive as on_one_slot

    search = {"seeds": [1, 2, 3, 4, 5], "search": {"trials": 9}}
    packed = work_on(quadratic_study(**search), tmp_path / "packed", on_one_slot)
    other = work_on(quadratic_study(**search, resources={"placement": placement}), tmp_path / "other", on_one_slot)
    assert told(other) == told(packed)
    assert other.curves().equals(packed.curves())


def test_our_own_trainer_trains_the_same_bits(drive: Drive, tmp_path: Path) -> None:
    """A deterministic training on a CPU, of a size at which seeds take turns, whoever is in its process."""
    import numpy as np

    voltages = np.random.default_rng(0).standard_normal((500, 443)).astype(np.float32)
    np.save(tmp_path / "recording.npy", voltages)
    split = {"train": [0, 300], "validation": [310, 400], "test": [410, 490]}
    given: dict[str, Any] = {
        "name": "own",
        "recording": {"path": str(tmp_path / "recording.npy"), "split": split},
        "fixed": {"deterministic": True, "device": "cpu", "batch_size": 128, "latent_dims": 8},
        "space": {"learning_rate": {"choice": [1e-4, 1e-3]}},
        "search": {"method": "grid"},
        "seeds": [1, 12, 123],
        "rungs": [{"epochs": 2, "seeds": 3}],
    }
    rows = {}
    for placement in ("packed", "spread"):
        study = Study.model_validate({**given, "resources": {"placement": placement}})
        rows[placement] = results(work_on(study, tmp_path / placement, drive), "test_loss", "grad_norm")
    assert len(rows["packed"]) == 2 * 3 * 2
    assert rows["spread"] == rows["packed"]
