"""Which arrays of a recording can be mapped where their file lies, and what a node has in its place."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tune.drivers.ray.recording import MappedFile, _refuse_other_files, look, mapped_file, split_files, whole
from tune.errors import UserMistake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.arange(12, dtype=np.float32).reshape(3, 4))
    return tmp_path / "x.npy"


def test_a_mapped_array_is_known_by_its_file(path: Path) -> None:
    """A map of a whole file is found again as it is, read-only, whether it is a memmap or a plain view of one."""
    mapped = np.load(path, mmap_mode="r")
    for array in (mapped, np.asarray(mapped)):
        file = mapped_file(array)
        assert file is not None
        assert (file.path, file.size) == (str(path), path.stat().st_size)
        np.testing.assert_array_equal(file.array(), mapped)
        assert not file.array().flags.writeable


@pytest.mark.parametrize("part", [np.s_[1:], np.s_[:2], np.s_[:, 1:], np.s_[::-1]])
def test_a_part_of_a_map_travels_as_it_is(path: Path, part: object) -> None:
    """Only what maps a file from its head to its end is known by the file."""
    assert mapped_file(np.load(path, mmap_mode="r")[part]) is None


@pytest.mark.parametrize("value", [np.ones((2, 2)), None, "text", [1.0], np.array(["a", None], dtype=object)])
def test_what_maps_no_file_travels_as_it_is(value: object) -> None:
    """Arrays in memory, and what is no array."""
    assert mapped_file(value) is None


def test_columns_first_stay_so(tmp_path: Path) -> None:
    """An array in Fortran order is mapped in that order."""
    np.save(tmp_path / "f.npy", np.asfortranarray(np.arange(12.0).reshape(3, 4)))
    file = mapped_file(np.load(tmp_path / "f.npy", mmap_mode="r"))
    assert file is not None
    assert file.order == "F"
    np.testing.assert_array_equal(file.array(), np.arange(12.0).reshape(3, 4))


def test_a_file_is_the_same_by_its_content(path: Path, tmp_path: Path) -> None:
    """Not by its name, size or time: one flipped bit makes it another."""
    from tune.drivers.ray.recording import _digest

    file = mapped_file(np.load(path, mmap_mode="r"))
    assert file is not None
    known = replace(file, sha256=_digest(path))

    def seen(one: MappedFile) -> str:
        return look({("voltages",): asdict(one)})["voltages",]

    assert seen(known) == "same"
    assert seen(replace(known, path=str(tmp_path / "gone.npy"))) == "missing"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert seen(known) == "other"


def test_arrays_in_nested_mappings_are_found_and_put_back(path: Path) -> None:
    """Recordings in a recording travel as files too; whatever is no array that maps one stays where it is."""
    mapped, small = np.load(path, mmap_mode="r"), np.ones(3)
    recording = {"voltages": mapped, "others": {"x/y": {"voltages": mapped, "split": {"test": [1, 2]}, "small": small}}}
    plain, files = split_files(recording)
    assert plain == {"others": {"x/y": {"split": {"test": [1, 2]}, "small": small}}}
    assert list(files) == [("voltages",), ("others", "x/y", "voltages")]
    again = whole(plain, {place: file.array() for place, file in files.items()})
    np.testing.assert_array_equal(again["others"]["x/y"]["voltages"], mapped)
    np.testing.assert_array_equal(again["voltages"], mapped)
    assert again["others"]["x/y"]["split"] == {"test": [1, 2]}
    assert "voltages" not in plain["others"]["x/y"]


def test_a_node_with_another_file_in_its_place_is_refused_at_any_depth(path: Path) -> None:
    """A file that the study names in a mapping of `recording` must be the same everywhere; others may differ."""
    place = ("others", "x", "voltages")
    files = {place: mapped_file(np.load(path, mmap_mode="r"))}
    given = ({"id": {place: "other"}}, {"id": "node 2"}, files)
    with pytest.raises(UserMistake, match=f"node 2: its {path} is not the one"):
        _refuse_other_files(*given, {"others": {"x": {"path": str(path)}}})
    _refuse_other_files(*given, {"others": {"x": {"path": "of the trainer's own.npy"}}})
