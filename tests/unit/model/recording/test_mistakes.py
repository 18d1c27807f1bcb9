import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.recording.loading import load_recording
from model.recording.mistakes import RecordingError

SPLIT = {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def data(rows: int = 64, columns: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)


def mistakes(spec: Mapping[str, Any]) -> list[str]:
    with pytest.raises(RecordingError) as caught:
        load_recording(spec)
    assert isinstance(caught.value, ValueError)
    return str(caught.value).splitlines()


def of_file(array: NDArray[Any], **spec: Any) -> list[str]:
    np.save("x.npy", array)
    return mistakes({"path": "x.npy", "split": SPLIT} | spec)


def test_all_mistakes_of_a_block_are_reported_at_once() -> None:
    """One error has a line per mistake: misspelt keys, types, ranges, overlap, at every level."""
    spec = {
        "simulate": {"extnt": 2, "steps": "many", "seed": -1},
        "splitt": {},
        "split": {"train": [0, 50], "validation": [40, 41], "test": [60, "end"]},
        "allow_constant": "yes",
    }
    assert mistakes(spec) == [
        "recording.simulate.steps: input should be a valid integer, got 'many'",
        "recording.simulate.seed: input should be greater than or equal to 0, got -1",
        "recording.simulate.extnt: unknown key; did you mean 'extent'?",
        "recording.split.test.1: input should be a valid integer, got 'end'",
        "recording.split.validation: must be [start, stop) with 0 <= start and at least 2 rows, got [40, 41]",
        "recording.split.validation: overlaps train; got [40, 41] and [0, 50]",
        "recording.allow_constant: input should be a valid boolean, got 'yes'",
        "recording.splitt: unknown key; did you mean 'split'?",
    ]


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({}, "recording: needs either simulate or path, got neither"),
        ({"simulate": {}, "path": "x.npy"}, "recording: needs either simulate or path, got both"),
        ({"simulate": {}, "column": "VOLTAGE"}, "recording.column: belongs to path, not to simulate"),
        (
            {"simulate": 3},
            "recording.simulate: must be a mapping with extent, steps, seed, noise, contrast, contrast_sigma, contrast",
        ),
        ({"simulate": {"steps": 64}, "split": {"train": [0, 40]}}, "recording.split.validation: field required, got"),
        (
            {"simulate": {"steps": 64}, "split": SPLIT | {"test": [60, 65]}},
            "recording.split.test: must end at or before the recording's 64 rows, got [60, 65]",
        ),
        (
            {"simulate": {"steps": 31}},
            "recording.split: needed, because 31 rows are too few for the default split (32)",
        ),
        ({"simulate": {}, "split": SPLIT | {"train": [-1, 40]}}, "recording.split.train: must be [start, stop) with 0"),
        ({"simulate": {}, "split": SPLIT | {"train": [40, 0]}}, "recording.split.train: must be [start, stop) with 0"),
        ({"simulate": {"noise": float("nan")}}, "recording.simulate.noise: input should be a finite number, got nan"),
    ],
)
def test_a_wrong_block_is_refused(spec: Mapping[str, Any], line: str) -> None:
    """Each mistake that needs no data is found before any is made or read."""
    (found, *_) = mistakes(spec)
    assert found.startswith(line)
    assert not os.path.exists("cache")  # noqa: PTH110 - the shortest way to say it


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that is not there is shown, with the folder that relative paths start at."""
    assert mistakes({"path": "gone.npy"}) == [
        f"recording.path: gone.npy does not exist (relative paths start at {tmp_path})"
    ]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in place of a file is called one."""
    assert mistakes({"path": str(tmp_path)})[0].startswith(f"recording.path: {tmp_path} is a folder")


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    """The ending decides how a file is read; others are refused with the list."""
    (tmp_path / "x.csv").write_text("1,2")
    assert mistakes({"path": "x.csv"}) == [
        "recording.path: must end in .arrow, .feather, .npy, .npz, .parquet, got x.csv"
    ]


