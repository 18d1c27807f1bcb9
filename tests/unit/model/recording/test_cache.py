import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.recording.cache import cache_folder, find_or_build
from model.recording.mistakes import RecordingError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recordings"


class Builder:
    """Writes one small file and counts how often it was asked to."""

    def __init__(self, text: str = "content") -> None:
        self.calls = 0
        self.text = text

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "data.npy").write_text(self.text)


def test_an_entry_is_built_once_and_found_again(home: Path) -> None:
    """The second request for a key builds nothing, and nothing but entries and locks stays behind."""
    build = Builder()
    first, second = (find_or_build({"a": 1}, build, 10) for _ in range(2))
    assert first == second
    assert build.calls == 1
    assert {path.suffix for path in home.iterdir()} == {"", ".lock"}


def test_the_order_of_keys_does_not_matter() -> None:
    """Equal content has one entry, other content another."""
    build = Builder()
    same = {find_or_build(key, build, 10) for key in ({"a": 1, "b": 2}, {"b": 2, "a": 1})}
    assert len(same) == 1
    assert find_or_build({"a": 2, "b": 2}, build, 10) not in same


def damage_content(entry: Path) -> None:
    (entry / "data.npy").write_text("CONTENT")


def truncate(entry: Path) -> None:
    (entry / "data.npy").write_text("con")


def lose_file(entry: Path) -> None:
    (entry / "data.npy").unlink()


def damage_sidecar(entry: Path) -> None:
    (entry / "entry.json").write_text("{")


def empty_sidecar(entry: Path) -> None:
    (entry / "entry.json").write_text(json.dumps({"files": {}}))


@pytest.mark.parametrize("damage", [damage_content, truncate, lose_file, damage_sidecar, empty_sidecar])
def test_a_damaged_entry_is_made_again(damage: Callable[[Path], None], home: Path) -> None:
    """Whatever happened to an entry's files, the next request ends with a whole one and no debris."""
    build = Builder()
    entry = find_or_build({"a": 1}, build, 10)
    damage(entry)
    assert (find_or_build({"a": 1}, build, 10) / "data.npy").read_text() == "content"
    assert build.calls == 2
    assert len(list(home.iterdir())) == 2


def test_what_a_killed_process_left_is_removed(home: Path) -> None:
    """An unfinished folder of the same key goes when the key is next built."""
    entry = find_or_build({"a": 1}, Builder(), 10)
    (home / f"{entry.name}.abc.tmp").mkdir()
    lose_file(entry)
    find_or_build({"a": 1}, Builder(), 10)
    assert not list(home.glob("*.tmp"))


def test_a_failed_build_leaves_nothing(home: Path) -> None:
    """If building fails its error comes through, and there is no half entry."""

    def build(folder: Path) -> None:
        (folder / "data.npy").write_text("half")
        raise RecordingError("no luck")

    with pytest.raises(RecordingError, match=r"^no luck$"):
        find_or_build({"a": 1}, build, 10)
    assert [path.suffix for path in home.iterdir()] == [".lock"]


def test_too_little_room_is_said_before_anything_is_written() -> None:
    """A recording larger than the free disk is refused at once, with the variable that moves the cache."""
    build = Builder()
    with pytest.raises(RecordingError, match=r"MiB free and 1099511627776 MiB are needed; .* LATENT_TUNE_CACHE"):
        find_or_build({"a": 1}, build, 2**60)
    assert build.calls == 0


def test_an_unwritable_cache_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that cannot be made is named, with its reason and the way out."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(RecordingError) as caught:
        find_or_build({"a": 1}, Builder(), 10)
    assert str(caught.value) == (
        f"recording: the cache {tmp_path}/file/recordings cannot be written (Not a directory);"
        " set LATENT_TUNE_CACHE to a folder that can"
    )


def test_the_cache_is_the_users_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, recordings go where the user's desktop keeps caches, by default ~/.cache."""
    monkeypatch.delenv("LATENT_TUNE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/me")
    assert cache_folder() == Path("/scratch/me/latent-tune/recordings")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/latent-tune/recordings"


def test_two_processes_at_once_both_end_with_a_good_recording() -> None:
    """Simulating the same recording in two processes at the same time gives both the same whole files."""
    program = (
        "import numpy as np; from model.recording.flyvis import *; folder = simulated(Simulation(steps=3000));"
        "print(folder, np.load(folder / 'voltages.npy').sum())"
    )
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert np.load(said[0][0] + "/voltages.npy").shape == (3_000, 443)
