"""Curves: one row per (trial, seed, epoch), in Arrow streams while a process works and in Parquet afterwards.

A process appends record batches to a stream of its own, so that a row costs one write and a killed process loses at
most the batch it was writing. The next process turns streams that were left behind into Parquet, whole batches only.
A row that was trained again (after a kill) is appended again; the latest counts, and how many were is the redone work.
What an evaluation adds to an epoch is a further row of that epoch with nothing else in it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import RawIOBase
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from tune.ledger.files import sync_folder, write_atomically

_KEY = (("trial", pa.int32()), ("seed", pa.int64()), ("epoch", pa.int32()))


class CurveStore:
    """The folder `curves/`.

    Args:
        folder: Where the files lie.
        writable: Whether this process holds the study; a reader changes nothing.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self.folder = folder
        self._file: RawIOBase | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._columns: tuple[str, ...] = ()
        if writable:
            folder.mkdir(parents=True, exist_ok=True)
            self._settle_streams()

    def append(
        self, trial: int, seeds: Sequence[int], epoch: int, metrics: Mapping[str, Sequence[float | None]]
    ) -> None:
        """Appends one epoch of a trial: each metric has one value per seed; None is unknown."""
        if not set(metrics) <= set(self._columns):
            self._roll((*self._columns, *sorted(set(metrics) - set(self._columns))))
        columns: list[pa.Array] = [
            pa.array([trial] * len(seeds), pa.int32()),
            pa.array(seeds, pa.int64()),
            pa.array([epoch] * len(seeds), pa.int32()),
        ]
        nothing = [None] * len(seeds)
        columns += [pa.array(metrics.get(name, nothing), pa.float64(), from_pandas=False) for name in self._columns]
        assert self._writer is not None
        assert self._file is not None
        start = self._file.tell()
        try:
            self._writer.write_batch(pa.record_batch(columns, schema=_schema(self._columns)))
        except BaseException:
            # A batch cut short by a full disk would hide every later one.
            self._file.truncate(start)
            self._file.seek(start)
            raise

    def sync(self) -> None:
        """Makes every row appended so far durable."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Turns this process's stream into Parquet."""
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
            self._writer = self._file = None
            self._settle_streams()

    def tables(self) -> Iterator[pa.Table]:
        """Yields the stored rows in the order in which they were appended, a file at a time."""
        for path in self._files():
            try:
                yield _read_stream(path) if path.suffix == ".arrows" else pa.parquet.read_table(path)
            except FileNotFoundError:  # the writer has just turned this stream into Parquet
                yield pa.parquet.read_table(path.with_suffix(".parquet"))

    def table(self) -> pa.Table:
        """Returns every row once, sorted by trial, seed, epoch; of each metric the latest value that is known."""
        tables = [table for table in self.tables() if table.num_rows]
        if not tables:
            return _schema(()).empty_table()
        table = pa.concat_tables(tables, promote_options="default")
        trial, seed, epoch = (table[name].to_numpy() for name, _ in _KEY)
        order = np.lexsort((np.arange(table.num_rows), epoch, seed, trial))
        keys = np.stack([trial, seed, epoch], axis=1)[order]
        first = np.insert(np.any(keys[1:] != keys[:-1], axis=1), 0, True)
        if first.all():
            return table.take(order)
        starts = np.flatnonzero(first)
        return pa.table({name: _latest(table[name].take(order), starts) for name in table.column_names})

    def _files(self) -> list[Path]:
        """The files in order; a stream is left out when its Parquet file is already there."""
        files = [
            path for path in self.folder.glob("*") if path.suffix in (".arrows", ".parquet") and path.stem.isdigit()
        ]
        settled = {path.stem for path in files if path.suffix == ".parquet"}
        return sorted(path for path in files if path.suffix == ".parquet" or path.stem not in settled)

    def _settle_streams(self) -> None:
        for path in sorted(self.folder.glob("*.arrows")):
            parquet = path.with_suffix(".parquet")
            if not parquet.exists():
                table = _read_stream(path)
                write_atomically(parquet, partial(pa.parquet.write_table, table))
            path.unlink()
        for left in self.folder.glob(".*.tmp"):
            left.unlink()

    def _roll(self, columns: tuple[str, ...]) -> None:
        """Begins a stream with more columns."""
        self.close()
        number = max((int(path.stem) for path in self._files()), default=0) + 1
        file = (self.folder / f"{number:06d}.arrows").open("wb", buffering=0)
        self._file, self._columns = file, columns
        self._writer = pa.ipc.new_stream(file, _schema(columns))
        sync_folder(self.folder)


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([*_KEY, *((name, pa.float64()) for name in columns)])


def _latest(column: pa.ChunkedArray, starts: np.ndarray) -> pa.ChunkedArray:
    """Returns of each group of rows, given by where it starts, the last value that is not null."""
    known = np.where(column.is_valid().to_numpy(), np.arange(len(column)), -1)
    last = np.maximum.reduceat(known, starts)
    return column.take(pa.array(last, mask=last < 0))


def _read_stream(path: Path) -> pa.Table:
    """Reads the whole batches of a stream, which may end in the middle of one."""
    batches = []
    with pa.OSFile(str(path)) as file:
        try:
            reader = pa.ipc.open_stream(file)
        except pa.ArrowInvalid:  # killed before the first batch
            return _schema(()).empty_table()
        while True:
            try:
                batches.append(reader.read_next_batch())
            except (StopIteration, pa.ArrowInvalid, OSError):
                return pa.Table.from_batches(batches, reader.schema)
