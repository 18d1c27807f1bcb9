"""Which checkpoints are kept, and that what is removed changes no decision."""

from pathlib import Path
from typing import Any, Literal

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.inline import drive
from tune.drivers.job import Job
from tune.drivers.simulated import drive as drive_simulated
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.folders import LocalFolder
from tune.optimizer.optimizer import Optimizer
from tune.scoring.standings import standings

LADDER: dict[str, Any] = {
    "seeds": [1, 2, 3, 4, 5],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 6, "seeds": 2}, {"epochs": 6, "seeds": 3}],
    "search": {"trials": 12, "reduction_factor": 1.5, "method": "random"},
}


def study_folder(folder: Path, keep: int | Literal["all"], units: int | None = None) -> Ledger:
    """Works on a study to its end, or for so many units, and returns it while it is still open."""
    ledger = Ledger.open(quadratic_study(**LADDER, storage={"keep": keep}), folder, clock=Clock(tick_s=1.0))
    job = Job(Optimizer(ledger, ledger.elapsed_s), {}, Quadratic)
    begun = 0

    def stop() -> bool:
        nonlocal begun
        begun += not job.optimizer.in_flight
        return units is not None and begun > units

    job.should_stop = stop
    drive(job)
    if units is None:
        job.optimizer.finish()
    return ledger


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    """Everything decided about trials."""
    return [
        (one.kind, one.trial, one.rung, one.reason, dict(one.detail)) for one in ledger.decisions if one.kind != "open"
    ]


def stored(ledger: Ledger) -> dict[int, dict[int, list[int]]]:
    """The epochs of the checkpoints that lie there, by trial and seed."""
    return {number: ledger.checkpoints.epochs(number) for number in ledger.checkpoints.trials()}


