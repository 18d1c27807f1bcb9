"""What is no neuron does not become one in silence, and what may not be meant is told."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from model.recording.loading import load_recording
from model.recording.mistakes import RecordingError
from model.recording.plausibility import monotone
from model.recording.recording import describe

SPLIT = {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}
PANDAS = b'{"index_columns": ["when"], "columns": []}'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def data(rows: int = 64, columns: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)


def table(metadata: dict[bytes, bytes] | None = None, **more: Any) -> pa.Table:
    columns = {"a": data()[:, 0], "b": data()[:, 1], **more}
    return pa.table(columns).replace_schema_metadata(metadata)


def written(found: pa.Table, name: str = "x.parquet") -> str:
    if name.endswith(".parquet"):
        pa.parquet.write_table(found, name)
    else:
        pa.feather.write_feather(found, name, compression="uncompressed")
    return name


def lines(path: str, **more: Any) -> list[str]:
    return describe(load_recording({"path": path, "split": SPLIT, **more}))


def mistake(path: str, **more: Any) -> str:
    with pytest.raises(RecordingError) as caught:
        load_recording({"path": path, "split": SPLIT, **more})
    return str(caught.value)


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.feather"])
@pytest.mark.parametrize(
    ("index", "metadata"),
    [("__index_level_0__", None), ("__index_level_0__", {b"pandas": b"nonsense"}), ("when", {b"pandas": PANDAS})],
)
def test_a_pandas_index_is_left_out_and_said_to_be(name: str, index: str, metadata: dict[bytes, bytes] | None) -> None:
    """An index, by pandas' own words or by the name that it gives one, is no neuron, however it looks."""
    path = written(table(metadata, **{index: data()[:, 2]}), name)
    assert lines(path) == [f"64 rows x 2 neurons, float32, from {name} (left out: {index}, index)"]


def test_a_range_index_is_no_column() -> None:
    """Pandas describes an index that only counts, and writes none: all columns are neurons."""
    path = written(table({b"pandas": b'{"index_columns": [{"kind": "range", "start": 0}]}'}))
    assert lines(path) == ["64 rows x 2 neurons, float32, from x.parquet"]


def test_what_is_no_number_is_said_to_be_left_out() -> None:
    """Text, times and truth values of a table are left out, and the line says so."""
    path = written(table(label=["x"] * 64, ok=[True] * 64))
    assert lines(path) == ["64 rows x 2 neurons, float32, from x.parquet (left out: label, string; ok, bool)"]


