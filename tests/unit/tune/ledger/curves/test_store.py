"""Curves: what a stream keeps through kills and full disks."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tune.ledger.curves.store import CurveStore


def test_a_truncated_stream_keeps_its_whole_batches(tmp_path: Path) -> None:
    """A process killed in the middle of a write loses that batch and no other."""
    store = CurveStore(tmp_path, writable=True)
    for epoch in (1, 2, 3):
        store.append(0, [1, 2], epoch, {"validation_loss": [0.1, 0.2]})
    stream = next(tmp_path.glob("*.arrows"))
    whole = stream.read_bytes()
    for cut in range(0, len(whole), 97):
        stream.write_bytes(whole[:cut])
        rows = CurveStore(tmp_path, writable=False).table().num_rows
        assert rows in (0, 2, 4, 6)
        assert rows <= 6 * cut / len(whole) + 2
    stream.write_bytes(whole[:-5])
    settled = CurveStore(tmp_path, writable=True)
    assert settled.table().column("epoch").to_pylist() == [1, 2, 1, 2]
    assert not list(tmp_path.glob("*.arrows"))


def test_a_stream_and_its_parquet_count_once(tmp_path: Path) -> None:
    """Killed between writing Parquet and removing the stream: rows are not doubled."""
    store = CurveStore(tmp_path, writable=True)
    store.append(0, [1], 1, {"validation_loss": [0.1]})
    stream = next(tmp_path.glob("*.arrows"))
    pq.write_table(store.table(), stream.with_suffix(".parquet"))
    assert CurveStore(tmp_path, writable=False).table().num_rows == 1
    assert CurveStore(tmp_path, writable=True).table().num_rows == 1
    assert not stream.exists()


def test_metrics_may_appear_later(tmp_path: Path) -> None:
    """A column that only some epochs have is null in the others, never invented."""
    store = CurveStore(tmp_path, writable=True)
    store.append(0, [1], 1, {"validation_loss": [0.1]})
    store.append(0, [1], 2, {"validation_loss": [0.1], "test_loss": [0.3]})
    store.append(0, [1], 3, {"validation_loss": [0.1], "gpu_power_w": [None]})
    table = store.table()
    assert table.column("test_loss").to_pylist() == [None, 0.3, None]
    assert table.column("gpu_power_w").null_count == 3


def test_a_full_disk_hides_no_later_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that could not be written whole is cut off, so that the stream stays readable."""
    store = CurveStore(tmp_path, writable=True)
    store.append(0, [1], 1, {"validation_loss": [0.1]})
    writer, file = store._writer, store._file
    assert file is not None

    class Full:
        def write_batch(self, batch: pa.RecordBatch, custom_metadata: object) -> None:
            file.write(b"half a batch")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_writer", Full())
    with pytest.raises(OSError, match="No space"):
        store.append(0, [1], 2, {"validation_loss": [0.2]})
    monkeypatch.setattr(store, "_writer", writer)
    store.append(0, [1], 2, {"validation_loss": [0.2]})
    assert store.table().column("validation_loss").to_pylist() == [0.1, 0.2]


def test_an_evaluation_apart_adds_its_gpu_seconds(tmp_path: Path) -> None:
    """Of an epoch that was trained again the last time counts, and every evaluation after it; what is unknown is."""
    store = CurveStore(tmp_path, writable=True)
    for epoch, seconds, mark in ((1, 2.0, None), (2, 3.0, 0.0), (2, 4.0, 0.0), (2, 0.5, 1.0)):
        store.append(0, [7], epoch, {"gpu_seconds": [seconds], "evaluated": [mark]})
    store.append(0, [7], 3, {"gpu_seconds": [None], "evaluated": [None]})
    store.close()
    table = CurveStore(tmp_path, writable=False).table()
    assert table["gpu_seconds"].to_pylist() == [2.0, 4.5, None]
    assert table["evaluated"].to_pylist() == [None, 1.0, None]


def test_all_files_have_the_same_columns_in_the_end(tmp_path: Path) -> None:
    """Who reads the folder as it lies there loses no column."""
    for metrics in ({"loss": [0.5]}, {"accuracy": [0.7], "loss": [0.4]}):
        store = CurveStore(tmp_path, writable=True)
        store.append(0, [1], len(metrics), metrics)
        store.show_each_row_once()
    assert pq.read_table(tmp_path).to_pydict() == {
        "trial": [0, 0],
        "seed": [1, 1],
        "epoch": [1, 2],
        "accuracy": [None, 0.7],
        "loss": [0.5, 0.4],
    }
