"""What failures cost a study, by cause, as its rows and decisions tell it."""

from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import killed, opened, start, train
from tests.fakes.studies import quadratic_study
from tune.ledger.attempts import Attempt, FailureClass
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.views.lost_work import LostWork, lost_work
from tune.views.sentences import lost_sentence


def test_nothing_is_lost_where_nothing_failed(tmp_path: Path) -> None:
    """No cause, no share; and a trial that is only stopped early has lost nothing."""
    ledger = opened(tmp_path / "q")
    train(ledger, start(ledger), range(1, 3))
    ledger.decide("stop", 0, 0, "not promoted")
    assert lost_work(ledger) == LostWork((), "seed_epochs", 0)
    assert lost_sentence(lost_work(ledger)).startswith("Nothing that was trained was lost")


def test_an_epoch_between_two_checkpoints_is_lost_by_what_its_trial_died_of(tmp_path: Path) -> None:
    """Two seeds trained epoch 1 twice, out of six rows that were trained in all: a third of the seed-epochs."""
    ledger = opened(tmp_path / "q")
    number = start(ledger)
    train(ledger, number, range(1, 2), save=False)
    _dies(ledger, number, "out_of_memory")
    train(ledger, number, range(1, 3))
    lost = lost_work(ledger)
    assert [(one.cause, one.redone, one.died, one.share) for one in lost.losses] == [("out_of_memory", 2, 0, 2 / 6)]
    assert (lost.unit, lost.deaths, lost.whole.seconds) == ("seed_epochs", 1, None)
    assert lost.whole.redone == ledger.redone


def test_deaths_that_lost_nothing_are_not_blamed_for_a_kill(tmp_path: Path) -> None:
    """A trial crashed after a checkpoint; what the killed driver had not saved later is its own loss."""
    ledger = opened(tmp_path / "q")
    number = start(ledger)
    train(ledger, number, range(1, 2))
    _dies(ledger, number, "crashed")
    train(ledger, number, range(2, 3), save=False)
    killed(ledger)
    ledger = _again(tmp_path / "q")
    train(ledger, number, range(2, 3))
    assert {one.cause: one.redone for one in lost_work(ledger).losses} == {"driver_killed": 2}


def test_each_end_of_a_process_is_a_cause_of_its_own(tmp_path: Path) -> None:
    """Killed, interrupted before it saved, and finished with checkpoints that are gone since."""
    ledger = opened(tmp_path / "q")
    first, second, third = (start(ledger, x) for x in (0.1, 0.2, 0.3))
    train(ledger, third, range(1, 3))
    ledger.decide("reach", third, 0, "", {"score": 0.5, "losses": {"1": 0.5, "2": 0.5}, "confirmed": False})
    train(ledger, first, range(1, 3), save=False)
    killed(ledger)
    ledger = _again(tmp_path / "q")
    train(ledger, first, range(1, 3))
    ledger.decide("reach", first, 0, "", {"score": 0.5, "losses": {"1": 0.5, "2": 0.5}, "confirmed": False})
    fourth = start(ledger, 0.4)
    train(ledger, fourth, range(1, 2), save=False)
    ledger.close("interrupted")
    ledger = _again(tmp_path / "q")
    train(ledger, fourth, range(1, 2))
    train(ledger, third, range(1, 4))
    train(ledger, second, range(1, 2))
    lost = lost_work(LedgerReader.read(tmp_path / "q", clock=Clock()))
    assert {one.cause: one.redone for one in lost.losses} == {"driver_killed": 4, "driver_ended": 2, "no_checkpoint": 4}
    assert lost.whole.share == pytest.approx(lost.whole.redone / (ledger.spent + ledger.redone))
    assert lost.whole.redone == ledger.redone == 10


