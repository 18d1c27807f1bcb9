"""The ledger: what it keeps through kills, damage and rivals."""

import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import killed, opened, start, train
from tune.errors import StudyBusy, StudyConflict, UserMistake
from tune.ledger.database.database import Database
from tune.ledger.database.optuna_mirror import Mirror
from tune.ledger.reader import LedgerReader


def test_a_raced_trial_is_told_to_optuna_at_the_end(tmp_path: Path) -> None:
    """A confirmed trial that may get more seeds stays open in Optuna until the study is finished."""
    ledger = opened(tmp_path / "q", seeds=[1, 2, 3, 4], rungs=[{"epochs": 2, "seeds": 2}])
    trial = start(ledger)

    def reach(score: float, *seeds: int) -> None:
        losses = dict.fromkeys(map(str, seeds), score)
        ledger.decide("reach", trial, 0, "confirmed", {"score": score, "losses": losses, "confirmed": True})

    train(ledger, trial, range(1, 3))
    reach(0.5, 1, 2)
    ledger.decide("race", trial, 0, "leads", {"seeds": 3})
    assert ledger.trials[trial].open
    assert ledger.trials[trial].confirmed
    assert ledger.seeds(trial, 0) == (1, 2, 3)
    train(ledger, trial, range(1, 3), seeds=(3,))
    reach(0.4, 1, 2, 3)
    assert not ledger.trials[trial].open
    assert not any(there.closed for there in ledger._mirror.there().values())
    ledger.close("finished")
    (told,) = optuna.load_study(study_name="quadratic", storage=f"sqlite:///{tmp_path / 'q' / 'study.db'}").trials
    assert (told.state.name, told.value) == ("COMPLETE", 0.4)
    assert LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)).trials == ledger.trials


def test_everything_said_is_there_again(tmp_path: Path) -> None:
    """A ledger that is opened again knows trials, curves, checkpoints, baseline and sessions."""
    ledger = opened(tmp_path / "q")
    ledger.set_baseline({"validation_loss": 1.0})
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    detail = {"score": None, "losses": {"1": 0.5, "2": None}, "confirmed": False}
    ledger.decide("reach", trial, 0, "reached rung 0", detail)
    ledger.decide("promote", trial, 1, "promoted")
    ledger.close("interrupted")
    again = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert again.baseline == {"validation_loss": 1.0}
    assert again.trials == ledger.trials
    assert again.trials[0].reached[0].score == float("inf")
    assert again.done(trial) == {1: 2, 2: 2}
    assert list(again.curve(trial, 2)) == [1.0, 0.5]
    assert [session.ended for session in again.sessions] == ["interrupted"]
    assert again.elapsed_s() > 0


def test_work_beyond_the_checkpoint_is_redone_and_counted(tmp_path: Path) -> None:
    """After a kill a trial goes on from its checkpoint; epochs trained again are counted and stored once."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    train(ledger, trial, range(3, 5), save=False)
    killed(ledger)
    again = opened(tmp_path / "q")
    assert again.done(trial) == {1: 2, 2: 2}
    assert again.trained(trial) == {1: 4, 2: 4, 3: 0}
    train(again, trial, range(3, 6))
    assert (again.redone, again.spent) == (4, 10)
    assert again.curves().column("epoch").to_pylist() == [1, 2, 3, 4, 5] * 2
    again.close("finished")
    assert [session.ended for session in again.sessions] == ["lost", "finished"]
    assert LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)).redone == 4


def test_what_a_trainer_says_that_it_trained_again_is_redone(tmp_path: Path) -> None:
    """It is a column of the curves, so whoever opens the study counts the same; no epoch is spent twice for it."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    ledger.record(trial, (1, 2), 3, {"validation_loss": [0.5] * 2}, redone=[2, 0])
    assert (ledger.redone, ledger.spent) == (2, 6)
    killed(ledger)
    again = opened(tmp_path / "q")
    assert (again.redone, again.spent) == (2, 6)
    again.record(trial, (1, 2), 3, {"validation_loss": [0.5] * 2}, redone=[2, 2])
    assert (again.redone, again.spent) == (2 + 2 + 4, 6)
    assert again.curves()["epochs_redone"].to_pylist() == [None, None, 2, None, None, 2]


