"""Rows of curves in files, with checksums: what is whole and right is read, what is not is left out and told.

In an Arrow stream each batch carries a CRC-32 of its content, in a Parquet file each group of rows does, beside the
checksums that Parquet has for its pages. The checksum is of names and values, not of bytes as they are stored, so it
holds against damage anywhere: in values, in the lengths and offsets beside them, in the names at the head.
Files of earlier versions have no checksums; of these everything is believed that Arrow can read.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from tune.ledger.curves.arrays import array_of, mask_of, nulls_of, values_of

KEY = (("trial", pa.int32()), ("seed", pa.int64()), ("epoch", pa.int32()))
_CHECKSUM = b"crc32"
_ROWS_PER_GROUP = 4096
_MARK = b"\xff\xff\xff\xff"  # every message of a stream begins so
# What Arrow raises over bytes that make no sense; ArrowInvalid, names that are no text and the like are ValueErrors.
_UNREADABLE = (pa.ArrowException, ValueError, OSError, EOFError, MemoryError, KeyError, IndexError, TypeError)


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Returns the schema of rows with these metrics."""
    return pa.schema([*KEY, *((name, pa.float64()) for name in columns)])


def checksum(batch: pa.RecordBatch) -> int:
    """Returns the CRC-32 of a batch: its names, how many rows it has, its values and which of them are null."""
    about = zlib.crc32(json.dumps([batch.num_rows, *batch.schema.names]).encode())
    return zlib.crc32(pa.ipc.read_message(batch.serialize()).body, about)


def write_batch(writer: pa.ipc.RecordBatchStreamWriter, batch: pa.RecordBatch) -> None:
    """Appends a batch with its checksum to a stream."""
    writer.write_batch(batch, custom_metadata={_CHECKSUM: str(checksum(batch))})


@dataclass
class Stream:
    """What was read of a stream.

    Attributes:
        head: The bytes of its schema; empty when they are not whole.
        batches: Those that are whole and right, in order.
        end: The byte after the last of them.
        damaged: How many bytes before the end, or in whole messages after it, are not right.
    """

    head: bytes = b""
    batches: list[pa.RecordBatch] = field(default_factory=list)
    end: int = 0
    damaged: int = 0

    @property
    def table(self) -> pa.Table:
        """The rows."""
        return _plain(pa.Table.from_batches(self.batches)) if self.batches else EMPTY


EMPTY = pa.Table.from_batches([], schema_of(()))
"""No rows."""


def read_stream(data: bytes, head: bytes = b"") -> Stream:
    """Reads the batches of a stream that are whole and right; those after a damaged one are found again.

    Bytes at the end that make no whole message are no damage: a writer was killed there, or is about to go on.

    Args:
        data: The stream from its first byte; or, when `head` is given, from the end of an earlier reading.
        head: Of the earlier reading.
    """
    source = pa.BufferReader(data)
    found = Stream(head)
    if not head:
        try:
            pa.ipc.read_message(source)
            found.head, found.end = data[: source.tell()], source.tell()
            ours = _is_ours(pa.ipc.read_schema(pa.BufferReader(found.head)))
        except _UNREADABLE:
            size = int.from_bytes(data[4:8], "little")
            short = len(data) < 8 + size and _MARK.startswith(data[:4])
            return Stream(damaged=0 if short else len(data))
        if not ours:
            return Stream(damaged=len(data))
    start = found.end
    while 0 <= start < len(data):
        batch, end = _read_batch(data, found.head, start)
        if batch is not None:
            found.batches.append(batch)
            found.damaged += start - found.end
            found.end = start = end
        else:
            start = data.find(_MARK, start + 1)
    if not _is_cut_short(data, found.end):
        found.damaged += len(data) - found.end
    return found


def _read_batch(data: bytes, head: bytes, start: int) -> tuple[pa.RecordBatch | None, int]:
    """Returns the batch at a byte, if it is whole and right, and the byte after it."""
    try:
        source = pa.BufferReader(pa.py_buffer(data).slice(start))
        pa.ipc.read_message(source)
        end = start + source.tell()
        with pa.ipc.open_stream(pa.BufferReader(head + data[start:end])) as reader:
            checked = _CHECKSUM in (reader.schema.metadata or {})
            batch, told = reader.read_next_batch_with_custom_metadata()
        batch.validate(full=True)  # before a value is looked at: lengths that are wrong lead out of memory
        if not checked and told is None:  # of an earlier version
            return batch, end
        right = told is not None and told.get(_CHECKSUM) == str(checksum(batch)).encode()
    except (*_UNREADABLE, StopIteration):
        return None, start
    return (batch, end) if right else (None, start)


