"""Actors that are killed or fall silent, for real."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import latent_tune, ledger_of, status, write_study
from tests.fakes.studies import quadratic_study
from tune.drivers.job import Job
from tune.drivers.ray.actor_process import ActorProcess
from tune.drivers.ray.watch import death_of
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.trainer import load_trainer

pytestmark = pytest.mark.cluster


def driven(tmp_path: Path, trainer: str, recording: dict[str, Any], **changes: Any) -> Ledger:
    """A study of two trials, worked on to its end by Ray; once something goes wrong with one of them."""
    from tune.drivers.ray.driver import drive

    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "0").touch()
    study = quadratic_study(
        trainer=f"tests.fakes.trainers:{trainer}",
        search={"trials": 2},
        recording={**recording, "marks": str(tmp_path / "marks")},
        rungs=[{"epochs": 3, "seeds": 2}],
        **changes,
    )
    ledger = Ledger.open(study, tmp_path / "q", clock=lambda: 0.0)
    optimizer = Optimizer(ledger, ledger.elapsed_s)
    drive(Job(optimizer, study.recording, load_trainer(study.trainer)))
    optimizer.finish()
    ledger.close("finished")
    return ledger


@pytest.mark.usefixtures("ray_local")
def test_a_killed_actor_is_lost_and_no_retry(tmp_path: Path) -> None:
    """A process that is killed costs its trial nothing but what is trained again, not even where retries are none."""
    ledger = driven(tmp_path, "Signalled", {"signal": signal.SIGKILL}, resources={"retries": 0})
    (attempt,) = [attempt for trial in ledger.trials for attempt in trial.attempts]
    assert (attempt.kind, attempt.cause) == ("lost", "the trainer's process vanished without a word")
    assert "Worker exit type" in Path(attempt.log).read_text()
    assert all(trial.confirmed for trial in ledger.trials)


@pytest.mark.usefixtures("ray_local")
def test_a_signal_of_the_trainers_own_is_a_crash(tmp_path: Path) -> None:
    """A segmentation fault is told as one, and counts as a retry: it is no machine's doing."""
    ledger = driven(tmp_path, "Signalled", {"signal": signal.SIGSEGV})
    (attempt,) = [attempt for trial in ledger.trials for attempt in trial.attempts]
    said = "a signal killed the trainer's process: Segmentation fault"
    assert (attempt.kind, attempt.cause) == ("crashed", said)
    assert all(trial.confirmed for trial in ledger.trials)


@pytest.mark.usefixtures("ray_local")
@pytest.mark.parametrize(
    ("trainer", "recording", "said"),
    [
        ("Stuck", {"sleep_s": 600}, "trainers.py"),
        ("Signalled", {"signal": signal.SIGSTOP}, "the process gave none within"),
    ],
)
def test_a_stalled_actor_is_ended_and_its_trial_goes_on(
    tmp_path: Path, trainer: str, recording: dict[str, Any], said: str
) -> None:
    """The driver notices by itself, has the stacks written where the process still can, and kills it."""
    ledger = driven(tmp_path, trainer, recording, resources={"retries": 3, "stall_after": 5, "stall_factor": 1})
    stalled = [one for trial in ledger.trials for one in trial.attempts if one.kind == "stalled"]
    assert stalled
    assert "no report for" in stalled[0].cause
    assert said in "".join(Path(one.log).read_text() for one in stalled)
    assert all(trial.confirmed for trial in ledger.trials)


def test_what_rays_memory_monitor_kills_was_out_of_memory(tmp_path: Path) -> None:
    """It kills whatever it finds: fewer seeds, then alone, then the trial fails, and the study ends in order."""
    write_study(tmp_path, search={"trials": 1}, fixed={"sleep_s": 1.0})
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", "ray", RAY_memory_usage_threshold="0.0001")
    assert said.code == 1, said.err
    assert "no trial came to a result, 1 of 1 died" in said.err
    (trial,) = ledger_of(tmp_path / "results" / "tiny").trials
    assert [(one.kind, len(one.seeds)) for one in trial.attempts] == [("out_of_memory", seeds) for seeds in (2, 1, 1)]
    assert status(tmp_path / "results" / "tiny")["failure_classes"]["out_of_memory"] == {"attempts": 3, "trials": 1}


PLACE = ActorProcess("node", 7, 0.0, oom_kills=3)


@pytest.mark.parametrize(
    ("text", "place", "killed", "expected"),
    [
        ("The actor died\nWorker exit detail: killed by the OOM killer, or SIGSEGV", PLACE, 3, "lost"),
        ("The actor died\nWorker exit detail: killed by the OOM killer, or SIGSEGV", PLACE, 4, "out_of_memory"),
        ("The actor is dead because its node has died.", None, 0, "lost"),
        ("OutOfMemoryError: 1 worker(s) were killed due to the node running low on memory.", PLACE, 3, "out_of_memory"),
        ("ray::UnitTrainable.save()\n  File x\nOSError: no space left", PLACE, 3, "crashed"),
        ("ray::UnitTrainable.save()\n  File x\ntorch.OutOfMemoryError: CUDA out of memory", PLACE, 3, "out_of_memory"),
        ("", None, 0, "lost"),
    ],
)
def test_what_ray_says_is_classed(text: str, place: ActorProcess | None, killed: int, expected: str) -> None:
    """Ray's guess that the kernel may have killed for memory is in every such message; the kernel's count decides."""
    assert death_of(text, place, killed).kind == expected