def test_a_truncated_npy_is_refused(tmp_path: Path) -> None:
    """A file shorter than its header promises is refused with both sizes, before anything is mapped."""
    np.save("x.npy", data())
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(1_000)
    assert mistakes({"path": "x.npy"}) == [
        "recording.path: x.npy is truncated: its header promises 1408 bytes for shape (64, 5), it has 1000"
    ]


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "x.arrow"])
@pytest.mark.parametrize("content", [b"", b"not this format, whatever its name says"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A wrong ending is one clear line, whichever reader stumbles over it."""
    (tmp_path / name).write_bytes(content)
    (line,) = mistakes({"path": name})
    assert line.startswith(f"recording.path: {name} is not a readable")


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    """A cut archive is not readable."""
    np.savez("x.npz", v=data())
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:900])
    assert mistakes({"path": "x.npz"})[0].startswith("recording.path: x.npz is not a readable .npz file")


def test_python_objects_are_never_unpickled() -> None:
    """An object array is refused by its header."""
    assert of_file(np.array([[{}]] * 64, dtype=object)) == [
        "recording.path: x.npy holds Python objects, which are never unpickled; save numbers"
    ]


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (data()[0], "recording.path: x.npy must be a matrix [T, N], got shape (5,)"),
        (data(1), "recording.path: x.npy must have at least 2 rows and 1 column, got shape (1, 5)"),
        (data()[:0], "recording.path: x.npy is empty, its shape is (0, 5)"),
        (data() > 0, "recording.path: x.npy must hold real numbers (float or integer), got dtype bool"),
        (data() * 1j, "recording.path: x.npy must hold real numbers (float or integer), got dtype complex64"),
        (np.zeros((64, 5, 8)), "recording.path: x.npy must be [T, N] or [T, N, 9], got (64, 5, 8)"),
    ],
)
def test_a_wrong_shape_or_type_is_refused(array: NDArray[Any], line: str) -> None:
    """Shape and dtype are checked from the header alone."""
    assert of_file(array) == [line]


def test_a_column_is_needed_exactly_where_there_are_columns() -> None:
    """The published layout needs a column's name, and a matrix has none."""
    columns = "INDEX, XPOS, YPOS, VOLTAGE, STIMULUS, GROUP_TYPE, TYPE, CALCIUM, FLUORESCENCE"
    nine = np.zeros((64, 5, 9))
    assert of_file(nine) == [f"recording.column: must be one of {columns}, got none"]
    assert of_file(nine, column="VOLTS") == [f"recording.column: must be one of {columns}, got 'VOLTS'"]
    assert of_file(data(), column="VOLTAGE") == [
        "recording.column: only [T, N, 9] files have columns; x.npy has shape (64, 5)"
    ]


def test_more_stimulus_inputs_than_neurons_are_refused() -> None:
    """The default of 1,736 inputs does not fit a recording of five neurons."""
    assert of_file(np.zeros((64, 5, 9)), column="VOLTAGE", stimulus=True) == [
        "recording.stimulus_inputs: must be at most the 5 neurons of x.npy, got 1736"
    ]


def test_a_stimulus_that_is_not_there_is_refused() -> None:
    """Asking a plain matrix for its stimulus says how to give one."""
    assert of_file(data(), stimulus=True) == [
        "recording.stimulus: x.npy holds none; give stimulus_path, or stimulus_columns for a table"
    ]


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_the_first_value_that_is_not_finite_is_named(value: float, said: str) -> None:
    """NaN and infinities are found in any chunk and named by row and column."""
    array = data()
    array[37:, 2] = value
    assert of_file(array) == [f"recording.path: x.npy must be finite (in float32), got {said} at row 37, column 2"]


def test_a_double_beyond_float32_is_not_finite() -> None:
    """A value that float32 cannot hold is refused, not turned into infinity."""
    array = data().astype(np.float64)
    array[3, 1] = 1e39
    assert of_file(array)[0].endswith("must be finite (in float32), got inf at row 3, column 1")


def test_a_null_in_a_table_is_named(tmp_path: Path) -> None:
    """A missing value of a table is a NaN at its row and column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1.0, 2.0, 3.0], "b": [1.0, None, 2.0]}), tmp_path / "x.parquet")
    spec = {"path": "x.parquet", "split": SPLIT}
    assert mistakes(spec)[0].startswith("recording.split.train: must end at or before the recording's 3 rows")
    pq.write_table(pa.table({"a": [*range(63), 0], "b": [None, *range(63)]}), tmp_path / "x.parquet")
    assert mistakes(spec)[0].endswith("got nan at row 0, column 1")


def test_a_table_without_the_named_stimulus_is_refused(tmp_path: Path) -> None:
    """Stimulus columns must exist and be numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": range(64)}), tmp_path / "x.parquet")
    spec = {"path": "x.parquet", "stimulus_columns": ["light"]}
    assert mistakes(spec) == ["recording.stimulus_columns: x.parquet has no numeric column light"]


def test_a_simulation_in_which_nothing_happens_is_refused() -> None:
    """The built-in recording is checked like any other: without noise and light its neurons come to rest."""
    still = {"steps": 64, "noise": 0, "contrast": 0, "luminance": 0}
    (line,) = mistakes({"simulate": still})
    assert line.startswith("recording.simulate: the simulation has ")
    assert "neurons that never change" in line


def test_constant_neurons_are_named_and_may_be_allowed() -> None:
    """Neurons that never change are refused with their count and first numbers, unless the study accepts them."""
    array = data(64, 9)
    array[:, 2:9] = 1.5
    (line,) = of_file(array)
    assert line == (
        "recording.path: x.npy has 7 of 9 neurons that never change (columns 2, 3, 4, 5, 6, ...);"
        " remove them, or set recording.allow_constant: true"
    )
    recording = load_recording({"path": "x.npy", "split": SPLIT, "allow_constant": True})
    assert recording.voltages.shape == (64, 9)