def test_gpu_seconds_are_a_sum_of_the_curves(tmp_path: Path) -> None:
    """Seeds that train together hold their GPUs once; work that is trained again counts again, also after a kill."""
    ledger = opened(tmp_path / "q", resources={"gpus_per_trial": 0.3})
    trial = start(ledger)
    for epoch in (1, 2):
        ledger.record(trial, (1, 2, 3), epoch, {"validation_loss": [0.5] * 3}, held_s=7.0)
    assert ledger.gpu_seconds == pytest.approx(0.3 * 14)
    killed(ledger)
    again = opened(tmp_path / "q", resources={"gpus_per_trial": 0.3})
    assert again.gpu_seconds == ledger.gpu_seconds
    again.record(trial, (1, 2, 3), 1, {"validation_loss": [0.5] * 3}, held_s=1.0)
    assert (again.redone, again.gpu_seconds) == (3, pytest.approx(0.3 * 15))
    assert again.curves()["gpu_seconds"].to_pylist() == pytest.approx([0.1, 0.7] * 3)
    again.close("interrupted")
    assert LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)).gpu_seconds == again.gpu_seconds


def test_without_gpus_no_gpu_seconds_are_kept(tmp_path: Path) -> None:
    """A study on CPUs has no such column, and has used none."""
    ledger = opened(tmp_path / "q")
    ledger.record(start(ledger), (1, 2), 1, {"validation_loss": [0.5, 0.5]}, held_s=7.0)
    assert ledger.gpu_seconds == 0
    assert ledger.curves().column_names == ["trial", "seed", "epoch", "validation_loss"]


def test_a_checkpoint_beyond_the_curve_is_not_used(tmp_path: Path) -> None:
    """Killed between checkpoint and curves: the older checkpoint counts, because it was kept."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    ledger.checkpoints.save(trial, 4, {1: {}, 2: {}})
    killed(ledger)
    assert opened(tmp_path / "q").done(trial) == {1: 2, 2: 2}


def test_only_the_latest_checkpoint_is_kept(tmp_path: Path) -> None:
    """Earlier checkpoints of a seed go as soon as the later one and its curve are durable."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    train(ledger, trial, range(3, 5))
    assert ledger.checkpoints.epochs(trial) == {1: [4], 2: [4]}


