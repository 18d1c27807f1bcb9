"""What every driver does with a study, one suite for all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.damage import flip
from tests.fakes.studies import quadratic_study
from tune.adapters.loading import load
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision
from tune.optimizer.optimizer import Optimizer
from tune.study.study import Study
from tune.trainer import load_trainer

Drive = Callable[[Job], None]


DRIVERS = ["inline", "simulated", pytest.param("ray", marks=pytest.mark.cluster)]


@pytest.fixture(params=DRIVERS)
def drive(request: pytest.FixtureRequest) -> Drive:
    return driver_called(request.param, request)


@pytest.fixture(params=[*DRIVERS, "ask_tell"])
def drive_or_loop(request: pytest.FixtureRequest) -> Drive:
    """A driver, or a loop of a user's that asks and tells."""
    return driver_called(request.param, request)


def driver_called(name: str, request: pytest.FixtureRequest) -> Drive:
    if name == "ask_tell":
        from tests.fakes.loops import drive_by_asking

        return drive_by_asking
    if name == "inline":
        from tune.drivers.inline import drive as drive_inline

        return drive_inline
    if name == "simulated":
        from tune.drivers.simulated import drive as drive_simulated

        return drive_simulated
    request.getfixturevalue("ray_local")
    from tune.drivers.ray.driver import drive as drive_ray

    return drive_ray


def work_on(
    study: Study, folder: Path, drive: Drive, should_stop: Callable[[Ledger], bool] = lambda _: False
) -> Ledger:
    """Drives a study to its end (or until it is asked to stop) and returns it, to be read."""
    ledger = Ledger.open(study, folder, clock=Clock(tick_s=1.0))
    optimizer = Optimizer(ledger, ledger.elapsed_s)
    stopping = False

    def asked() -> bool:
        nonlocal stopping
        stopping = stopping or should_stop(ledger)
        return stopping

    drive(Job(optimizer, study.recording, load(study), should_stop=asked))
    if not stopping:
        optimizer.finish()
    ledger.close("interrupted" if stopping else "finished")
    return LedgerReader.read(folder, clock=Clock(tick_s=1.0))


def told(ledger: Ledger) -> list[tuple[str, int | None, int | None, str]]:
    """Everything decided about trials."""

    def line(decision: Decision) -> tuple[str, int | None, int | None, str]:
        return decision.kind, decision.trial, decision.rung, decision.reason

    return [line(decision) for decision in ledger.decisions if decision.trial is not None]


ONE_SLOT = {"resources": {"cpus_per_trial": 2}}


def test_a_study_is_driven_to_its_end(drive_or_loop: Drive, tmp_path: Path) -> None:
    """Every trial ends, the winner went the full ladder, every epoch is recorded once."""
    ledger = work_on(quadratic_study(), tmp_path / "q", drive_or_loop)
    assert len(ledger.trials) == 12
    assert {trial.state(in_flight=False) for trial in ledger.trials} == {"confirmed", "stopped"}
    assert (ledger.redone, ledger.spent) == (0, ledger.curves().num_rows)
    best = min((trial for trial in ledger.trials if trial.confirmed), key=lambda trial: trial.reached[1].score)
    assert best.parameters["fragile"] is False
    assert ledger.checkpoints.epochs(best.number) == {1: [6], 2: [6], 3: [6]}


def test_one_slot_decides_like_the_inline_driver(drive_or_loop: Drive, tmp_path: Path) -> None:
    """With one slot and the same study seed the decisions are the same, reasons included."""
    from tune.drivers.inline import drive as drive_inline

    study = quadratic_study(seeds=[1, 2, 3, 4, 5], **ONE_SLOT)
    decisions = told(work_on(study, tmp_path / "a", drive_or_loop))
    assert decisions == told(work_on(study, tmp_path / "b", drive_inline))
    assert "race" in {kind for kind, *_ in decisions}


