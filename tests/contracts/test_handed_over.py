"""What a trainer hands over is taken, or its unit dies of it in words, whatever drives the study."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_drivers import ONE_SLOT, Drive, drive, told, work_on
from tests.fakes.studies import quadratic_study
from tune.errors import StudyStopped
from tune.ledger.reader import LedgerReader
from tune.study.study import Study

__all__ = ["drive"]


def study_of(**recording: Any) -> Study:
    """Two trials of two seeds on two rungs, by a trainer that does what the recording says."""
    return quadratic_study(
        trainer="tests.fakes.generated:Generated",
        recording=recording,
        space={"x": {"uniform": [0, 1]}},
        search={"trials": 2, "method": "random"},
        seeds=[1, 12],
        rungs=[{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 2}],
        **ONE_SLOT,
    )


def causes(ledger: LedgerReader) -> set[str]:
    """Every cause of which a unit died."""
    return {attempt.cause for trial in ledger.trials for attempt in trial.attempts}


def test_whatever_holds_one_number_per_seed_decides_the_same(drive: Drive, tmp_path: Path) -> None:
    """Lists, arrays, tensors, mappings by seed and generators are one metric to the study."""
    plain = work_on(study_of(), tmp_path / "plain", drive)
    forms = ["arrays", "tensors", "by seed", "a generator"]
    ledger = work_on(study_of(rows=forms, state="NumPy", baseline="NumPy"), tmp_path / "q", drive)
    assert causes(ledger) == set()
    assert told(ledger) == told(plain)
    assert [ledger.curve(n, 12) for n in (0, 1)] == [plain.curve(n, 12) for n in (0, 1)]


def test_what_is_not_validated_in_an_epoch_has_not_diverged(drive: Drive, tmp_path: Path) -> None:
    """A metric that is known every few epochs counts as it was last known, at the end of a rung as well."""
    ledger = work_on(study_of(rows=["lists", "None for all", "None for all"]), tmp_path / "q", drive)
    assert causes(ledger) == set()
    best = next(trial for trial in ledger.trials if trial.confirmed)
    assert best.reached[0].losses == {seed: ledger.curve(best.number, seed)[0] for seed in (1, 12)}
    assert best.reached[1].losses == {seed: ledger.curve(best.number, seed)[3] for seed in (1, 12)}
    assert ledger.dead(best.number) == frozenset()


FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"rows": ["lists", "short"]},
        "train() of trainer {name}, epoch 2: metric 'validation_loss' has 1 values for",
    ),
    ({"rows": ["one of the tuner's names"]}, "train() of trainer {name}, epoch 1: metric 'epoch': this name is one of"),
    ({"rows": ["a surrogate as a name"]}, r"train() of trainer {name}, epoch 1: metric str '\ud800': a name has 1 to"),
    ({"rows": ["text"]}, r"epoch 1: metric 'validation_loss', seed 1: must be a number or None, got str '\ud800'"),
    ({"rows": ["no mapping"]}, "train() of trainer {name}, epoch 1: must be a mapping from each metric's name to"),
    ({"rows": ["None for all"]}, "metric 'validation_loss', seed 1: is not known (None) by epoch 2, where the study"),
    (
        {"epochs_too_many": -1},
        "train() of trainer {name}, epoch 1: ended after 1 of 2 epochs; train(epochs) must",
    ),
    ({"baseline": "text"}, "baseline() of trainer {name}, epoch 0: metric 'validation_loss': must be a number or None"),
    ({"state": "without a seed"}, "state() of trainer {name}, epoch 2: no state of seed 1; one for each of [1, 12]"),
    ({"error": "a surrogate"}, r"ValueError: \ud800"),
    ({"error": "escapes"}, r"RuntimeError: \x1b]0;title\x07\x00"),
    ({"error": "without words"}, "WordlessError: (RuntimeError while it was put into words)"),
    ({"error": "of files", "where": "state"}, r"FileNotFoundError: [Errno 2] no such file: '\udcff'"),
]


@pytest.mark.parametrize(("recording", "cause"), FAULTS, ids=[str(case[0]) for case in FAULTS])
def test_what_cannot_be_taken_is_told(drive: Drive, tmp_path: Path, recording: dict[str, Any], cause: str) -> None:
    """The unit dies as crashed, with what, where and the rule; the study goes on, and can be read."""
    ledger = work_on(study_of(**recording), tmp_path / "q", drive)
    for said in causes(ledger):
        assert cause.format(name="tests.fakes.generated:Generated") in said.replace("\\\\", "\\")
    assert {attempt.kind for trial in ledger.trials for attempt in trial.attempts} == {"crashed"}
    assert [trial.ended for trial in ledger.trials] == ["failed", "failed"]
    for trial in ledger.trials:
        assert "Traceback" in Path(trial.attempts[0].log).read_text(encoding="utf-8")


def test_epochs_that_nobody_asked_for_are_not_taken(drive: Drive, tmp_path: Path) -> None:
    """A trainer that would train for ever trains what it is asked to."""
    ledger = work_on(study_of(epochs_too_many=1000), tmp_path / "q", drive)
    assert told(ledger) == told(work_on(study_of(), tmp_path / "plain", drive))
    assert set(ledger.curves()["epoch"].to_pylist()) <= {1, 2, 3, 4}


def test_a_trainer_that_fails_when_it_is_closed_has_trained(drive: Drive, tmp_path: Path) -> None:
    """What it came to stands."""
    ledger = work_on(study_of(error="a surrogate", where="close"), tmp_path / "q", drive)
    assert causes(ledger) == set()
    assert any(trial.confirmed for trial in ledger.trials)


@pytest.mark.parametrize("fault", [{"evaluate": "short"}, {"evaluate": "text"}, {"evaluate": "nothing"}], ids=str)
def test_an_evaluation_that_cannot_be_taken_keeps_its_training(
    drive: Drive, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """It is a failed evaluation like one that raises."""
    ledger = work_on(study_of(**fault), tmp_path / "q", drive)
    assert {attempt.kind for trial in ledger.trials for attempt in trial.attempts} == {"evaluation"}
    assert all("evaluate() of trainer" in cause for cause in causes(ledger))
    assert any(trial.confirmed for trial in ledger.trials)


@pytest.mark.parametrize("features", ["good", [], [[1.0]]], ids=["good", "none", "flat"])
def test_features_become_columns_or_are_told_to_be_none(drive: Drive, tmp_path: Path, features: Any) -> None:
    """In the last epoch of each unit; what cannot be taken changes no decision, and stands in the trial's log."""
    study = study_of(features=features).model_copy(update={"trainer": "tests.fakes.trainers:Featured"})
    ledger = work_on(study, tmp_path / "q", drive)
    plain = work_on(study.model_copy(update={"trainer": "tests.fakes.trainers:Quadratic"}), tmp_path / "plain", drive)
    assert causes(ledger) == set()
    assert told(ledger) == told(plain)
    rows = ledger.curves().to_pylist()
    if features == "good":
        known = {row["epoch"]: row["effective_rank"] for row in rows if row["effective_rank"] and row["seed"] == 12}
        assert known.keys() == {2, 4}
    else:
        assert "effective_rank" not in rows[0]
        assert "features() of trainer tests.fakes.trainers:Featured, epoch 2: " in (
            tmp_path / "q" / "logs" / "trial-0.log"
        ).read_text(encoding="utf-8")


def test_a_state_that_fails_as_the_study_stops_is_a_death(drive: Drive, tmp_path: Path) -> None:
    """The study stops in order, and tells it at the latest when it is continued."""
    study = study_of(error="of files", where="state")
    work_on(study, tmp_path / "q", drive, should_stop=lambda ledger: ledger.spent >= 2)
    ledger = work_on(study, tmp_path / "q", drive)
    assert any("no such file" in cause for cause in causes(ledger))
    assert [trial.ended for trial in ledger.trials] == ["failed", "failed"]


def test_three_that_hand_over_the_same_nonsense_stop_the_study(drive: Drive, tmp_path: Path) -> None:
    """A trainer that never keeps its contract costs three trials."""
    study = study_of(rows=["complex"]).model_copy(update={"search": quadratic_study(search={"trials": 9}).search})
    with pytest.raises(
        StudyStopped, match=r"all died of one cause: TrainerMistake: train\(\) of trainer .* got complex"
    ):
        work_on(study, tmp_path / "q", drive)
