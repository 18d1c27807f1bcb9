"""cluster/lsf.sh under a stand-in for LSF: no LSF can be had here, so this tests what its documentation says."""

from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import ROOT, Trained, ledger_of, poll, status, write_study
from tests.fakes.batch import of_job, processes_of_job, written_trainer
from tests.fakes.lsf import Lsf

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]


def submitted(cwd: Path, *arguments: str, **options: Any) -> Lsf:
    """A job for the study `study.yaml` of a folder."""
    return Lsf(cwd, *arguments or ("study.yaml",), PYTHONPATH=str(ROOT), QUADRATIC_LOG=str(cwd / "log"), **options)


def until_trained(job: Lsf, cwd: Path, seed_epochs: int) -> None:
    job.poll(lambda: len(Trained.read(cwd / "log").lines) >= seed_epochs, f"{seed_epochs} seed-epochs")


def test_a_study_outlives_the_time_limit_of_its_job(tmp_path: Path) -> None:
    """Warned by a signal to all of its processes, a job on two hosts saves its trials and goes on in its next run."""
    written_trainer(tmp_path)
    write_study(
        tmp_path,
        trainer="placed:Placed",
        fixed={},
        search={"method": "random", "trials": 8, "seed": 3},
        seeds=[1, 2],
        rungs=[{"epochs": 30, "seeds": 2}],
    )
    with submitted(tmp_path) as job:
        until_trained(job, tmp_path, 12)
        assert (tmp_path / ".latent-tune-4711" / "token").stat().st_mode & 0o777 == 0o600
        job.warn()
        assert job.ended() == 75, job.said()
        (tmp_path / "fast").touch()
        assert job.runs == 2
        assert job.ended() == 0, job.said()
        said = job.said()
    assert said.count("2 of 2 nodes in the Ray cluster") == 2
    assert "run 2 of at most 50 on host1 host2" in said
    now, trained = status(tmp_path / "results" / "tiny"), Trained.read(tmp_path / "log")
    assert now["sessions"] == ["interrupted", "finished"]
    assert (len(trained.lines), trained.distinct) == (8 * 30 * 2, 8 * 30 * 2)
    assert (now["seed_epochs_redone"], now["failures"]) == (0, {})
    assert set((tmp_path / "places").read_text().split()) == {"host1", "host2"}
    assert of_job(tmp_path) == []


def test_a_chain_has_an_end(tmp_path: Path) -> None:
    """A job is not queued again for ever: after LATENT_TUNE_RUNS runs it ends, and says so."""
    write_study(tmp_path, fixed={"sleep_s": 0.3})
    with submitted(tmp_path, hosts=("host1",), LATENT_TUNE_RUNS="1") as job:
        until_trained(job, tmp_path, 2)
        job.warn()
        assert job.ended() == 130
        assert "in run 1, the last allowed (LATENT_TUNE_RUNS)" in job.said()
    assert status(tmp_path / "results" / "tiny")["sessions"] == ["interrupted"]


def test_who_forgot_to_ask_for_another_run_is_told(tmp_path: Path) -> None:
    """Without `-Q 75` the study is saved all the same, and the job says what was missing."""
    write_study(tmp_path, fixed={"sleep_s": 0.3})
    with submitted(tmp_path, hosts=("host1",), requeue="") as job:
        until_trained(job, tmp_path, 2)
        job.warn()
        assert job.ended() == 130
        assert "add -Q 75" in job.said()
    assert status(tmp_path / "results" / "tiny")["sessions"] == ["interrupted"]


def test_bkill_is_final(tmp_path: Path) -> None:
    """A job that its user ends is not queued again, leaves nothing behind, and has lost no epoch that was stored."""
    write_study(tmp_path, fixed={"sleep_s": 0.3}, storage={"checkpoints": "every_epoch"})
    with submitted(tmp_path) as job:
        until_trained(job, tmp_path, 6)
        job.bkill()
        assert job.ended() not in (0, 75)
        assert job.runs == 1
    poll(lambda: of_job(tmp_path) == [], "the end of its processes")
    now = status(tmp_path / "results" / "tiny")
    assert now["failures"] == {}
    assert ledger_of(tmp_path / "results" / "tiny").curves().num_rows == now["seed_epochs_spent"]


def test_a_head_that_dies_as_it_starts_is_started_again(tmp_path: Path) -> None:
    """One failed start of Ray costs half a minute, and not another wait in the queue."""
    write_study(tmp_path, fixed={"sleep_s": 0.0})
    with submitted(tmp_path, hosts=("host1",)) as job:
        job.poll(lambda: processes_of_job(tmp_path, "gcs_server") != [], "Ray's first process")
        for process in processes_of_job(tmp_path, "gcs_server"):
            process.kill()
        assert job.ended() == 0, job.said()
        said = job.said()
    assert "attempt 1 of 3" in said
    assert "attempt 2 of 3" not in said
    assert status(tmp_path / "results" / "tiny")["state"] == "finished"
    assert of_job(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "runs", "message"),
    [((), "50", "no study given"), (("study.yaml",), "0", "LATENT_TUNE_RUNS: got '0', allowed is a number from 1")],
    ids=["no study", "no runs"],
)
def test_a_mistake_in_the_job_is_told_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], runs: str, message: str
) -> None:
    """Exit code 2 and one line, and no folder for a token."""
    with Lsf(tmp_path, *arguments, LATENT_TUNE_RUNS=runs) as job:
        assert job.ended() == 2
        assert message in job.said()
    assert of_job(tmp_path) == []


def test_arguments_stay_what_they_are(tmp_path: Path) -> None:
    """No shell reads the study's arguments a second time: spaces, quotes and dollars in them do nothing."""
    folder = tmp_path / "it's $(touch oops) here"
    folder.mkdir()
    write_study(folder)
    with submitted(
        folder, "study.yaml", "--set", "fixed={sleep_s: 0.0}", "--results", "a $b; c", hosts=("host1",)
    ) as job:
        assert job.ended() == 0, job.said()
    assert (folder / "a $b; c" / "tiny" / "report.md").is_file()
    assert not list(tmp_path.rglob("oops"))