def _is_cut_short(data: bytes, start: int) -> bool:
    """Says whether what follows a byte is nothing, the end of a stream, or the beginning of a message."""
    if not _MARK.startswith(data[start : start + 4]):
        return False
    try:
        return bool(pa.ipc.read_message(pa.BufferReader(pa.py_buffer(data).slice(start))).type == "none")
    except (EOFError, *_UNREADABLE):
        return True


def new_stream(file: BinaryIO, columns: Sequence[str]) -> pa.ipc.RecordBatchStreamWriter:
    """Begins a stream whose batches have checksums."""
    return pa.ipc.new_stream(file, schema_of(columns).with_metadata({_CHECKSUM: b"of each batch"}))


def write_parquet(file: BinaryIO, table: pa.Table) -> None:
    """Writes rows as Parquet, with a checksum for each group of them and for each page."""
    checksums = [checksum(batch) for batch in _groups(table)]
    pa.parquet.write_table(
        table.replace_schema_metadata({_CHECKSUM: json.dumps(checksums)}),
        file,
        row_group_size=_ROWS_PER_GROUP,
        write_page_checksum=True,
    )


def read_parquet(path: Path) -> tuple[pa.Table, int]:
    """Returns the rows of a Parquet file that are whole and right, and how many groups of rows are not.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If this user may not read it, which is no damage.
    """
    try:
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            if not _is_ours(file.schema_arrow):
                return EMPTY, 1
            count = file.num_row_groups
            told = (file.schema_arrow.metadata or {}).get(_CHECKSUM)
            wanted = [None] * count if told is None else json.loads(told)
            groups = [_read_group(file, index, right) for index, right in enumerate(wanted[:count])]
    except (FileNotFoundError, PermissionError):
        raise
    except _UNREADABLE:
        return EMPTY, 1
    whole = [group for group in groups if group is not None]
    table = _plain(pa.concat_tables(whole)) if whole else EMPTY
    return table, max(count, len(wanted)) - len(whole)


def _read_group(file: pa.parquet.ParquetFile, index: int, wanted: int | None) -> pa.Table | None:
    try:
        table = file.read_row_group(index)
        table.validate(full=True)
        right = wanted is None or [checksum(batch) for batch in _groups(table)] == [wanted]
    except _UNREADABLE:
        return None
    return table if right else None


def same_rows(one: pa.Table, other: pa.Table) -> bool:
    """Says whether rows have the same columns and values, to the last bit."""
    if one is other:
        return True
    if one.schema.names != other.schema.names or one.num_rows != other.num_rows:
        return False
    both = zip(_groups(one), _groups(other), strict=True)
    return all(first.serialize().equals(second.serialize()) for first, second in both)


def known_rows(table: pa.Table, trials: int | None) -> pa.Table:
    """Leaves out the rows of trials that there are not, when told how many there are, and of epochs that cannot be."""
    if trials is None or not table.num_rows:
        return table
    number, epoch = values_of(table["trial"]), values_of(table["epoch"])
    return table.filter(mask_of((number >= 0) & (number < trials) & (epoch >= 1)))


def _plain(table: pa.Table) -> pa.Table:
    """Drops what a file says of its columns besides their names."""
    return pa.table(table.columns, schema=schema_of(table.column_names[len(KEY) :]))


def _groups(table: pa.Table) -> list[pa.RecordBatch]:
    """Cuts rows into groups; zero is put under each null, where Parquet keeps nothing."""
    columns = [_zero_under_nulls(column) if column.null_count else column for column in table.columns]
    whole = pa.table(columns, schema=table.schema).combine_chunks()
    empty = pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in table.schema.types], schema=table.schema)
    return whole.to_batches(max_chunksize=_ROWS_PER_GROUP) or [empty]


def _zero_under_nulls(column: pa.ChunkedArray) -> pa.Array:
    values, null = values_of(column), nulls_of(column)
    values[null] = 0
    return array_of(values, null)


def _is_ours(schema: pa.Schema) -> bool:
    """Says whether rows have a place and numbers; a name that stands twice is no name."""
    types = dict(zip(schema.names, schema.types, strict=True))
    keys = dict(KEY)
    return (
        len(types) == len(schema.names)
        and schema.names[: len(KEY)] == list(keys)
        and all(kind == keys.get(name, pa.float64()) for name, kind in types.items())
    )
