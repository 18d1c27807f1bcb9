"""Damaged curves are noticed before they are believed, set aside and told; what is left of them is kept."""

import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fakes.clock import Clock
from tests.fakes.damage import cut, flip, garble, notes
from tests.fakes.ledgers import opened, start, train
from tune.ledger.curves.files import new_stream, read_parquet, read_stream, schema_of, write_batch, write_parquet
from tune.ledger.curves.store import CurveStore
from tune.ledger.reader import LedgerReader


def epochs_of(table: pa.Table) -> list[int]:
    found: list[int] = table["epoch"].to_pylist()
    return found


def stored(folder: Path, epochs: int = 6) -> CurveStore:
    store = CurveStore(folder / "curves", writable=True)
    for epoch in range(1, epochs + 1):
        store.append(0, [1, 2], epoch, {"validation_loss": [0.1, None], "extra": [0.5, 1 / epoch]})
    return store


def test_no_flipped_bit_of_a_stream_is_ever_believed(tmp_path: Path) -> None:
    """A damaged batch is left out, those before and after it are kept, and none is ever changed."""
    stored(tmp_path)
    data = next(tmp_path.glob("curves/*.arrows")).read_bytes()
    whole = read_stream(data)
    rows = [batch.to_pydict() for batch in whole.batches]
    assert (len(rows), whole.end, whole.damaged) == (6, len(data), 0)
    draw, kept = Random(0), []  # noqa: S311
    for _ in range(400):
        place = draw.randrange(len(whole.head), len(data))
        bad = bytearray(data)
        bad[place] ^= 1 << draw.randrange(8)
        found = read_stream(bytes(bad))
        assert all(batch.to_pydict() in rows for batch in found.batches)
        kept.append(len(found.batches))
    assert set(kept) == {5, 6}  # padding may flip without harm


def test_a_write_that_was_cut_short_is_no_damage(tmp_path: Path) -> None:
    """A stream that ends in the middle of a batch, as a kill leaves it, loses that batch and nothing is told."""
    stored(tmp_path, epochs=3)
    data = next(tmp_path.glob("curves/*.arrows")).read_bytes()
    ends = [read_stream(data[:cut]).damaged for cut in range(len(data) + 1)]
    assert set(ends) == {0}
    assert read_stream(data[:-100] + b"\x00" * 100).damaged
    assert read_stream(b"\x00" * 100 + data[100:]).damaged


def test_a_damaged_stream_becomes_what_is_left_of_it(tmp_path: Path) -> None:
    """The next process keeps the whole batches as Parquet, the stream beside, and tells it."""
    stored(tmp_path)
    stream = next(tmp_path.glob("curves/*.arrows"))
    stream.write_bytes(stream.read_bytes().replace(struct.pack("<d", 0.25), struct.pack("<d", 0.26)))
    with notes() as said:
        table = CurveStore(tmp_path / "curves", writable=True).table()
    assert len(epochs_of(table)) == 10
    assert [path.name for path in (tmp_path / "damaged").iterdir()] == ["curves-000001.arrows.1"]
    assert "bytes are damaged; the rows around them are kept" in said[0]


@pytest.mark.parametrize("harm", [flip, cut, garble])
def test_a_damaged_parquet_file_is_noticed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """A reader leaves out what is damaged and changes nothing; who holds the study keeps the file beside."""
    stored(tmp_path).close()
    file = tmp_path / "curves" / "000001.parquet"
    harm(file)
    before = file.read_bytes()
    assert CurveStore(tmp_path / "curves", writable=False).table().num_rows == 0
    assert file.read_bytes() == before
    assert CurveStore(tmp_path / "curves", writable=True).table().num_rows == 0
    assert (tmp_path / "damaged" / "curves-000001.parquet.1").read_bytes() == before
    assert read_parquet(file)[1] == 0


