"""cluster/slurm.sh under a real Slurm: one Ray cluster per job, and a study that outlives its job's time limit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.behaviour.command import ROOT, Trained, ledger_of, status, text_of, write_study
from tests.fakes.batch import SCRIPT, of_job, program_path, written_trainer
from tests.fakes.slurm import Slurm, why_not

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

QUEUED = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED")
LIMIT_S = 420


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """Two nodes with two cores each; the tests skip where Slurm cannot run."""
    if reason := why_not():
        pytest.skip(reason)
    with TemporaryDirectory(prefix="lt-slurm-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        with Slurm(Path(place)) as running:
            yield running


class Job:
    """A study submitted with `sbatch cluster/slurm.sh` from a folder of its own.

    Args:
        slurm: Where.
        cwd: The folder, with `study.yaml` in it.
        options: Of sbatch.
    """

    def __init__(self, slurm: Slurm, cwd: Path, *options: str) -> None:
        self._slurm, self.cwd = slurm, cwd
        self.number = slurm.submit(
            "--nodes=2", "--cpus-per-task=2", *options, str(SCRIPT / "slurm.sh"), "study.yaml",
            cwd=cwd, PATH=program_path(), PYTHONPATH=str(ROOT),
            QUADRATIC_LOG=str(cwd / "log"), RAY_AUTH_TOKEN="of the shell",  # noqa: S106 - and not of the cluster
        )  # fmt: skip

    @property
    def state(self) -> str:
        return self._slurm.job(self.number)["JobState"]

    def said(self) -> str:
        """Its log so far."""
        return text_of(self.cwd / f"latent-tune-{self.number}.log")

    def until_trained(self, seed_epochs: int) -> None:
        """Waits until so many seed-epochs have been trained."""
        self.poll(lambda: len(Trained.read(self.cwd / "log").lines) >= seed_epochs, f"{seed_epochs} seed-epochs")

    def ended(self) -> tuple[str, str]:
        """Waits for its end; returns its state and its exit code."""
        self.poll(lambda: False, "its end")
        return self.state, self._slurm.job(self.number)["ExitCode"]

    def poll(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for a condition, or until the job is no longer queued or running."""
        try:
            self._slurm.poll(lambda: condition() or self.state not in QUEUED, what, LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\nthe job said:\n{self.said()}") from None


def test_a_study_outlives_the_time_limit_of_its_job(slurm: Slurm, tmp_path: Path) -> None:
    """Before its time is up the study is saved and the job queued again; it goes on and loses nothing."""
    written_trainer(tmp_path)
    write_study(
        tmp_path,
        trainer="placed:Placed",
        fixed={},
        search={"method": "random", "trials": 8, "seed": 3},
        seeds=[1, 2],
        rungs=[{"epochs": 120, "seeds": 2}],
    )
    # Slurm looks at limits twice a minute, and warns up to a minute early: after two minutes of the three.
    job = Job(slurm, tmp_path, "--time=3", "--signal=B:USR1@10")
    job.poll(lambda: "2 of 2 nodes in the Ray cluster" in job.said(), "two nodes")
    job.poll(lambda: "queued again" in job.said(), "the end of its time")
    (tmp_path / "fast").touch()
    assert job.ended() == ("COMPLETED", "0:0"), job.said()
    said = job.said()
    assert "run 1 of at most 50" in said
    assert "its time is up; it is queued again" in said
    assert "run 2 of at most 50" in said
    assert "SIGTERM: saving the trials in flight" in said
    now, trained = status(tmp_path / "results" / "tiny"), Trained.read(tmp_path / "log")
    assert now["sessions"] == ["interrupted", "finished"]
    assert (len(trained.lines), trained.distinct) == (8 * 120 * 2, 8 * 120 * 2)
    assert now["seed_epochs_redone"] == 0
    assert now["failures"] == {}
    assert set((tmp_path / "places").read_text().split()) == {"node1", "node2"}
    assert of_job(tmp_path) == []


def test_a_cancelled_job_leaves_nothing_behind(slurm: Slurm, tmp_path: Path) -> None:
    """`scancel` ends the study and all of Ray, and the job is not queued again; a job for the same study goes on."""
    written_trainer(tmp_path)
    write_study(tmp_path, trainer="placed:Placed", fixed={}, storage={"checkpoints": "every_epoch"})
    job = Job(slurm, tmp_path)
    job.until_trained(6)
    token = tmp_path / f".latent-tune-{job.number}" / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    slurm.said("scancel", job.number)
    assert job.ended()[0] == "CANCELLED"
    assert "queued again" not in job.said()
    slurm.poll(lambda: of_job(tmp_path) == [], "the end of its processes")
    (tmp_path / "fast").touch()
    again = Job(slurm, tmp_path, "--nodes=1")
    assert again.ended() == ("COMPLETED", "0:0"), again.said()
    now = status(tmp_path / "results" / "tiny")
    assert (now["state"], now["failures"]) == ("finished", {})
    assert ledger_of(tmp_path / "results" / "tiny").curves().num_rows == now["seed_epochs_spent"]


def test_the_users_mistake_is_not_tried_again(slurm: Slurm, tmp_path: Path) -> None:
    """A study that cannot be read fails the job with exit code 2 and one message, in its first run."""
    write_study(tmp_path, space={"x": {"uniform": [1, 0]}})
    job = Job(slurm, tmp_path, "--nodes=1")
    assert job.ended() == ("FAILED", "2:0")
    assert "space.x" in job.said()
    assert "run 2" not in job.said()
    assert not list(tmp_path.glob(".latent-tune-*"))