def test_stopped_and_continued_is_as_never_stopped(
    drive_or_loop: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graceful stop in mid-rung repeats no epoch, and the study ends with the same decisions and curves."""
    study = quadratic_study(**ONE_SLOT, fixed={"sleep_s": 0.3}, search={"trials": 4})
    whole = work_on(study, tmp_path / "whole", drive_or_loop)
    work_on(study, tmp_path / "cut", drive_or_loop, should_stop=lambda ledger: ledger.spent >= 5)
    resumed = work_on(study, tmp_path / "cut", drive_or_loop)
    assert resumed.sessions[0].ended == "interrupted"
    assert resumed.redone == 0
    assert told(resumed) == told(whole)
    assert resumed.curves().equals(whole.curves())


def test_a_checkpoint_that_goes_bad_is_no_attempt(drive_or_loop: Drive, tmp_path: Path) -> None:
    """Damaged while the driver lives: it is set aside, the trial trains again, and the study decides the same."""
    study = quadratic_study(**ONE_SLOT, search={"trials": 6})
    whole = work_on(study, tmp_path / "whole", drive_or_loop)
    harmed: list[Path] = []

    def harm(ledger: Ledger) -> bool:
        if not harmed and sum(decision.kind == "reach" for decision in ledger.decisions) == 6:
            harmed.extend(sorted(ledger.folder.glob("checkpoints/*/*.pt")))
            for path in harmed:
                flip(path)
        return False

    ledger = work_on(study, tmp_path / "q", drive_or_loop, should_stop=harm)
    assert len(harmed) == 12
    assert told(ledger) == told(whole)
    assert ledger.curves().equals(whole.curves())
    assert not [trial.attempts for trial in ledger.trials if trial.attempts]
    assert ledger.redone > 0
    assert list((tmp_path / "q" / "damaged").iterdir())


def test_a_state_that_could_not_be_loaded_is_never_saved(drive: Drive, tmp_path: Path) -> None:
    """What could not be loaded again is refused when it is first saved: the trial dies of it, and says of what."""
    study = quadratic_study(trainer="tests.fakes.trainers:Hoarding", **ONE_SLOT, search={"trials": 2})
    ledger = work_on(study, tmp_path / "q", drive)
    (cause,) = {one.cause for trial in ledger.trials for one in trial.attempts}
    assert "state() of trainer tests.fakes.trainers:Hoarding, epoch 2: state[1]['path']: " in cause
    assert "PosixPath cannot be kept; a state may hold numbers, text" in cause
    assert [trial.ended for trial in ledger.trials] == ["failed", "failed"]
    assert not list(tmp_path.glob("q/checkpoints/*/*.pt"))


def test_a_dead_trial_is_data(drive_or_loop: Drive, tmp_path: Path) -> None:
    """A trainer that raises is tried again, then failed with its cause; the others go on."""
    study = quadratic_study(trainer="tests.fakes.trainers:Moody", search={"trials": 6, "method": "random"})
    ledger = work_on(study, tmp_path / "q", drive_or_loop)
    dead = [trial for trial in ledger.trials if trial.ended == "failed"]
    assert dead
    assert len(dead) < 6
    for trial in dead:
        assert trial.parameters["x"] > 0.5
        assert [attempt.cause for attempt in trial.attempts] == ["ValueError: x is too large"] * 2
    assert any(trial.confirmed for trial in ledger.trials)


def test_a_trainer_that_breaks_the_contract_dies_of_it(drive: Drive, tmp_path: Path) -> None:
    """A trainer that does not yield what is scored is told so, like any other that dies."""
    from tune.errors import StudyStopped

    study = quadratic_study(score={"metric": "accuracy"}, **ONE_SLOT)
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    with pytest.raises(StudyStopped, match="the trainer yields no 'accuracy', which the study scores"):
        drive(Job(Optimizer(ledger, ledger.elapsed_s), {}, load_trainer(study.trainer)))


def test_three_deaths_of_one_cause_end_the_study(drive_or_loop: Drive, tmp_path: Path) -> None:
    """A broken import does not cost twelve launches."""
    from tune.errors import StudyStopped

    study = quadratic_study(trainer="tests.fakes.trainers:Broken", **ONE_SLOT)
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    job = Job(Optimizer(ledger, ledger.elapsed_s), {}, load_trainer(study.trainer))
    with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: RuntimeError: no such file"):
        drive_or_loop(job)
    ledger.close("stopped")
    assert len(ledger.trials) == 3


def test_the_recording_is_shared(drive: Drive, tmp_path: Path) -> None:
    """Trainers get the prepared recording as read-only memory of their node, not a copy of their own."""
    import numpy as np

    study = quadratic_study(trainer="tests.fakes.trainers:Sharing", search={"trials": 3})
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    recording = {"voltages": np.arange(1_000_000, dtype=np.float32).reshape(1000, 1000)}
    recording["voltages"].setflags(write=False)
    drive(Job(Optimizer(ledger, ledger.elapsed_s), recording, load_trainer(study.trainer)))
    ledger.close("finished")
    assert not [trial.attempts for trial in ledger.trials if trial.attempts]