CLOCKS: Mapping[str, NDArray[Any]] = {
    "seconds": np.arange(64) * 0.02,
    "count down": 64 - np.arange(64),
    "nanoseconds": 1_700_000_000_000_000_000 + np.arange(64) * 1_000_000,  # all one number in float32
    "index": np.arange(64, dtype=np.uint16),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_in_a_table_is_asked_about(clock: str) -> None:
    """A column that rises or falls with every row is refused with both ways on, each of which works."""
    path = written(table(t=CLOCKS[clock]))
    said = mistake(path)
    assert said.startswith("recording.exclude: in x.parquet these columns rise or fall with every row")
    assert "recording.exclude: [t]" in said
    assert lines(path, exclude=["t"])[0].endswith("(left out: t, excluded)")
    assert load_recording({"path": path, "split": SPLIT, "columns": ["b"]}).voltages.shape == (64, 1)
    if clock == "seconds":
        assert load_recording({"path": path, "split": SPLIT, "columns": ["t", "a"]}).voltages.shape == (64, 2)


def test_columns_are_taken_in_their_order() -> None:
    """`columns` names the neurons and their order."""
    found = load_recording({"path": written(table()), "split": SPLIT, "columns": ["b", "a"]})
    assert np.array_equal(found.voltages, data()[:, [1, 0]])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": ["c"]}, "recording.columns: x.parquet has no numeric column 'c'; allowed are a, b"),
        ({"exclude": ["aa"]}, "recording.exclude: x.parquet has no numeric column 'aa'; did you mean 'a'?"),
        ({"exclude": ["a", "b"]}, "recording.exclude: leaves no neuron of x.parquet"),
        ({"columns": ["a", "a"]}, "recording.columns: each column once, got ['a', 'a']"),
        (
            {"columns": ["a"], "exclude": ["b"]},
            "recording.exclude: columns names what is taken, so nothing is left to ",
        ),
        (
            {"column": "VOLTAGE"},
            "recording.column: belongs to [T, N, 9] and .npz files; the columns of a table are all",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused(more: dict[str, Any], said: str) -> None:
    """A wrong name, none left, one twice, both keys, or the key of another format: refused in one line."""
    assert mistake(written(table()), **more).startswith(said)


def test_columns_of_a_matrix_have_numbers() -> None:
    """A clock in a matrix is told, for nothing says what it is, and left out by its number."""
    np.save("x.npy", np.column_stack([np.arange(64) * 0.02, data()]).astype(np.float32))
    (_, note) = lines("x.npy")
    assert note.startswith("of its columns 0 rise or fall with every row, as a clock or an index does")
    assert lines("x.npy", exclude=[0]) == ["64 rows x 3 neurons, float32, from x.npy (left out: column 0, excluded)"]
    assert np.array_equal(
        load_recording({"path": "x.npy", "split": SPLIT, "columns": [3, 1]}).voltages, data()[:, [2, 0]]
    )
    assert mistake("x.npy", exclude=[4]).endswith("has no numeric column 4; allowed are 0 to 3")


def test_a_clock_is_found_across_chunks() -> None:
    """One row out of order, in whichever chunk, and it is none."""
    column = np.arange(10)[:, None]
    assert monotone([column[:4], column[4:5], column[5:]]) == [0]
    assert monotone([column[:4], column[3:5], column[5:]]) == []
    assert monotone([column[::-1][:1], column[::-1][1:]]) == [0]


def test_more_neurons_than_rows_are_told() -> None:
    """[N, T] is likely where there are more columns than rows."""
    np.save("x.npy", data(64, 100))
    assert lines("x.npy")[1] == (
        "it has more neurons than rows (100 > 64): rows are time steps; if it is [N, T], transpose it"
    )


@pytest.mark.parametrize(("factor", "shift"), [(0.005, -0.07), (5.0, -70.0), (300.0, 1_000.0)])
def test_signals_far_from_unit_scale_are_told(factor: float, shift: float) -> None:
    """Volts, millivolts and counts get a hint, which following ends it."""
    np.save("x.npy", data() * np.float32(factor) + np.float32(shift))
    (_, note) = lines("x.npy")
    assert "far from the unit scale" in note
    assert "recording.standardize: true" in note
    (line,) = lines("x.npy", standardize=True)
    assert line.endswith("standardized by neuron (mean 0 and standard deviation 1 over the training rows)")


def test_standardizing_uses_training_rows_only() -> None:
    """Mean 0 and standard deviation 1 hold over the training rows; the others are scaled by the same numbers."""
    array = data() * [0.005, 5, 300] + [-0.07, -70, 1_000]
    array[40:] += 1.0
    np.save("x.npy", array)
    found = load_recording({"path": "x.npy", "split": SPLIT, "standardize": True}).voltages
    assert np.allclose(found, (array - array[:40].mean(axis=0)) / array[:40].std(axis=0), rtol=1e-3, atol=1e-3)
    other = load_recording({"path": "x.npy", "split": SPLIT | {"train": [0, 30]}, "standardize": True}).voltages
    assert not np.allclose(found, other)


def test_a_neuron_that_is_still_in_training_is_only_moved() -> None:
    """Nothing is divided by zero."""
    array = data()
    array[:40, 0] = 3
    np.save("x.npy", array)
    found = load_recording({"path": "x.npy", "split": SPLIT, "standardize": True}).voltages
    assert np.array_equal(found[:, 0], array[:, 0] - 3)


def test_a_simulation_can_be_standardized() -> None:
    """The built-in recording takes the same key."""
    found = load_recording({"simulate": {"steps": 640}, "standardize": True})
    first, last = found.split.train
    assert np.allclose(found.voltages[first:last].std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_cache_does_not_believe_size_and_time(*, standardize: bool) -> None:
    """A file with other content, its old size and its old time of change is extracted again."""
    spec = {"path": "x.npy", "split": SPLIT, "standardize": standardize}
    np.save("x.npy", data().astype(np.float64))
    first, about = load_recording(spec).voltages.copy(), Path("x.npy").stat()
    np.save("x.npy", data().astype(np.float64)[::-1] ** 2)
    os.utime("x.npy", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert Path("x.npy").stat().st_mtime_ns == about.st_mtime_ns
    second = load_recording(spec).voltages
    assert not np.allclose(first, second)


def test_other_numbers_are_said_to_be_converted() -> None:
    """The line tells the type of the file's numbers."""
    np.save("x.npy", (data() * 100).astype(np.int16))
    assert lines("x.npy")[0] == "64 rows x 3 neurons, int16 read as float32, from x.npy"