def test_parquet_is_salvaged_by_groups_of_rows(tmp_path: Path) -> None:
    """Of a long file only the group of rows is lost in which the damage is."""
    count = 10_000
    key = [pa.array([0] * count, pa.int32()), pa.array([1] * count), pa.array(range(1, count + 1), pa.int32())]
    table = pa.table([*key, pa.array([1 / n for n in range(1, count + 1)])], schema=schema_of(["validation_loss"]))
    with (tmp_path / "x.parquet").open("wb") as file:
        write_parquet(file, table)
    assert read_parquet(tmp_path / "x.parquet")[0].equals(table)
    flip(tmp_path / "x.parquet", at=0.6)
    left, damaged = read_parquet(tmp_path / "x.parquet")
    assert damaged == 1
    assert epochs_of(left) == [*range(1, 4097), *range(8193, count + 1)]


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """Streams and Parquet files without checksums are believed as far as Arrow reads them."""
    (tmp_path / "curves").mkdir()
    schema = schema_of(["validation_loss"])
    rows = [pa.array([0], pa.int32()), pa.array([1]), pa.array([1], pa.int32()), pa.array([0.5])]
    pq.write_table(pa.table(rows, schema=schema), tmp_path / "curves" / "000001.parquet")
    rows[2] = pa.array([2], pa.int32())
    with (
        (tmp_path / "curves" / "000002.arrows").open("wb") as file,
        pa.ipc.new_stream(file, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(rows, schema=schema))
    assert epochs_of(CurveStore(tmp_path / "curves", writable=False).table()) == [1, 2]
    assert epochs_of(CurveStore(tmp_path / "curves", writable=True).table()) == [1, 2]
    assert not (tmp_path / "damaged").exists()


def test_a_batch_without_its_checksum_is_damaged(tmp_path: Path) -> None:
    """Where batches have checksums, one that lost it is not believed."""
    schema = schema_of(["loss"])
    batch = pa.record_batch([pa.array([0], pa.int32()), pa.array([1]), pa.array([1], pa.int32()), [0.5]], schema=schema)
    with (tmp_path / "s").open("wb") as file, new_stream(file, ["loss"]) as writer:
        write_batch(writer, batch)
        writer.write_batch(batch)
        writer.write_batch(batch, custom_metadata={"crc33": "1"})
    assert len(read_stream((tmp_path / "s").read_bytes()).batches) == 1


def test_a_study_opens_without_its_curves(tmp_path: Path) -> None:
    """Decisions stand; a run counts as far as its curve has no gap, and the rest as redone when it comes again."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    for epochs in (range(1, 3), range(3, 4), range(4, 7)):
        train(ledger, trial, epochs)
        ledger.close("interrupted")
        ledger = opened(tmp_path / "q")
    ledger.close("interrupted")
    garble(tmp_path / "q" / "curves" / "000002.parquet")
    for again in (LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)), opened(tmp_path / "q")):
        assert again.trained(trial) == {1: 2, 2: 2, 3: 0}
        assert (again.spent, again.redone) == (10, 0)
        assert again.done(trial) == {1: 0, 2: 0}
    train(again, trial, range(1, 7))
    assert again.trained(trial) == {1: 6, 2: 6, 3: 0}
    assert (again.spent, again.redone) == (12, 10)
    again.close("interrupted")
    assert (again.spent, again.redone) == (12, 10)
    last = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert (last.spent, last.redone) == (12, 10)


def test_rows_of_trials_that_nobody_knows_are_taken_out(tmp_path: Path) -> None:
    """The database lost its last decisions: what a later trial of that number trains is never mixed with the rows."""
    ledger = opened(tmp_path / "q")
    for x in (0.1, 0.2):
        train(ledger, start(ledger, x), range(1, 3))
    ledger.close("interrupted")
    with sqlite3.connect(tmp_path / "q" / "study.db") as connection:
        connection.execute("DELETE FROM latent_tune_decisions WHERE sequence >= 2")
    connection.close()
    reader = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert set(reader.curves()["trial"].to_pylist()) == {0}
    again = opened(tmp_path / "q")
    assert again.spent == 4
    assert start(again, 0.7) == 1
    assert again.done(1) == {}
    again.close("interrupted")
    (left,) = (read_parquet(path)[0] for path in (tmp_path / "q" / "curves").iterdir())
    assert set(left["trial"].to_pylist()) == {0}
    aside = {path.name for path in (tmp_path / "q" / "damaged").iterdir()}
    assert aside == {"curves-000001.parquet.1", "checkpoints-1.1"}
