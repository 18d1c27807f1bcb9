"""The same failures lead to the same decisions, whatever drives the study."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_drivers import ONE_SLOT, Drive, drive, told, work_on
from tests.fakes.studies import quadratic_study
from tune.drivers.stop_request import StopRequest
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import incumbent, standings
from tune.study.study import Study
from tune.views.sentences import kept_sentences
from tune.views.terminal.status import status

__all__ = ["drive"]

FIVE: dict[str, Any] = {
    **ONE_SLOT,
    "space": {"x": {"uniform": [0, 1]}},
    "search": {"trials": 3},
    "seeds": [1, 2, 3, 4, 5],
    "rungs": [{"epochs": 3, "seeds": 5}],
}


@pytest.fixture
def marks(tmp_path: Path) -> Callable[[int], str]:
    """Makes a folder with so many files, each of which lets something go wrong once."""

    def make(count: int) -> str:
        folder = tmp_path / "marks"
        folder.mkdir()
        for number in range(count):
            (folder / str(number)).touch()
        return str(folder)

    return make


def study_of(trainer: str, recording: dict[str, Any], **changes: Any) -> Study:
    """A study of three trials, five seeds each, on one rung."""
    return quadratic_study(trainer=f"tests.fakes.trainers:{trainer}", recording=recording, **{**FIVE, **changes})


def results(ledger: LedgerReader) -> list[tuple[int, int, int, float]]:
    """Every epoch of every run."""
    rows = ledger.curves().to_pylist()
    return [(row["trial"], row["seed"], row["epoch"], row["validation_loss"]) for row in rows]


def test_out_of_memory_trains_fewer_seeds_at_a_time(drive: Drive, tmp_path: Path) -> None:
    """Five seeds do not fit, nor three, two do: a trial is as good as if all had fit; the next learns anew."""
    hungry = work_on(study_of("Hungry", {"room": 2}), tmp_path / "hungry", drive)
    for trial in hungry.trials:
        assert [(one.kind, len(one.seeds)) for one in trial.attempts] == [("out_of_memory", 5), ("out_of_memory", 3)]
        assert trial.confirmed
    said = [decision.reason for decision in hungry.decisions if decision.kind == "attempt"]
    assert said[0].startswith("out of memory with 5 seeds; tried again with 3 (OutOfMemoryError: CUDA out of memory")
    assert said[1].startswith("out of memory with 3 seeds; tried again with 2 (")
    assert results(hungry) == results(work_on(study_of("Quadratic", {}), tmp_path / "plain", drive))


def test_out_of_memory_with_one_seed_alone_is_the_end(drive: Drive, tmp_path: Path) -> None:
    """Where nothing helps the trials fail of it, and three that do end the study."""
    from tune.errors import StudyStopped

    study = study_of("Hungry", {"room": 0}, seeds=[1, 2], rungs=[{"epochs": 3, "seeds": 2}], search={"trials": 9})
    with pytest.raises(StudyStopped, match=r"the first 3 trials all died of one cause: OutOfMemoryError: CUDA"):
        work_on(study, tmp_path / "q", drive)
    ledger = LedgerReader.read(tmp_path / "q", clock=lambda: 0.0)
    assert [[len(one.seeds) for one in trial.attempts] for trial in ledger.trials] == [[2, 1, 1]] * 3
    assert ledger.trials[0].reason.startswith(
        "out of memory with 1 seed and nothing else in training: OutOfMemoryError"
    )


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("sys.exit", "SystemExit: the trainer called sys.exit(0)"),
        ("os._exit", "ProcessExit: the trainer called os._exit(0)"),
        ("KeyboardInterrupt", "KeyboardInterrupt: raised by the trainer itself, nobody asked to stop"),
    ],
)
def test_a_trainer_that_leaves_has_crashed(drive: Drive, tmp_path: Path, how: str, cause: str) -> None:
    """It ends its unit and no process, in words that say what it did; three trials that do end the study."""
    from tune.errors import StudyStopped

    study = study_of("Leaving", {"how": how}, search={"trials": 9})
    with StopRequest("") as stop:
        stop.listen()
        with pytest.raises(StudyStopped, match=re.escape(f"all died of one cause: {cause}")):
            work_on(study, tmp_path / "q", drive)
    ledger = LedgerReader.read(tmp_path / "q", clock=lambda: 0.0)
    causes = [(one.kind, one.cause) for trial in ledger.trials for one in trial.attempts]
    assert causes == [("crashed", cause)] * 2 * 3


RACE: dict[str, Any] = {
    "search": {"trials": 3},
    "seeds": [1, 2, 3, 4, 5, 6],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 3, "seeds": 3}],
    "confirm": {"seeds": 6, "finalists": 1},
}


def test_a_confirmed_trial_outlives_a_seed_of_its_race(drive: Drive, tmp_path: Path) -> None:
    """It keeps its losses and its standing, the race goes on with the next seed, and the seed that died is told."""
    doomed = work_on(study_of("Doomed", {"seeds": [5], "epoch": 2}, **RACE), tmp_path / "doomed", drive)
    whole = work_on(study_of("Quadratic", {}, **RACE), tmp_path / "whole", drive)
    (winner,) = [trial for trial in doomed.trials if trial.seeds]
    assert (winner.state(in_flight=False), winner.given_up, winner.seeds) == ("confirmed", {5}, 6)
    assert winner.last is not None
    reference = whole.trials[winner.number].last
    assert reference is not None
    assert winner.last.losses == {seed: loss for seed, loss in reference.losses.items() if seed != 5}
    best = incumbent(standings(doomed, frozenset()))
    assert best is not None
    assert best.number == winner.number
    (said,) = kept_sentences(doomed)
    assert said.startswith(f"Trial {winner.number} lost seed 5 of the final race (RuntimeError: doomed by seed 5")
    assert status(doomed)["dead_seeds"] == {str(winner.number): [5]}
    assert [one.seeds for one in winner.attempts] == [(5,), (5,)]


def test_who_dies_on_the_way_up_keeps_what_it_reached(drive: Drive, tmp_path: Path) -> None:
    """Its result at the rung before stays one, behind those that live; it is not promoted again, and others are."""
    space = {"x": {"choice": [0.3, 0.5, 0.9]}}
    ladder = {**RACE, "seeds": [1, 2, 3], "confirm": {}, "search": {"method": "grid"}, "space": space}
    ledger = work_on(study_of("Doomed", {"seeds": [3], "epoch": 1, "x": 0.4}, **ladder), tmp_path / "q", drive)
    ranked = standings(ledger, frozenset())
    assert [(one.number, one.state, one.rung) for one in ranked] == [
        (1, "confirmed", 1), (2, "stopped", 0), (0, "failed", 0),
    ]  # fmt: skip
    assert ledger.trials[0].reason.endswith("what it reached at rung 0 is kept")
    (said,) = kept_sentences(ledger)
    assert said.startswith("Trial 0 died on its way to rung 1 (RuntimeError: doomed by seed 3); what it reached")


def test_a_log_of_each_trial_has_the_traceback(drive: Drive, tmp_path: Path) -> None:
    """The path that a death names holds the text, wherever the trainer ran."""
    ledger = work_on(study_of("Hungry", {"room": 4}), tmp_path / "q", drive)
    for trial in ledger.trials:
        (attempt,) = trial.attempts
        text = Path(attempt.log).read_text()
        assert attempt.cause in text
        assert "Traceback" in text
        assert "in _epoch" in text


def test_an_evaluation_that_fails_keeps_its_training(drive: Drive, tmp_path: Path, marks: Callable[[int], str]) -> None:
    """The trial goes on without the metric, no epoch is trained again, and the failure is counted."""
    ledger = work_on(study_of("Evaluating", {"marks": marks(1)}), tmp_path / "q", drive)
    (failed,) = [trial for trial in ledger.trials if trial.attempts]
    (attempt,) = failed.attempts
    assert (attempt.kind, attempt.cause) == ("evaluation", "OSError: the test split cannot be read")
    assert all(trial.confirmed for trial in ledger.trials)
    assert (ledger.redone, ledger.spent) == (0, 3 * 5 * 3)
    rows = ledger.curves().to_pylist()
    with_test = {(row["trial"], row["epoch"]) for row in rows if row["test_loss"] is not None}
    assert with_test == {(trial.number, 3) for trial in ledger.trials if trial is not failed}
    assert results(ledger) == results(work_on(study_of("Quadratic", {}), tmp_path / "plain", drive))


def test_a_scored_evaluation_that_fails_is_done_again_alone(
    drive: Drive, tmp_path: Path, marks: Callable[[int], str]
) -> None:
    """Where the score comes from the evaluation its failure is a death; the retry trains nothing."""
    ledger = work_on(study_of("Evaluating", {"marks": marks(1)}, score={"metric": "test_loss"}), tmp_path / "q", drive)
    assert [one.kind for trial in ledger.trials for one in trial.attempts] == ["evaluation"]
    assert (ledger.redone, ledger.spent) == (0, 3 * 5 * 3)
    for trial in ledger.trials:
        losses = {seed: (trial.parameters["x"] - 0.3) ** 2 + seed / 1000 for seed in (1, 2, 3, 4, 5)}
        assert trial.reached[0].losses == losses


def test_a_study_stopped_before_its_evaluation_evaluates_when_continued(
    drive: Drive, tmp_path: Path, marks: Callable[[int], str]
) -> None:
    """An evaluation that was cut short is not lost, and costs no epoch."""
    study = study_of("Evaluating", {"marks": marks(0)})
    work_on(study, tmp_path / "q", drive, should_stop=lambda ledger: ledger.spent >= 15)
    ledger = work_on(study, tmp_path / "q", drive)
    rows = [row for row in ledger.curves().to_pylist() if row["epoch"] == 3]
    assert len(rows) == 15
    assert all(row["test_loss"] is not None for row in rows)
    assert ledger.redone == 0
    assert told(ledger) == told(work_on(study, tmp_path / "whole", drive))
