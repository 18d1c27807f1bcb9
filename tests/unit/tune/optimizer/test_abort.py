"""When a study ends because its first trials die of one cause."""

from pathlib import Path

import pytest

from tests.fakes.bench import bench
from tune.errors import StudyStopped
from tune.ledger.attempts import NODE_GONE, PROCESS_GONE
from tune.optimizer.retries import MOST_LOST


@pytest.mark.parametrize("stops", [True, False])
def test_three_deaths_wait_for_the_first_trial(tmp_path: Path, stops: bool) -> None:
    """Trials that die overtake one on a slow slot: nothing new starts until it has told whether the study is stops."""
    study = bench(tmp_path / "q", resources={"retries": 0}, search={"trials": 8})
    slow = study.optimizer.next_work()
    assert slow is not None
    for number in (1, 2, 3):
        work = study.optimizer.next_work()
        assert work is not None
        assert work.trial == number
        study.optimizer.failed(work, "ImportError: no module")
    assert study.optimizer.next_work() is None
    if stops:
        study.optimizer.failed(slow, "ImportError: no module")
        with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: ImportError: no module"):
            study.optimizer.next_work()
    else:
        study.do(slow)
        work = study.optimizer.next_work()
        assert work is not None
        assert work.trial == 4


def test_one_that_must_be_alone_waits_and_is_waited_for(tmp_path: Path) -> None:
    """Others are not held up for it; while it trains there is no work, and a continued study knows it as well."""
    study = bench(tmp_path / "q", seeds=[1], rungs=[{"epochs": 2, "seeds": 1}], search={"trials": 3})
    first, second = study.optimizer.next_work(), study.optimizer.next_work()
    assert first is not None
    assert second is not None
    study.optimizer.failed(first, "MemoryError: ", kind="out_of_memory")
    third = study.optimizer.next_work()
    assert third is not None
    assert third.trial == 2
    assert study.optimizer.next_work() is None
    study.do(second)
    study.do(third)
    alone = study.optimizer.next_work()
    assert alone is not None
    assert alone.trial == 0
    assert study.optimizer.next_work() is None
    study.do(alone)
    assert all(trial.confirmed for trial in study.ledger.trials)


@pytest.mark.parametrize("gone", [NODE_GONE, PROCESS_GONE])
def test_lost_trials_end_a_study_unless_machines_went(tmp_path: Path, gone: str) -> None:
    """Three trials that no machine kept say something of the machines; that killed every process, of the trainer."""
    study = bench(tmp_path / "q", search={"trials": 4})
    for number in range(3):
        for _ in range(MOST_LOST):
            work = study.optimizer.next_work()
            assert work is not None
            assert work.trial == number
            study.optimizer.failed(work, gone, kind="lost")
    assert [trial.ended for trial in study.ledger.trials] == ["failed"] * 3
    if gone == NODE_GONE:
        assert study.optimizer.next_work() is not None
    else:
        with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: the trainer's process"):
            study.optimizer.next_work()


def test_one_cause_in_varying_words_ends_a_study(tmp_path: Path) -> None:
    """Paths and numbers in an exception's text do not make it another cause."""
    study = bench(tmp_path / "q", resources={"retries": 0})
    for number in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        study.optimizer.failed(work, f"OSError: /scratch/{number}/x.npy has {17 + number} rows")
    with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: OSError"):
        study.optimizer.next_work()
