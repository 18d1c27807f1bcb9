import pickle
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.recording.loading import load_recording
from model.recording.mistakes import RecordingError
from model.recording.recording import Recording, as_mapping, from_mapping
from model.recording.split import Split

SPLIT = {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))


def data(rows: int = 64, columns: int = 5, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def saved(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def mistakes(spec: Mapping[str, Any]) -> list[str]:
    with pytest.raises(RecordingError) as caught:
        load_recording(spec)
    return str(caught.value).splitlines()


def test_a_simulation_loads_with_its_split_and_stimulus() -> None:
    """The built-in recording gives voltages, stimulus, the split given, and says where it came from."""
    recording = load_recording({"simulate": {"extent": 1, "steps": 64, "seed": 3}, "split": SPLIT})
    assert recording.voltages.shape == (64, 443)
    assert recording.stimulus is not None
    assert recording.stimulus.shape == (64, 56)
    assert recording.split == Split(train=(0, 40), validation=(45, 60), test=(60, 64))
    assert recording.source.startswith("simulated fly visual system: extent 1, steps 64, seed 3")
    assert not recording.voltages.flags.writeable


def test_the_default_split_has_the_published_proportions() -> None:
    """Without a split, rows are divided as the published 64,000 were."""
    recording = load_recording({"simulate": {"steps": 640}})
    assert recording.split == Split(train=(40, 340), validation=(400, 500), test=(540, 640))


def test_a_float32_matrix_is_used_where_it_lies(tmp_path: Path) -> None:
    """A plain [T, N] float32 file is mapped, not copied: no cache appears."""
    path = saved(tmp_path / "x.npy", data())
    recording = load_recording({"path": str(path), "split": SPLIT})
    assert np.array_equal(recording.voltages, data())
    assert recording.stimulus is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("dtype", ["float16", "float64", "int16", "uint8", ">f4"])
def test_other_numbers_become_float32(tmp_path: Path, dtype: str) -> None:
    """Half, double, integer and big-endian values are converted, once, into the cache."""
    array = (data() * 20 + 100).astype(dtype)
    recording = load_recording({"path": saved(tmp_path / "x.npy", array), "split": SPLIT})
    assert recording.voltages.dtype == np.dtype("<f4")
    assert np.array_equal(recording.voltages, array.astype(np.float32))


def test_fortran_order_is_converted(tmp_path: Path) -> None:
    """A column-major file loads with its rows as rows."""
    path = saved(tmp_path / "x.npy", np.asfortranarray(data()))
    recording = load_recording({"path": path, "split": SPLIT})
    assert np.array_equal(recording.voltages, data())
    assert recording.voltages.flags.c_contiguous


def test_the_published_layout_gives_its_column_and_stimulus(tmp_path: Path) -> None:
    """From [T, N, 9] comes the named column, and the stimulus from the first entries of its own column."""
    array = data(64, 45).reshape(64, 5, 9)
    spec = {"path": saved(tmp_path / "x.npy", array), "column": "VOLTAGE", "split": SPLIT}
    spec |= {"stimulus": True, "stimulus_inputs": 2}
    recording = load_recording(spec)
    assert np.array_equal(recording.voltages, array[:, :, 3])
    assert recording.stimulus is not None
    assert np.array_equal(recording.stimulus, array[:, :2, 4])
    assert np.array_equal(load_recording(spec | {"column": "CALCIUM"}).voltages, array[:, :, 7])


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """The cache knows a file by its size and time of change."""
    path = saved(tmp_path / "x.npy", data().astype(np.float64))
    load_recording({"path": path, "split": SPLIT})
    saved(path, data(seed=1).astype(np.float64))
    assert np.array_equal(load_recording({"path": path, "split": SPLIT}).voltages, data(seed=1))


def test_extracting_a_column_holds_a_small_buffer_only(tmp_path: Path) -> None:
    """One column of a 108 MB file passes through less than 40 MB of memory."""
    path = tmp_path / "x.npy"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (1_500, 2_000, 9))
    array[:, :, 3] = np.arange(1_500, dtype=np.float32)[:, None]
    array.flush()
    del array
    tracemalloc.start()
    recording = load_recording({"path": path, "column": "VOLTAGE"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.voltages.shape == (1_500, 2_000)
    assert peak < 40e6


def test_an_npz_gives_its_only_array_or_the_one_named(tmp_path: Path) -> None:
    """An .npz is read by array name; with a single array the name may be left out."""
    np.savez(tmp_path / "one.npz", v=data())
    np.savez_compressed(tmp_path / "two.npz", v=data(), w=data(seed=1))
    assert np.array_equal(load_recording({"path": tmp_path / "one.npz", "split": SPLIT}).voltages, data())
    spec = {"path": tmp_path / "two.npz", "split": SPLIT}
    assert np.array_equal(load_recording(spec | {"column": "w"}).voltages, data(seed=1))
    assert mistakes(spec) == [f"recording.column: must name one array of {tmp_path}/two.npz: v, w; got None"]


def test_the_stimulus_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    """stimulus_path adds [T, M], as `latent-tune simulate` writes it; its rows must match."""
    spec = {"path": saved(tmp_path / "x.npy", data()), "split": SPLIT}
    recording = load_recording(spec | {"stimulus_path": saved(tmp_path / "s.npy", data(64, 2))})
    assert recording.stimulus is not None
    assert np.array_equal(recording.stimulus, data(64, 2))
    short = spec | {"stimulus_path": saved(tmp_path / "s.npy", data(63, 2))}
    assert mistakes(short) == ["recording.stimulus_path: must have as many rows as the voltages, 64, got 63"]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.feather", "stream.arrow"])
def test_tables_give_their_numeric_columns(tmp_path: Path, name: str) -> None:
    """Arrow and Parquet columns of numbers are neurons, but those named as stimulus; text is left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    array = data(64, 4)
    columns = {f"n{j}": array[:, j] for j in range(4)} | {"note": ["a"] * 64}
    table, path = pa.table(columns), tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(table, path, row_group_size=10)
    else:
        open_writer = pa.ipc.new_stream if name.startswith("stream") else pa.ipc.new_file
        with open_writer(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=10)
    recording = load_recording({"path": path, "split": SPLIT, "stimulus_columns": ["n1"]})
    assert np.array_equal(recording.voltages, array[:, [0, 2, 3]])
    assert recording.stimulus is not None
    assert np.array_equal(recording.stimulus, array[:, [1]])


def test_a_mapping_shares_the_arrays_both_ways() -> None:
    """as_mapping and from_mapping copy nothing, lose nothing, and the mapping pickles with its arrays out of band."""
    recording = load_recording({"simulate": {"steps": 64}})
    mapping = as_mapping(recording)
    assert mapping["split"] == {"train": [4, 34], "validation": [40, 50], "test": [54, 64]}
    back = from_mapping(mapping)
    assert np.shares_memory(back.voltages, recording.voltages)
    assert (back.split, back.source) == (recording.split, recording.source)
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(mapping, protocol=5, buffer_callback=buffers.append)
    assert len(pickled) < 2_000
    again = from_mapping(pickle.loads(pickled, buffers=buffers))  # noqa: S301 - made two lines above
    assert np.shares_memory(again.voltages, recording.voltages)


def test_plain_arrays_make_a_recording() -> None:
    """A mapping of arrays needs no split and no source; doubles become float32."""
    recording = from_mapping({"voltages": data().astype(np.float64)})
    assert isinstance(recording, Recording)
    assert recording.voltages.dtype == np.float32
    assert recording.split.train == (4, 34)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"voltages": np.zeros(5)}, "recording.voltages: must be a matrix of real numbers of at least 2 rows"),
        ({"stimulus": np.zeros((3, 2))}, "recording.stimulus: must have 64 rows like the voltages, got 3"),
        ({"splits": {}}, "recording.splits: unknown key; allowed are voltages, stimulus, split, source"),
        ({"split": SPLIT | {"test": [60, 65]}}, "recording.split.test: must end at or before the recording's 64 rows"),
    ],
)
def test_a_wrong_mapping_is_refused(change: dict[str, Any], line: str) -> None:
    """Arrays that do not fit together are one error each."""
    with pytest.raises(RecordingError) as caught:
        from_mapping({"voltages": data()} | change)
    assert str(caught.value).startswith(line)