def confirmed(ledger: Ledger) -> list[int]:
    """The confirmed trials, best first."""
    return [one.number for one in standings(ledger, frozenset()) if one.state == "confirmed"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The study that keeps everything."""
    ledger = study_folder(tmp_path_factory.mktemp("whole") / "q", "all")
    assert set(stored(ledger)) == set(range(12))
    assert len(confirmed(ledger)) > 3
    assert any(trial.seeds for trial in ledger.trials), "the race gave nobody a seed"
    return ledger


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_finished_study_keeps_the_best_and_nothing_else(tmp_path: Path, whole: Ledger, keep: int) -> None:
    """The decisions, the race included, and the curves are those of a study that keeps everything."""
    ledger = study_folder(tmp_path / "q", keep)
    assert told(ledger) == told(whole)
    assert ledger.curves().equals(whole.curves())
    assert ledger.redone == 0
    assert set(stored(ledger)) == set(confirmed(ledger)[:keep])
    assert all(set(ledger.done(number).values()) == {6} for number in stored(ledger))
    assert all(not ledger.done(number) for number in set(range(12)) - set(stored(ledger)))
    again = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert [again.done(number) for number in range(12)] == [ledger.done(number) for number in range(12)]


def test_what_was_removed_is_not_missed_by_the_next_process(tmp_path: Path, whole: Ledger) -> None:
    """Stopped and opened again every few units, the race included, a study that keeps nothing trains nothing twice."""
    for _ in range(6):
        study_folder(tmp_path / "q", 0, 8).close("interrupted")
    ledger = study_folder(tmp_path / "q", 0)
    about_trials = [one for one in told(ledger) if one[1] is not None]
    assert about_trials == [one for one in told(whole) if one[1] is not None]
    assert ledger.redone == 0
    assert stored(ledger) == {}


def test_units_in_flight_find_what_they_load(tmp_path: Path) -> None:
    """On several slots trials are judged while others train; none dies of a checkpoint that is gone."""
    found = []
    for keep in ("all", 0):
        ledger = Ledger.open(
            quadratic_study(**LADDER, storage={"keep": keep}), tmp_path / str(keep), clock=Clock(tick_s=1.0)
        )
        job = Job(Optimizer(ledger, ledger.elapsed_s), {}, Quadratic)
        drive_simulated(job, slots=4)
        job.optimizer.finish()
        assert not [trial.number for trial in ledger.trials if trial.attempts]
        found.append((told(ledger), ledger.redone))
    assert found[0] == found[1]
    assert found[0][1] == 0


@pytest.mark.parametrize("units", [3, 9, 15, 21, 27])
def test_a_study_on_its_way_keeps_what_it_may_go_on_from(tmp_path: Path, units: int) -> None:
    """After so many units every paused or unfinished trial has its latest checkpoints, and no trial that has ended."""
    ledger = study_folder(tmp_path / "q", 1, units)
    found = stored(ledger)
    for trial in ledger.trials:
        if trial.ended:
            assert trial.number not in found
        elif trial.paused:
            assert found[trial.number] == {
                seed: [ledger.study.rungs[trial.rung].epochs] for seed in ledger.seeds(trial.number, trial.rung)
            }
    # Those of a race that goes on are kept beside those of the best.
    assert sum(number in found for number in confirmed(ledger)) <= 2


def test_a_kill_while_files_are_removed_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short after the first file, the next process removes the rest before it hands out work."""
    study_folder(tmp_path / "q", "all").close("interrupted")
    text = (tmp_path / "q" / "study.yaml").read_text()
    (tmp_path / "q" / "study.yaml").write_text(text.replace("keep: all", "keep: 1"))
    study = quadratic_study(**LADDER, storage={"keep": 1})
    unlink, removed = Path.unlink, 0

    def cut_short(path: Path, missing_ok: bool = False) -> None:
        nonlocal removed
        removed += path.suffix == ".pt"
        if removed > 1:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    before = sum(len(epochs) for epochs in stored(ledger).values())
    optimizer = Optimizer(ledger, ledger.elapsed_s)
    monkeypatch.setattr(Path, "unlink", cut_short)
    with pytest.raises(KeyboardInterrupt):
        optimizer.next_work()
    monkeypatch.undo()
    ledger.close("interrupted")
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    assert sum(len(epochs) for epochs in stored(ledger).values()) == before - 1
    assert Optimizer(ledger, ledger.elapsed_s).next_work() is None
    assert set(stored(ledger)) == set(confirmed(ledger)[:1])


def test_a_trial_that_died_leaves_no_checkpoint(tmp_path: Path) -> None:
    """What a trial had saved before it died for good is removed; while it may be tried again it stays."""
    ledger = Ledger.open(quadratic_study(), tmp_path / "q", clock=Clock(tick_s=1.0))
    optimizer = Optimizer(ledger, ledger.elapsed_s)
    for from_epoch in (0, 1, 1):
        work = optimizer.next_work()
        assert work is not None
        assert (work.trial, work.from_epoch) == (0, from_epoch)
        if from_epoch == 0:
            ledger.record(0, work.seeds, 1, {"validation_loss": [0.5, 0.5]})
            ledger.checkpoints.save(0, 1, {seed: {"epoch": 1} for seed in work.seeds})
            ledger.saved(0, work.seeds, 1)
        assert stored(ledger) == {0: {1: [1], 2: [1]}}
        optimizer.failed(work, "RuntimeError: no memory")
    assert ledger.trials[0].ended == "failed"
    assert stored(ledger) == {}
    assert ledger.done(0) == {}


def test_sizes_are_counted(tmp_path: Path) -> None:
    """What checkpoints take is the sum of their files, whole or not."""
    store = CheckpointStore(LocalFolder(tmp_path))
    assert (store.usage().files, store.usage().size, store.usage().largest) == (0, 0, 0)
    store.save(0, 1, {1: {"a": 1}, 2: {"a": 1}})
    store.save(7, 3, {1: {"a": list(range(1000))}})
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.pt")]
    assert (store.usage().files, store.usage().size, store.usage().largest) == (3, sum(sizes), max(sizes))
