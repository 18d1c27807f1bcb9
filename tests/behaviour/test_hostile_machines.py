"""Machines that take something away: what cannot be is said at once and of the right thing, and every end comes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.behaviour.command import DEADLINE_S, ROOT, Said, here, latent_tune, status, write_study

COMMAND = f"exec {sys.executable} -m tune.cli"


def under(cwd: Path, before: str, *arguments: str, out: str = "") -> Said:
    """Runs a command in a shell that has taken something away."""
    script = f"{before}; {COMMAND} {' '.join(arguments)} {out}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("driver", "blocks", "needs"),
    [
        ("inline", 100, "a study needs 8.39 MB"),
        ("ray", 20_000, "or do without Ray and its object store (--driver inline)"),
    ],
)
def test_small_files_are_told_before_anything_starts(tmp_path: Path, driver: str, blocks: int, needs: str) -> None:
    """A limit that no study can live with is named, and not a disk or a database that would be damaged."""
    write_study(tmp_path, fixed={})
    said = under(tmp_path, f"ulimit -f {blocks}", "run", "study.yaml", "--driver", driver)
    assert said.code == 2
    assert "no file of this process may be larger than" in said.err
    assert needs in said.err
    assert not (tmp_path / "results").exists()


def test_a_limit_that_may_be_lifted_is(tmp_path: Path) -> None:
    """A soft limit alone stops nothing."""
    write_study(tmp_path, fixed={}, search={"trials": 1})
    said = under(tmp_path, "ulimit -S -f 100", "run", "study.yaml", "--driver", "inline")
    assert said.code == 0, said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_not_taken_for_the_studys_disk(tmp_path: Path) -> None:
    """It is named by every command; what was trained stays, and quiet it goes on."""
    write_study(tmp_path, fixed={}, search={"trials": 2})
    said = under(tmp_path, "true", "run", "study.yaml", "--driver", "inline", out=">/dev/full")
    assert said.code == 1
    assert "standard output cannot be written (No space left on device)" in said.err
    assert "make space" not in said.err
    folder = tmp_path / "results" / "tiny"
    assert here("resume", folder, "--driver", "inline", "--quiet", cwd=tmp_path).code == 0
    for command in (("status", "results/tiny"), ("status", "results/tiny", "--json"), ("list",)):
        said = under(tmp_path, "true", *command, out=">/dev/full")
        assert (said.code, "standard output cannot be written: No space left on device" in said.err) == (1, True)
        assert len(said.err.splitlines()) == 1


@pytest.mark.cluster
def test_without_loopback_ray_says_so(tmp_path: Path) -> None:
    """Where nothing answers at 127.0.0.1 a start would wait for ever; inline needs no network."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-n", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace may be made here")
    write_study(tmp_path, fixed={}, search={"trials": 1})
    command = ["unshare", "-n", sys.executable, "-m", "tune.cli", "run", "study.yaml"]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for driver, code in (("ray", 2), ("inline", 0)):
        done = subprocess.run(
            [*command, "--driver", driver],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert ("127.0.0.1, which cannot be reached" in done.stderr) == (driver == "ray")


HUNG = """
import signal

import psutil

from tests.fakes.studies import quadratic_study
from tune.drivers.ray import connection

connection.END_S = 2.0
with connection.cluster(quadratic_study()):
    (raylet,) = [child for child in psutil.Process().children() if child.name().startswith("raylet")]
    raylet.send_signal(signal.SIGSTOP)
print("ended", flush=True)
"""


@pytest.mark.cluster
def test_a_ray_that_answers_no_more_is_ended(tmp_path: Path) -> None:
    """Its processes are killed when it has had its time, so that no command hangs after its answer."""
    script = tmp_path / "hung.py"
    script.write_text(HUNG)
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ended" in done.stdout


def test_the_status_of_a_study_is_not_changed_by_looking(tmp_path: Path) -> None:
    """A command whose output fails leaves the study as it stood."""
    write_study(tmp_path, fixed={}, search={"trials": 1})
    assert latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline").code == 0
    before = status(tmp_path / "results" / "tiny")
    under(tmp_path, "true", "status", "results/tiny", out=">/dev/full")
    assert status(tmp_path / "results" / "tiny") == before
