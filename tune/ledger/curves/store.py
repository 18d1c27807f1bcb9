"""Curves: one row per (trial, seed, epoch), in Arrow streams while a process works and in Parquet afterwards.

A process appends record batches to a stream of its own, so that a row costs one write and a killed process loses at
most the batch it was writing. The next process turns streams that were left behind into Parquet, whole batches only.
What is damaged is left out; a process that holds the study keeps the file in `damaged/` and writes what is left of it.
A row that was trained again (after a kill) is appended again; the latest counts, and how many were is the redone work.
What an evaluation adds to an epoch is a further row of that epoch with nothing else in it. In the end files show
each row once, for other programs, and what was appended is kept apart where it is more (`tune.ledger.curves.appended`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import RawIOBase
from pathlib import Path

import pyarrow as pa

from tune.ledger.curves.appended import kept_apart, numbers, read_appended
from tune.ledger.curves.files import (
    EMPTY,
    known_rows,
    new_stream,
    read_parquet,
    read_stream,
    same_rows,
    schema_of,
    write_batch,
    write_parquet,
)
from tune.ledger.curves.once import once_each, shown_in_files, with_columns_of, with_same_columns
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

    def show_each_row_once(self) -> None:
        """Has the folder be what other programs take it for: files of the same columns, in which no row stands twice.

        What a file held before, where that was more, is kept apart first. Files that take a row over are written before
        those that give it up, so a process that is killed leaves rows twice at worst, and the next one ends the work.
        Where rows are damaged, or the disk has no room, the rest stays as it is.
        """
        self.close()
        found = {number: read_appended(self.folder, number, _read) for number in numbers(self.folder)}
        if any(damaged for _, (_, damaged) in found.values()):
            return
        shown = dict(zip(found, shown_in_files([table for _, (table, _) in found.values()]), strict=True))
        plain = {number: table for number, (path, (table, _)) in found.items() if path.parent == self.folder}
        try:
            for number, table in plain.items():
                if not same_rows(with_columns_of(shown[number], table), shown[number]):
                    self._keep_apart(number)
            for number in reversed(found):
                self._show(number, shown[number], plain.get(number))
        except OSError as error:
            log.warning("%s: rows that were told of again stay where they are: %s", self.folder, error)

    def tables(self, trials: int | None = None) -> Iterator[pa.Table]:
        """Yields the stored rows in the order in which they were appended, a file at a time.

        Args:
            trials: How many trials there are: rows of others are none of this study. None: all are believed.
        """
        for number in numbers(self.folder):
            path, (table, damaged) = read_appended(self.folder, number, _read)
            rows = known_rows(table, trials)
            if self._writable and path.suffix != ".arrows" and (damaged or rows.num_rows < table.num_rows):
                self._take_out(path, table, rows, damaged)
            yield rows

    def table(self, trials: int | None = None) -> pa.Table:
        """Returns every row once, sorted by trial, seed, epoch, as `once_each` does."""
        tables = [table for table in self.tables(trials) if table.num_rows]
        if not tables:
            return EMPTY
        return once_each(pa.concat_tables(with_same_columns(tables)))[0]

    def _take_out(self, path: Path, table: pa.Table, rows: pa.Table, damaged: int) -> None:
        """Keeps a file beside, and writes what is left of it."""
        left = f"{rows.num_rows} rows are left"
        strange = f"{table.num_rows - rows.num_rows} rows are of trials that the decisions do not know"
        why = f"damaged in {damaged} groups of rows" if damaged else strange
        set_aside(self.folder.parent, path, f"{why}; {left}", copy=True)
        shows = self.folder / f"{path.stem}.parquet"
        if path != shows and shows.exists():
            set_aside(self.folder.parent, shows, "may show rows that are not left", copy=True)
        write_atomically(path, partial(write_parquet, table=rows))

    def _keep_apart(self, number: str) -> None:
        """Keeps the rows of a file as they are now."""
        apart = kept_apart(self.folder, number)
        if not apart.parent.is_dir():
            apart.parent.mkdir()
            sync_folder(self.folder)
        content = (self.folder / f"{number}.parquet").read_bytes()
        write_atomically(apart, lambda file: file.write(content))

    def _show(self, number: str, rows: pa.Table, there: pa.Table | None) -> None:
        """Has a file show rows.

        Args:
            number: Its number.
            rows: Which.
            there: What it holds; None: it is read.
        """
        path = self.folder / f"{number}.parquet"
        if there is None:
            try:
                there, damaged = read_parquet(path)
            except FileNotFoundError:
                damaged = 0
            if damaged:
                set_aside(self.folder.parent, path, "damaged; it is made again of what is kept apart", copy=True)
        if there is None or not same_rows(there, rows):
            write_atomically(path, partial(write_parquet, table=rows))

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
        number = max(map(int, numbers(self.folder)), default=0) + 1
        file = WholeWrites(self.folder / f"{number:06d}.arrows", "wb")
        self._file, self._columns = file, columns
        self._writer = new_stream(file, columns)
        sync_folder(self.folder)


def _read(path: Path) -> tuple[pa.Table, int]:
    """Returns the rows of a file that are whole and right, and in how many groups they are not."""
    return (read_stream(path.read_bytes()).table, 0) if path.suffix == ".arrows" else read_parquet(path)