def test_another_study_of_the_same_name_is_refused(tmp_path: Path) -> None:
    """The folder keeps its study, and the message says what differs."""
    opened(tmp_path / "q").close("finished")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StudyConflict) as caught:
        opened(tmp_path / "q", seeds=[1, 2, 4], search={"trials": 13})
    assert str(caught.value).splitlines()[1:3] == [
        "  search.trials: there 12, asked for 13",
        "  seeds: there [1, 2, 3], asked for [1, 2, 4]",
    ]
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """Killed at any statement of its making, the study's database is absent, and the next process makes it."""
    code = (
        "import os, sys; from pathlib import Path; import sqlalchemy;"
        "from tune.ledger.database.database import Database;"
        "count = 0\n"
        "@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, 'before_cursor_execute')\n"
        "def die(*_):\n"
        "    global count\n"
        "    count += 1\n"
        "    if count == int(sys.argv[1]): os.kill(os.getpid(), 9)\n"
        f"Database(None, Path({str(tmp_path)!r}), 'q', create=True)"
    )
    for statement in (3, 20, 35, 50, 60):
        done = subprocess.run([sys.executable, "-c", code, str(statement)], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL
        assert not (tmp_path / "study.db").exists()
    database = Database(None, tmp_path, "q", create=True)
    assert not Mirror(database).there()
    database.close()
    again = Database(None, tmp_path, "q", create=True)
    assert len(optuna.get_all_study_names(again.url)) == 1
    again.close()


def test_two_writers_cannot_mix_their_decisions(tmp_path: Path) -> None:
    """A process that lost the study without noticing is stopped by its next decision."""
    old = opened(tmp_path / "q")
    killed(old)
    new = opened(tmp_path / "q")
    start(new)
    with pytest.raises(StudyBusy, match="taken this study over"):
        start(old)
    new.close("finished")


def test_optuna_opens_the_study(tmp_path: Path) -> None:
    """One Optuna trial per trial, with states that say how it ended."""
    ledger = opened(tmp_path / "q")
    ledger.set_baseline({"validation_loss": 1.0})
    for number, kind in enumerate(("confirmed", "stop", "fail", "open")):
        start(ledger, x=number / 10)
        train(ledger, number, range(1, 3))
        if kind != "open":
            detail = {"score": 0.5, "losses": {"1": 0.5, "2": 0.5}, "confirmed": kind == "confirmed"}
            ledger.decide("reach", number, 0, "reached", detail)
        if kind in ("stop", "fail"):
            ledger.decide(kind, number, 0, f"because of {kind}")  # type: ignore[arg-type]
    ledger.close("interrupted")
    study = optuna.load_study(study_name="quadratic", storage=f"sqlite:///{tmp_path / 'q' / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.params["x"] for trial in study.trials] == [0.0, 0.1, 0.2, 0.3]
    assert study.best_trial.number == 0
    assert study.trials[1].intermediate_values == {2: 0.5}
    assert study.trials[2].user_attrs["reason"] == "because of fail"


def test_what_a_kill_left_out_of_optuna_is_put_there(tmp_path: Path) -> None:
    """Killed before decisions are shown: the next process shows them, once, in trials old and new."""
    ledger = opened(tmp_path / "q")
    start(ledger)
    (shown,) = ledger._mirror.there().values()
    start(ledger, x=0.25)  # so soon after the first that it waits to be shown
    for number in (0, 1):
        train(ledger, number, range(1, 3))
        detail = {"score": 0.5, "losses": {"1": 0.5, "2": 0.5}, "confirmed": number == 1}
        ledger.decide("reach", number, 0, "reached", detail)
    assert ledger._mirror.there() == {0: shown}
    killed(ledger)
    again = opened(tmp_path / "q")
    first, second = again._mirror.there().values()
    assert (first.scores, first.closed, second.scores, second.closed) == ({2: 0.5}, False, {2: 0.5}, True)
    start(again, x=0.75)
    again.close("interrupted")
    study = optuna.load_study(study_name="quadratic", storage=f"sqlite:///{tmp_path / 'q' / 'study.db'}")
    assert [trial.params["x"] for trial in study.trials] == [0.5, 0.25, 0.75]
    assert [trial.user_attrs.get("losses") for trial in study.trials] == [{"1": 0.5, "2": 0.5}] * 2 + [None]


def test_what_is_decided_in_quick_succession_is_shown_a_little_later(tmp_path: Path) -> None:
    """Optuna's trials follow about once a second, and with a report if there is no decision."""
    ledger, clock = opened(tmp_path / "q"), Clock()
    ledger._mirror = Mirror(ledger._database, clock)
    for each in range(3):
        start(ledger, x=each / 4)
    assert len(ledger._mirror.there()) == 1
    clock.now += 0.9
    train(ledger, 0, range(1, 2))
    assert len(ledger._mirror.there()) == 1
    clock.now += 0.2
    train(ledger, 0, range(2, 3))
    assert len(ledger._mirror.there()) == 3
    ledger.close("interrupted")


@pytest.mark.parametrize(
    ("metrics", "epoch", "message"),
    [
        ({"loss": [1.0, 1.0]}, 1, "yields no 'validation_loss', which the study scores; it yields \\['loss'\\]"),
        ({"validation_loss": [1.0]}, 1, "metric 'validation_loss' has 1 values for 2 seeds"),
        ({"validation_loss": [1.0, 1.0]}, 2, "trial 0 seed 1: epoch 2 follows epoch 0; none may be left out"),
    ],
)
def test_a_trainer_that_breaks_the_contract_is_told(
    tmp_path: Path, metrics: dict[str, list[float]], epoch: int, message: str
) -> None:
    """Rows that cannot be right are refused in words."""
    ledger = opened(tmp_path / "q")
    start(ledger)
    with pytest.raises(ValueError, match=message):
        ledger.record(0, (1, 2), epoch, metrics)


def test_folders_that_hold_no_study(tmp_path: Path) -> None:
    """A wrong folder is named, and nothing is made in it."""
    with pytest.raises(UserMistake, match="no study there"):
        LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0))
    (tmp_path / "file").touch()
    with pytest.raises(UserMistake, match="the results folder cannot be written"):
        opened(tmp_path / "file" / "q")
    with pytest.raises(UserMistake, match="the study's database cannot be opened"):
        opened(tmp_path / "q", storage={"database": "postgresql://nobody@127.0.0.1:1/none"})
