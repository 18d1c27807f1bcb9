"""A disk that is full, read-only or gone: the study pauses or stops in words, and goes on as if nothing had been."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.command import Said, Trained, decided, here, latent_tune, ledger_of, status, write_study
from tests.behaviour.test_interruption import command_of
from tests.fakes.disk import SmallDisk

CHANGES: dict[str, Any] = {
    "trainer": "tests.fakes.trainers:Unlucky",
    "fixed": {},
    "storage": {"checkpoints": "every_epoch", "min_free": 0},
}
SEED_EPOCHS = 46


@dataclass(frozen=True)
class Place:
    """Where one study is: its file and its trainer's log beside the disk, its folder on it."""

    cwd: Path
    disk: SmallDisk

    @property
    def folder(self) -> Path:
        return self.disk.path / "tiny"

    @property
    def log(self) -> Path:
        return self.cwd / "log"

    def run(self, what: str = "", after: float = -1, *arguments: str) -> Said:
        """Runs the study; after so many seed-epochs something happens to the disk."""
        given = ("--results", str(self.disk.path), *(arguments or ("--driver", "inline")))
        self.log.touch()
        unlucky = {"UNLUCKY": f"{after}|{self.disk.path}|{what}", "QUADRATIC_LOG": str(self.log)}
        call = latent_tune if "ray" in given else here
        if call is here:
            return here("run", self.cwd / "study.yaml", *given, **unlucky)
        return latent_tune(self.cwd, "run", "study.yaml", *given, **unlucky)

    def resume(self, said: Said) -> Said:
        """Runs the command that a pause printed, without Ray."""
        return here(*command_of(said), "--driver", "inline", QUADRATIC_LOG=str(self.log))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as nothing disturbed it."""
    cwd = tmp_path_factory.mktemp("whole")
    write_study(cwd, **CHANGES)
    (cwd / "log").touch()
    said = here("run", cwd / "study.yaml", "--results", cwd, "--driver", "inline", QUADRATIC_LOG=str(cwd / "log"))
    assert said.code == 0, said.err
    assert len(Trained.read(cwd / "log").lines) == SEED_EPOCHS
    return cwd / "tiny"


@pytest.fixture
def place(tmp_path: Path, disk: SmallDisk) -> Place:
    """The study's file, and a disk for its folder."""
    write_study(tmp_path, **CHANGES)
    return Place(tmp_path, disk)


def check_paused(place: Place, said: Said) -> None:
    """It says what is wrong and how to go on; so does the status; no trial died of it."""
    assert said.code == 1, said.err
    assert "Traceback" not in said.out + said.err
    assert f"{place.folder}: paused, because the disk is full" in said.err
    assert "make space (what can be deleted: tensorboard/" in said.err
    now = status(place.folder)
    assert (now["state"], now["failures"]) == ("interrupted", {})
    assert "paused, because the disk is full" in now["reason"]
    assert not list(place.folder.rglob(".*.tmp*"))


def check_same(place: Place, whole: Path) -> None:
    """Decisions and curves are those of the study that nothing disturbed, and no trial died."""
    one, other = ledger_of(whole), ledger_of(place.folder)
    assert decided(other) == decided(one)
    assert other.curves().equals(one.curves())
    assert [session.ended for session in other.sessions] == ["interrupted", "finished"]


@pytest.mark.parametrize("after", [1, 6, 19, 40, SEED_EPOCHS])
@pytest.mark.parametrize("leave", [0, 4096, 20_480, 65_536])
def test_a_full_disk_pauses_and_nothing_is_lost(place: Place, whole: Path, after: int, leave: int) -> None:
    """Full in the middle of an epoch, whichever file is the first that does not fit: the answer is the same."""
    said = place.run(str(leave), after)
    if said.code:
        check_paused(place, said)
        place.disk.free()
        again = place.resume(said)
        assert again.code == 0, again.err
        check_same(place, whole)
        assert Trained.read(place.log).repeated <= 6
    else:  # so little was left to write that it fitted
        assert after == SEED_EPOCHS or leave >= 20_480
        assert decided(ledger_of(place.folder)) == decided(ledger_of(whole))


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def test_little_space_pauses_before_new_work(tmp_path: Path, disk: SmallDisk, whole: Path, driver: str) -> None:
    """Below `storage.min_free` nothing new begins, what is in flight is saved, and not one epoch is trained twice."""
    write_study(tmp_path, **{**CHANGES, "storage": {**CHANGES["storage"], "min_free": "8MB"}})
    place = Place(tmp_path, disk)
    said = place.run("6000000", 12, "--driver", driver)
    check_paused(place, said)
    assert "8 MB needed to go on (storage.min_free)" in said.err
    refused = place.resume(said)
    assert refused.code == 2
    assert "storage.min_free asks for 8 MB" in refused.err
    place.disk.free()
    again = place.resume(said)
    assert again.code == 0, again.err
    if driver == "inline":  # with more slots than one the decisions come in another order
        check_same(place, whole)
    assert Trained.read(place.log).repeated == 0
    assert status(place.folder)["seed_epochs_redone"] == 0


