"""Arrow IPC and Parquet tables as streams of row chunks."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES

_NAMES = {pa.float16(): "float16", pa.float32(): "float32", pa.float64(): "float64"}
"""As NumPy calls what Arrow calls halffloat, float and double."""

_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


class TableFile:
    """A table in a file; only what is asked for is read.

    Args:
        path: ``.parquet``, or Arrow IPC (``.arrow``, ``.feather``), file or stream format.

    Attributes:
        rows: T.
        numeric: names of the float and integer columns that are no index, in file order.
        left_out: why, by the name of every other column: index, or its type.

    Raises:
        model.recording.mistakes.UNREADABLE: the file is not such a table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parquet = path.suffix.lower() == ".parquet"
        if self._parquet:
            with pq.ParquetFile(path) as file:
                schema, self.rows = file.schema_arrow, file.metadata.num_rows
        else:
            with pa.memory_map(str(path)) as file:
                schema = _open_ipc(file)[0]
                self.rows = sum(batch.num_rows for batch in _open_ipc(file)[1])
        index, kept = _index_columns(schema), []
        self.left_out: dict[str, str] = {}
        for field in schema:
            if field.name in index:
                self.left_out[field.name] = "index"
            elif pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
                kept.append(field)
            else:
                self.left_out[field.name] = str(field.type)
        self.numeric = [field.name for field in kept]
        self._types = {field.name: _NAMES.get(field.type, str(field.type)) for field in kept}

    def types(self, columns: Sequence[str]) -> str:
        """The type of some numeric columns, or their types, for people."""
        return " and ".join(dict.fromkeys(self._types[name] for name in columns))

    def chunks(self, columns: Sequence[str], dtype: Any = np.float32) -> Iterator[NDArray[Any]]:
        """Stream ``[t, len(columns)]`` chunks; a null becomes NaN."""
        rows = max(1, CHUNK_BYTES // (8 * len(columns)))
        if self._parquet:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                    yield _matrix(batch, columns, dtype)
            return
        with pa.memory_map(str(self._path)) as file:
            for batch in _open_ipc(file)[1]:
                for start in range(0, batch.num_rows, rows):
                    yield _matrix(batch.slice(start, rows), columns, dtype)


def _open_ipc(file: Any) -> tuple[Any, Iterator[Any]]:
    """Schema and batches of an IPC file, whichever of the two formats it has."""
    file.seek(0)
    try:
        reader = pa.ipc.open_file(file)
    except pa.ArrowInvalid:
        file.seek(0)
        stream = pa.ipc.open_stream(file)
        return stream.schema, iter(stream)
    return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))


def _index_columns(schema: Any) -> set[str]:
    """The columns in which pandas keeps an index: by what it wrote beside the table, or by the name that it gives one.

    Source: pandas, "Developer: storing pandas DataFrame objects in Apache Parquet format".
    """
    named = {field.name for field in schema if _UNNAMED_INDEX.fullmatch(field.name)}
    try:
        said = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        return named | {name for name in said.get("index_columns", ()) if isinstance(name, str)}
    except (ValueError, TypeError, AttributeError, RecursionError):  # whoever wrote that, it is not pandas
        return named


def _matrix(batch: Any, columns: Sequence[str], dtype: Any) -> NDArray[Any]:
    batch.validate()  # lengths that are wrong would lead out of memory
    out = np.empty((batch.num_rows, len(columns)), dtype=dtype)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are found later
        for j, name in enumerate(columns):
            out[:, j] = batch.column(name).to_numpy(zero_copy_only=False)
    return out
