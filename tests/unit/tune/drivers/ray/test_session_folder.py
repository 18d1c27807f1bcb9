"""The folder in which a Ray of our own keeps its sockets: short, private, and gone in the end."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tune.drivers.ray.session_folder import LONGEST, session_folder
from tune.errors import UserMistake


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A short name of an empty folder."""
    monkeypatch.chdir(tmp_path)
    return "."


def fail(place: str) -> None:
    """A study that fails while its Ray runs."""
    with session_folder([place]) as folder:
        (folder / "session").mkdir()
        raise RuntimeError("the study failed")


def test_it_is_private_short_and_gone_in_the_end(place: str) -> None:
    """Only its owner may enter it, its path leaves room for a socket's name, and nothing of it is left."""
    with session_folder([place]) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(str(folder)) <= LONGEST
    with pytest.raises(RuntimeError, match="the study failed"):
        fail(place)
    assert list(Path(place).iterdir()) == []


def test_a_place_that_is_too_long_or_cannot_be_written_is_passed_over(place: str) -> None:
    """The next one is taken."""
    long = Path(place) / ("x" * LONGEST)
    long.mkdir()
    with session_folder([str(long), "/nowhere", place]) as folder:
        assert folder.parent == Path(place)


def test_without_any_place_it_is_said_what_to_do() -> None:
    """It names what was looked at, and how long a path may be."""
    without = session_folder(["/nowhere"])
    with pytest.raises(UserMistake, match=r"and none of /nowhere is one; set TMPDIR to such a folder"):
        without.__enter__()


def test_what_killed_processes_left_goes_and_what_others_use_stays(place: str) -> None:
    """Folders of processes that are gone are removed; of those that live, and of whatever else, none."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    kept = {f"latent-tune-{os.getppid()}-abcdefgh", "latent-tune-root", "latent-tune-x-1", "other"}
    for name in (*kept, f"latent-tune-{gone.pid}-abcdefgh"):
        (Path(place) / name / "logs").mkdir(parents=True)
    with session_folder([place]) as folder:
        assert {path.name for path in Path(place).iterdir()} == {*kept, folder.name}
