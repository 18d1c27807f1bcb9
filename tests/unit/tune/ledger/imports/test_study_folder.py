"""Trials of our own studies as runs."""

import shutil
from pathlib import Path

import pytest

from tests.fakes.ledgers import BASELINE, played
from tune.errors import UserMistake
from tune.ledger.imports.study_folder import read_study, runs_of_trials
from tune.ledger.reader import LedgerReader
from tune.views.results import gather, trial_seconds


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which trial 5 died before its first epoch."""
    return played(tmp_path_factory.mktemp("imports") / "batch-norm", deaths={5: "RuntimeError: no"})


def test_each_seed_is_a_run_with_all_its_curves(ledger: LedgerReader) -> None:
    """The curves are those of the ledger; the configuration holds the fixed values; what is scored is known."""
    first = gather(ledger).ranked[0].number
    runs = read_study(ledger.folder, "results/a", [str(first)], connect=False)
    assert [run.seed for run in runs] == ledger.study.seeds
    for run in runs:
        assert list(run.curves["validation_loss"].values()) == list(ledger.curve(first, run.seed or 0))
        assert run.configuration == {**ledger.study.fixed, **ledger.trials[first].parameters, "epochs": 8}
        assert (run.metric, run.maximize, run.baseline) == ("validation_loss", False, BASELINE)
    assert sum(run.seconds or 0 for run in runs) == pytest.approx(trial_seconds(ledger.curves())[first])


def test_trials_that_are_not_there_or_trained_nothing(ledger: LedgerReader) -> None:
    """The message says which there are."""
    for key in ("99", "-1", "first", "9" * 30):
        with pytest.raises(UserMistake, match=f"a: no trial {key} in this study; its trials are 0 to 17"):
            read_study(ledger.folder, "a", [key], connect=False)
    with pytest.raises(UserMistake, match="a: trial 5 has trained nothing so far"):
        runs_of_trials(ledger, "a", [3, 5])


def test_what_was_decided_is_known_although_the_curves_are_lost(ledger: LedgerReader, tmp_path: Path) -> None:
    """The losses at the rungs, by seed."""
    folder = Path(shutil.copytree(ledger.folder, tmp_path / "lost"))
    for path in (folder / "curves").rglob("*.parquet"):
        path.unlink()
    first = gather(ledger).ranked[0].number
    runs = read_study(folder, "a", [str(first)], connect=False)
    reached = ledger.trials[first].reached
    for run in runs:
        want = {ledger.study.rungs[rung].epochs: one.losses for rung, one in sorted(reached.items())}
        assert run.curves == {
            "validation_loss": {epoch: losses[run.seed] for epoch, losses in want.items() if run.seed in losses}
        }
