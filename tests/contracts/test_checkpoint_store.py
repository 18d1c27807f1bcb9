"""What checkpoints need of where they lie, one suite for a disk and an object store."""

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch

from tests.fakes.damage import notes
from tests.fakes.object_store import ObjectStore
from tune.errors import DamagedCheckpoint, StudyStopped
from tune.ledger.checkpoints.adoption import adopt, collect_orphans
from tune.ledger.checkpoints.store import CheckpointStore, UnreportedEpoch
from tune.ledger.storage.folders import Folder, folder_at
from tune.study.places import inside


@pytest.fixture(params=["disk", "object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place."""
    if request.param == "disk":
        (tmp_path / "study" / "checkpoints").mkdir(parents=True)
        return str(tmp_path / "study" / "checkpoints")
    store: ObjectStore = request.getfixturevalue("object_store")
    return store.uri(f"{store.bucket()}/study/checkpoints")


@pytest.fixture
def folder(place: str) -> Folder:
    return folder_at(place)


@pytest.fixture
def store(folder: Folder) -> CheckpointStore:
    return CheckpointStore(folder)


def content_of(folder: Folder, name: str) -> bytes:
    with folder.open(name) as file:
        return file.read()


def put(folder: Folder, name: str, content: bytes) -> None:
    folder.write(name, lambda file: file.write(content))


def test_what_is_written_is_there_whole(folder: Folder) -> None:
    """Files are found by name with their sizes, replaced by others, and gone when they are removed, twice even."""
    put(folder, "3/a", b"x" * 6_000_000)
    put(folder, "3/b", b"old")
    put(folder, "3/b", b"new!")
    assert folder.files() == folder.files("3") == {"3/a": 6_000_000, "3/b": 4}
    assert folder.folders() == ["3"]
    assert content_of(folder, "3/b") == b"new!"
    folder.remove(["3/a", "3/a"])
    folder.remove_empty("3")
    assert folder.files() == {"3/b": 4}
    folder.remove(["3/b"])
    for _ in range(2):
        folder.remove_empty("3")
    assert (folder.files(), folder.folders()) == ({}, [])
    with pytest.raises(FileNotFoundError):
        content_of(folder, "3/b")


def test_a_write_that_fails_leaves_nothing(folder: Folder) -> None:
    """What raises while it writes has written nothing, and takes nothing away."""

    def fail(file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise ValueError("no more")

    put(folder, "0/b", b"old")
    for name in ("0/a", "0/b"):
        with pytest.raises(ValueError, match="no more"):
            folder.write(name, fail)
    assert folder.files() == {"0/b": 3}


def test_checkpoints_are_saved_loaded_pruned_and_removed(store: CheckpointStore) -> None:
    """A state comes back as it was; earlier ones go when they are not needed; the last takes the folder with it."""
    for epoch in (2, 4):
        told = [UnreportedEpoch(epoch, {"loss": [0.5, 0.6]}, 1.0, "none", {"loss": 1.0})]
        store.save(3, epoch, {1: {"weights": torch.arange(50.0)}, 12: {"weights": torch.ones(2)}}, told)
    assert store.epochs(3) == {1: [2, 4], 12: [2, 4]}
    assert store.trials() == [3]
    assert store.usage().files == 4
    assert torch.equal(store.load(3, 4, [1])[1]["weights"], torch.arange(50.0))
    store.prune(3, {1: 4})
    assert store.epochs(3) == {1: [4], 12: [2, 4]}
    assert [(seeds, one.epoch, one.metrics) for seeds, one in store.take_unreported(3)] == []
    store.remove(3, keep=[12])
    assert store.epochs(3) == {12: [2, 4]}
    store.remove(3)
    assert store.trials() == []
    store.remove(3)


def test_what_was_told_is_taken_once(store: CheckpointStore) -> None:
    """What a trainer left beside its checkpoint is read in order of its epochs, and a damaged one is left out."""
    for epoch in (4, 2, 3):
        store.save(0, epoch, {1: {}}, [UnreportedEpoch(epoch, {"loss": [0.5]}, 1.0, "none", {"loss": 1.0})])
    name = "0/told-1-epoch-000003.json"
    put(store.folder, name, content_of(store.folder, name).replace(b"0.5", b"0.4"))
    assert [one.epoch for _, one in store.take_unreported(0)] == [2, 4]
    assert list(store.take_unreported(0)) == []


def flipped(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]


def packed(content: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as there, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in there.namelist():
            archive.writestr(name, there.read(name))
    return out.getvalue()


@pytest.mark.parametrize("harm", [flipped, packed, lambda content: content[:-1], lambda _: b""])
def test_what_is_damaged_is_set_aside(store: CheckpointStore, harm: Callable[[bytes], bytes]) -> None:
    """It is never loaded, the one before counts, and it is kept beside with a line in the log."""
    for epoch in (2, 4):
        store.save(0, epoch, {1: {"weights": torch.arange(200.0)}})
    name = "0/seed-1-epoch-000004.pt"
    harmed = harm(content_of(store.folder, name))
    put(store.folder, name, harmed)
    with pytest.raises(DamagedCheckpoint, match=r"seed-1-epoch-000004\.pt"):
        store.load(0, 4, [1])
    with notes() as said:
        assert adopt(store, 0, "m:T", {"x": 1}) == {1: [2]}
    beside = beside_of(store.folder)
    assert content_of(beside, "checkpoints-0-seed-1-epoch-000004.pt.1") == harmed
    assert any("cannot be used" in line and "damaged/checkpoints-0-seed" in line for line in said)


def beside_of(folder: Folder) -> Folder:
    base, question, options = folder.place.partition("?")
    return folder_at(inside(base.rpartition("/")[0], "damaged") + question + options)


def test_checkpoints_of_others_are_set_aside(store: CheckpointStore) -> None:
    """Those of another configuration, and those of trials that there are not; two of one name are both kept."""
    for _ in range(2):
        store.save(0, 1, {1: {}, 2: {}})
        put(store.folder, "0/configuration.json", b'{"trainer": "other", "configuration": {}}')
        assert adopt(store, 0, "m:T", {"x": 1}) == {}
        store.remove(0)
    store.save(7, 1, {1: {}})
    collect_orphans(Path("no-such-folder"), store, 1)
    assert store.trials() == []
    names = {name for name in beside_of(store.folder).files() if name.endswith(".pt")}
    home = {f"checkpoints-0.{n}/seed-{seed}-epoch-000001.pt" for n in (1, 2) for seed in (1, 2)}
    assert names == {*home, "checkpoints-7.1/seed-1-epoch-000001.pt"}


def test_what_a_trial_trains_lies_beside(store: CheckpointStore) -> None:
    """It is written when a trial is looked at for the first time, and then compared."""
    assert adopt(store, 0, "m:T", {"x": 1}) == {}
    store.save(0, 1, {1: {}})
    assert adopt(store, 0, "m:T", {"x": 1}) == {1: [1]}
    assert json.loads(content_of(store.folder, "0/configuration.json")) == {
        "trainer": "m:T",
        "configuration": {"x": 1},
    }


def test_another_folder_of_the_name_is_noticed(store: CheckpointStore) -> None:
    """A machine that sees no study there, or another one, is told apart from one that sees it."""
    with pytest.raises(StudyStopped, match=r"node a does not see the study's checkpoints in .*: none is there"):
        store.refuse_other("0" * 32, "node a")
    word = store.mark()
    store.refuse_other(word, "node a")
    assert store.mark() == word
    with pytest.raises(StudyStopped, match="another folder of that name is there"):
        store.refuse_other("0" * 32, "node a")