@pytest.mark.slow
@pytest.mark.cluster
def test_a_full_disk_pauses_on_ray(place: Place) -> None:
    """A checkpoint that an actor cannot write is no death of its trial, there too."""
    said = place.run("0", 12, "--driver", "ray")
    check_paused(place, said)
    place.disk.free()
    again = place.resume(said)
    assert again.code == 0, again.err
    assert sum(status(place.folder)["trials"][state] for state in ("confirmed", "stopped")) == 6


def test_too_little_space_is_refused_before_anything_is_written(tmp_path: Path, disk: SmallDisk) -> None:
    """A study that asks for more than there is does not begin, and leaves no folder."""
    write_study(tmp_path, **{**CHANGES, "storage": {"min_free": "1GB"}})
    said = Place(tmp_path, disk).run()
    assert said.code == 2
    assert "storage.min_free asks for 1 GB; make space" in said.err
    assert list(disk.path.iterdir()) == []


def test_a_disk_that_is_full_from_the_start(place: Place) -> None:
    """Where not even the study's database fits, that is said, and nothing half made is in the way later."""
    place.disk.fill(100_000)
    said = place.run()
    assert said.code in (1, 2)
    assert "full" in said.err
    assert "Traceback" not in said.out + said.err
    place.disk.free()
    again = place.run()
    assert again.code == 0, again.err


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def test_a_folder_that_is_deleted_stops_the_study(place: Place, driver: str) -> None:
    """`rm -rf` while it is worked on: one message, and the folder does not come back by itself."""
    said = place.run("rm", 12, "--driver", driver)
    assert said.code == 1
    assert f"{place.folder}: the folder was moved or deleted while it was worked on" in said.err
    assert "Traceback" not in said.out + said.err
    assert not place.folder.exists()


def test_a_read_only_disk_is_refused(place: Place) -> None:
    """Neither a new study nor one that is there can be worked on; one can still look at it."""
    said = place.run("0", 12)
    place.disk.free()
    place.disk.remount("ro")
    try:
        assert status(place.folder)["state"] == "interrupted"
        refused = [place.resume(said), here("run", place.cwd / "study.yaml", "--results", place.disk.path / "other")]
        for one in refused:
            assert one.code == 2
            assert "the results folder cannot be written: Read-only file system" in one.err
    finally:
        place.disk.remount("rw")
    assert place.resume(said).code == 0


@pytest.mark.parametrize(
    "name",
    ["curves", "checkpoints", "tensorboard", "figures", "latent-tune.log", "report.md", "report.html", "study.db"],
)
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, name: str) -> None:
    """What lies where the study keeps something of another kind is named, and left alone."""
    write_study(tmp_path, **CHANGES)
    there = tmp_path / "tiny" / name
    if "." in name:
        there.mkdir(parents=True)
    else:
        there.parent.mkdir()
        there.touch()
    said = here("run", tmp_path / "study.yaml", "--results", tmp_path, "--driver", "inline")
    assert said.code == 2
    assert f"{there}: a {'folder' if '.' in name else 'file'} lies where the study keeps its" in said.err
    assert there.exists()
    there.rmdir() if there.is_dir() else there.unlink()
    log = tmp_path / "log"
    log.touch()
    arguments = ("run", tmp_path / "study.yaml", "--results", tmp_path, "--driver", "inline")
    assert here(*arguments, QUADRATIC_LOG=str(log)).code == 0


def test_one_training_pauses_as_well(place: Place, whole: Path) -> None:
    """`latent-tune train` says it in the same words, and continues to the same curves."""
    best = place.cwd / "best.yaml"
    shutil.copy(whole / "best.yaml", best)
    arguments = ("train", best, "--results", place.disk.path)
    place.log.touch()
    folder = place.disk.path / yaml.safe_load(best.read_text())["name"]
    said = here(*arguments, UNLUCKY=f"7|{place.disk.path}|0", QUADRATIC_LOG=str(place.log))
    assert said.code == 1
    assert f"{folder}: paused, because the disk is full" in said.err
    assert said.last_line == f"continue with: latent-tune train {best}"
    place.disk.free()
    again = here(*arguments, QUADRATIC_LOG=str(place.log))
    assert again.code == 0, again.err
    fresh = here("train", best, "--results", place.cwd / "fresh", QUADRATIC_LOG=str(place.log))
    assert fresh.code == 0
    assert (folder / "metrics.json").read_text() == (place.cwd / "fresh" / folder.name / "metrics.json").read_text()