def test_what_a_dead_trial_trained_beyond_its_last_rung_is_lost(tmp_path: Path) -> None:
    """What it reached is kept; a trial that was tried again and lives has lost nothing by its death."""
    ledger = opened(tmp_path / "q")
    number, other = start(ledger), start(ledger, 0.7)
    train(ledger, number, range(1, 3))
    ledger.decide("reach", number, 0, "", {"score": 0.5, "losses": {"1": 0.5, "2": 0.5}, "confirmed": False})
    ledger.decide("promote", number, 1, "")
    train(ledger, number, range(3, 6))
    train(ledger, other, range(1, 2))
    for dead, trained in ((number, "stalled"), (other, "crashed")):
        _dies(ledger, dead, trained)
        ledger.decide("fail", dead, 1, "died for good")
    lost = lost_work(ledger)
    assert {one.cause: (one.redone, one.died) for one in lost.losses} == {"stalled": (0, 6), "crashed": (0, 2)}
    ledger.decide("retry", other, 0, "as was asked")
    assert {one.cause for one in lost_work(ledger).losses} == {"stalled"}


def test_seconds_and_gpu_hours_of_what_was_lost(tmp_path: Path) -> None:
    """Seeds that train together share seconds; an evaluation goes with the epoch that it was of."""
    study = quadratic_study(resources={"gpus_per_trial": 0.5})
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    number = start(ledger)
    row = {"validation_loss": [0.5, 0.5], "seconds": [30.0, 30.0]}
    ledger.record(number, (1, 2), 1, row, held_s=40.0, evaluation="due")
    ledger.record(number, (1, 2), 1, {"validation_loss": [0.5, 0.5]}, held_s=20.0, evaluation="done")
    _dies(ledger, number, "crashed")
    ledger.record(number, (1, 2), 1, row, held_s=60.0)
    lost = lost_work(ledger)
    (loss,) = lost.losses
    assert (lost.unit, loss.redone, loss.seconds, loss.gpu_seconds) == ("gpu_seconds", 2, 30.0, 30.0)
    assert loss.share == pytest.approx(0.5)
    assert lost_sentence(lost, 120.0) == (
        "Lost to failures and work done again: 50.0% of the time for which GPUs were held (2 seed-epochs, 30 s of "
        "training, 0.00833 GPU-hours, 1.00 in money): crashed 50.0%."
    )


def test_what_a_training_without_a_checkpoint_repeats_is_part_of_its_next_epoch(tmp_path: Path) -> None:
    """Two epochs of each seed again before the third: two thirds of that row's time, 20 of all 50 GPU-seconds."""
    ledger = Ledger.open(quadratic_study(resources={"gpus_per_trial": 1}), tmp_path / "q", clock=Clock(tick_s=1.0))
    number = start(ledger)
    row = {"validation_loss": [0.5, 0.5]}
    for epoch in (1, 2):
        ledger.record(number, (1, 2), epoch, row, held_s=10.0)
    ledger.record(number, (1, 2), 3, row, held_s=30.0, redone=[2, 2])
    lost = lost_work(ledger)
    assert [(one.cause, one.redone, one.died) for one in lost.losses] == [("no_checkpoint", 4, 0)]
    assert lost.whole.redone == ledger.redone
    assert (lost.whole.gpu_seconds, lost.whole.share) == (pytest.approx(20.0), pytest.approx(20 / 50))


def test_seconds_are_those_that_gpus_were_held_where_the_trainer_tells_none(tmp_path: Path) -> None:
    """Half a GPU held for forty seconds."""
    ledger = Ledger.open(quadratic_study(resources={"gpus_per_trial": 0.5}), tmp_path / "q", clock=Clock(tick_s=1.0))
    number = start(ledger)
    ledger.record(number, (1, 2), 1, {"validation_loss": [0.5, 0.5]}, held_s=40.0)
    _dies(ledger, number, "lost")
    ledger.record(number, (1, 2), 1, {"validation_loss": [0.5, 0.5]}, held_s=40.0)
    assert lost_work(ledger).whole.seconds == pytest.approx(40.0)


def _dies(ledger: Ledger, number: int, kind: FailureClass) -> None:
    """Decides that a unit of both seeds died with what is in the ledger by now."""
    trained = sum(ledger.trained(number).values())
    attempt = Attempt("by hand", "", 0.0, kind, (1, 2), 6, trained, from_epoch=0)
    ledger.decide("attempt", number, 0, "by hand", attempt.detail)


def _again(folder: Path) -> Ledger:
    """A new process, later."""
    return Ledger.open(quadratic_study(), folder, clock=Clock(1_800_001_000.0, tick_s=1.0))
