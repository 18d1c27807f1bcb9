"""Curves: one row per (trial, seed, epoch), in Arrow streams while a process works and in Parquet afterwards.

A process appends record batches to a stream of its own, so that a row costs one write and a killed process loses at
most the batch it was writing. The next process turns streams that were left behind into Parquet, whole batches only.
What is damaged is left out; a process that holds the study keeps the file in `damaged/` and writes what is left of it.
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

from tune.ledger.curves.files import (
    KEY,
    known_rows,
    new_stream,
    read_parquet,
    read_stream,
    schema_of,
    write_batch,
    write_parquet,
)
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS
from tune.ledger.log import log
from tune.ledger.storage.damaged import set_aside
from tune.ledger.storage.files import WholeWrites, sync_folder, write_atomically


class CurveStore:
    """The folder `curves/`.

    Args:
        folder: Where the files lie.
        writable: Whether this process holds the study; a reader changes nothing.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self.folder, self._writable = folder, writable
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
            write_batch(self._writer, pa.record_batch(columns, schema=schema_of(self._columns)))
        except BaseException:
            # A batch cut short by a full disk would hide every later one, and the writer may take the schema for
            # written: the next batch begins another stream.
            file, self._file, self._writer, self._columns = self._file, None, None, ()
            with file:
                file.truncate(start)
                os.fsync(file.fileno())  # `sync` knows the other stream only
            raise

    def sync(self) -> None:
        """Makes every row appended so far durable."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def seal(self, longer_than: int) -> None:
        """Turns this process's stream into Parquet, if it is longer than so many bytes."""
        if self._file is not None and self._file.tell() > longer_than:
            self.close()

    def close(self) -> None:
        """Turns this process's stream into Parquet."""
        if self._writer is not None and self._file is not None:
            writer, file = self._writer, self._file
            self._writer = self._file = None
            self._columns = ()
            with file:
                writer.close()
            self._settle_streams()

    def give_same_columns(self) -> None:
        """Gives each file the columns of all, empty where it had none: who reads the folder goes by the first one's.

        Where one is damaged, or the disk has no room, all stay as they are.
        """
        self.close()
        found = {path: read_parquet(path) for path in self._files()}
        columns = sorted({name for table, _ in found.values() for name in table.column_names[len(KEY) :]})
        if any(damaged for _, damaged in found.values()):
            return
        for path, (table, _) in found.items():
            if table.column_names[len(KEY) :] == columns:
                continue
            there, empty = set(table.column_names), pa.nulls(table.num_rows, pa.float64())
            values = {name: table[name] if name in there else empty for name in schema_of(columns).names}
            whole = pa.table(values, schema=schema_of(columns))
            try:
                write_atomically(path, partial(write_parquet, table=whole))
            except OSError as error:
                log.warning("%s: the files keep columns of their own: %s", self.folder, error)
                return

    def tables(self, trials: int | None = None) -> Iterator[pa.Table]:
        """Yields the stored rows in the order in which they were appended, a file at a time.

        Args:
            trials: How many trials there are: rows of others are none of this study. None: all are believed.
        """
        for path in self._files():
            if path.suffix == ".arrows":
                try:
                    yield known_rows(read_stream(path.read_bytes()).table, trials)
                    continue
                except FileNotFoundError:  # the writer has just turned this stream into Parquet
                    pass
            yield self._settled(path.with_suffix(".parquet"), trials)

    def table(self, trials: int | None = None) -> pa.Table:
        """Returns every row once, sorted by trial, seed, epoch; of each metric the latest value that is known.

        The GPU-seconds of an epoch that was evaluated apart are those of both.
        """
        tables = [table for table in self.tables(trials) if table.num_rows]
        if not tables:
            return schema_of(()).empty_table()
        table = pa.concat_tables(tables, promote_options="default")
        trial, seed, epoch = (table[name].to_numpy() for name, _ in KEY)
        order = np.lexsort((np.arange(table.num_rows), epoch, seed, trial))
        keys = np.stack([trial, seed, epoch], axis=1)[order]
        first = np.insert(np.any(keys[1:] != keys[:-1], axis=1), 0, True)
        if first.all():
            return table.take(order)
        starts = np.flatnonzero(first)
        rows = table.take(order)
        found = {name: _latest(rows[name], starts) for name in rows.column_names}
        if {GPU_SECONDS, EVALUATED} <= found.keys():
            found[GPU_SECONDS] = _summed(rows, starts)
        return pa.table(found)

    def _files(self) -> list[Path]:
        """The files in order; a stream is left out when its Parquet file is already there."""
        files = [
            path for path in self.folder.glob("*") if path.suffix in (".arrows", ".parquet") and path.stem.isdecimal()
        ]
        settled = {path.stem for path in files if path.suffix == ".parquet"}
        return sorted(path for path in files if path.suffix == ".parquet" or path.stem not in settled)

    def _settled(self, path: Path, trials: int | None) -> pa.Table:
        """Reads a Parquet file; what must be left out of it is taken out where this process may."""
        table, damaged = read_parquet(path)
        rows = known_rows(table, trials)
        if self._writable and (damaged or rows.num_rows < table.num_rows):
            left = f"{rows.num_rows} rows are left"
            strange = f"{table.num_rows - rows.num_rows} rows are of trials that the decisions do not know"
            why = f"damaged in {damaged} groups of rows" if damaged else strange
            set_aside(self.folder.parent, path, f"{why}; {left}", copy=True)
            write_atomically(path, partial(write_parquet, table=rows))
        return rows

    def _settle_streams(self) -> None:
        for path in sorted(path for path in self.folder.glob("*.arrows") if path.stem.isdecimal()):
            parquet = path.with_suffix(".parquet")
            if not parquet.exists():
                stream = read_stream(path.read_bytes())
                if stream.damaged:
                    why = f"{stream.damaged} bytes are damaged; the rows around them are kept"
                    set_aside(self.folder.parent, path, why, copy=True)
                write_atomically(parquet, partial(write_parquet, table=stream.table))
            path.unlink()

    def _roll(self, columns: tuple[str, ...]) -> None:
        """Begins a stream with more columns."""
        self.close()
        number = max((int(path.stem) for path in self._files()), default=0) + 1
        file = WholeWrites(self.folder / f"{number:06d}.arrows", "wb")
        self._file, self._columns = file, columns
        self._writer = new_stream(file, columns)
        sync_folder(self.folder)


def _summed(rows: pa.Table, starts: np.ndarray) -> pa.Array:
    """Returns of each group of rows the GPU-seconds of its latest training and of the evaluations after it."""
    evaluates = np.nan_to_num(rows[EVALUATED].to_numpy()) == 1
    places = np.arange(rows.num_rows)
    trained = np.maximum.reduceat(np.where(evaluates, -1, places), starts)
    counted = places >= np.repeat(trained, np.diff(np.append(starts, rows.num_rows)))
    seconds, known = rows[GPU_SECONDS].to_numpy(), rows[GPU_SECONDS].is_valid().to_numpy()
    sums = np.add.reduceat(np.where(counted & known, np.nan_to_num(seconds), 0.0), starts)
    return pa.array(sums, mask=~np.logical_or.reduceat(counted & known, starts))


def _latest(column: pa.ChunkedArray, starts: np.ndarray) -> pa.ChunkedArray:
    """Returns of each group of rows, given by where it starts, the last value that is not null."""
    known = np.where(column.is_valid().to_numpy(), np.arange(len(column)), -1)
    last = np.maximum.reduceat(known, starts)
    return column.take(pa.array(last, mask=last < 0))
