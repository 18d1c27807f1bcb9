"""A study that is finished, or was interrupted, is given more to do from the command line."""

from pathlib import Path

import pytest

from tests.behaviour.command import Running, Trained, here, ledger_of, status, write_study

SMALL = {"fixed": {}, "storage": {"keep": "all"}}


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A working directory with a study that is finished, all of its checkpoints kept."""
    write_study(tmp_path, **SMALL)
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path, QUADRATIC_LOG=str(tmp_path / "log"))
    assert said.code == 0, said.err
    return tmp_path


def grow(cwd: Path, *options: str) -> None:
    said = here("resume", "results/tiny", *options, cwd=cwd, QUADRATIC_LOG=str(cwd / "log"))
    assert said.code == 0, said.err


def test_a_finished_study_grows_step_by_step(cwd: Path) -> None:
    """More trials, longer trainings, seeds, a wider space: nothing is trained twice, and the report tells it."""
    grow(cwd, "--trials", "12")
    grow(cwd, "--epochs", "15")
    grow(cwd, "--seeds", "7,77")
    grow(cwd, "--trials", "15", "--set", "space.x.uniform=[-1, 2]")
    ledger = ledger_of(cwd / "results" / "tiny")
    assert len(ledger.trials) == 15
    assert [rung.epochs for rung in ledger.study.rungs] == [2, 5, 15]
    best = next(trial for trial in ledger.trials if trial.confirmed)
    assert best.last is not None
    assert list(best.last.losses) == [1, 2, 3, 7, 77]
    assert any(not 0 <= trial.parameters["x"] <= 1 for trial in ledger.trials[12:])
    assert Trained.read(cwd / "log").repeated == 0
    assert status(cwd / "results" / "tiny")["sessions"] == ["finished"] * 5
    report = (cwd / "results" / "tiny" / "report.md").read_text()
    assert "grown after 6 trials: search.trials 6 → 12" in report
    assert "grown after 12 trials: rungs 2 x 2, 5 x 3 → 2 x 2, 5 x 3, 15 x 3" in report


def test_growing_is_continued_after_a_kill(cwd: Path) -> None:
    """Killed while it does more, it is continued by a plain `resume`, and ends as if it had not been killed."""
    log = cwd / "log"
    before = Trained.read(log).distinct
    options = ("--trials", "12", "--set", "storage.checkpoints=every_epoch")
    with Running(cwd, "resume", "results/tiny", *options, QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: Trained.read(log).distinct > before + 2, "the first new epochs")
        process.kill()
    grow(cwd)
    assert status(cwd / "results" / "tiny")["sessions"] == ["finished", "lost", "finished"]
    other = cwd / "other"
    other.mkdir()
    write_study(other, **SMALL)
    for command in (("run", "study.yaml", "--driver", "inline"), ("resume", "results/tiny", *options)):
        assert here(*command, cwd=other).code == 0
    one, two = (ledger_of(place / "results" / "tiny") for place in (cwd, other))
    assert one.curves().equals(two.curves())
    assert [trial.parameters for trial in one.trials] == [trial.parameters for trial in two.trials]
    assert (cwd / "results/tiny/best.yaml").read_text() == (other / "results/tiny/best.yaml").read_text()


def test_a_budget_that_is_used_up_is_said(cwd: Path) -> None:
    """Where nothing could be trained for want of budget the command says which, how much is used, and what to give."""
    said = here("resume", "results/tiny", "--budget", "seed_epochs=20", cwd=cwd)
    assert said.code == 2
    assert "budget.seed_epochs: 20 leaves nothing to do: 46 seed-epochs are used" in said.err
    assert "give more with --budget seed_epochs=N" in said.err


def test_money_that_is_used_up_is_said_and_more_goes_on(tmp_path: Path) -> None:
    """A study ends when its money is spent; less than that is refused with what is used, more trains on."""
    budget = {"money": 1e-6, "price_per_gpu_hour": 3.6}
    write_study(tmp_path, **{**SMALL, "budget": budget, "resources": {"gpus_per_trial": 1}})
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 0, said.err
    begun = len(ledger_of(tmp_path / "results/tiny").trials)
    assert begun == 1
    said = here("resume", "results/tiny", "--budget", "money=1e-7", cwd=tmp_path)
    assert said.code == 2
    assert "budget.money: 1e-07 leaves nothing to do: 0.00 are used, at 3.6 per GPU-hour; give more" in said.err
    assert "with --budget money=N" in said.err
    grow(tmp_path, "--budget", "money=1000", "--budget", "price_per_gpu_hour=2")
    ledger = ledger_of(tmp_path / "results/tiny")
    assert len(ledger.trials) > begun
    assert (ledger.study.budget.money, ledger.study.budget.price_per_gpu_hour) == (1000, 2)
