"""Of rows as they were appended, each trial, seed and epoch once: the latest value of each metric that is known."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tune.ledger.curves.arrays import array_of, nulls_of, values_of
from tune.ledger.curves.files import KEY, schema_of
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS


def once_each(table: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """Returns rows sorted by trial, seed and epoch, each once.

    The GPU-seconds of an epoch that was evaluated apart are those of its latest training and of its evaluations.

    Args:
        table: Rows in the order in which they were appended.

    Returns:
        The rows, and of each the place, in `table`, of the last one that told of it.
    """
    if not table.num_rows:
        return table, np.arange(0)
    order, starts = _grouped(table)
    rows = table.take(array_of(order))
    if len(starts) < table.num_rows:
        found = {name: _latest(rows[name], starts) for name in rows.column_names}
        if {GPU_SECONDS, EVALUATED} <= found.keys():
            found[GPU_SECONDS] = _summed(rows, starts)
        rows = pa.table(found)
    return rows, order[np.append(starts[1:], len(order)) - 1]


def shown_in_files(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Returns for each file of rows the rows that it is to show, in the columns of all files.

    A row is shown in the file that told of it last, so a file that is written later takes rows from those before it.

    Args:
        tables: Of each file, in order, the rows as they were appended.
    """
    if not tables:
        return []
    tables = with_same_columns(tables)
    whole = pa.concat_tables(tables)
    if not whole.num_rows or len(_grouped(whole)[1]) == whole.num_rows:
        return tables
    rows, last = once_each(whole)
    order = np.argsort(last)
    ends = np.searchsorted(last[order], np.cumsum([table.num_rows for table in tables])).tolist()
    # Taken, not sliced: after the last value of a slice lie bytes of the next row, which would get into its checksum.
    return [rows.take(array_of(order[start:end])) for start, end in zip([0, *ends], ends, strict=False)]


def with_same_columns(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Returns tables of rows with the metrics of all, by name."""
    schema = schema_of(sorted({name for table in tables for name in table.column_names[len(KEY) :]}))
    return [_in(schema, table) for table in tables]


def with_columns_of(other: pa.Table, table: pa.Table) -> pa.Table:
    """Returns rows with the columns of another table, empty where they had none."""
    return _in(other.schema, table)


def _in(schema: pa.Schema, table: pa.Table) -> pa.Table:
    if table.column_names == schema.names:
        return table
    there, empty = set(table.column_names), pa.nulls(table.num_rows, pa.float64())
    return pa.table([table[name] if name in there else empty for name in schema.names], schema=schema)


def _grouped(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Returns the order in which rows are sorted by trial, seed and epoch, and where in it each of these begins."""
    trial, seed, epoch = (values_of(table[name]) for name, _ in KEY)
    order = np.lexsort((np.arange(table.num_rows), epoch, seed, trial))
    keys = np.stack([trial, seed, epoch], axis=1)[order]
    return order, np.flatnonzero(np.insert(np.any(keys[1:] != keys[:-1], axis=1), 0, True))


def _summed(rows: pa.Table, starts: np.ndarray) -> pa.Array:
    """Returns of each group of rows the GPU-seconds of its latest training and of the evaluations after it."""
    evaluates = (values_of(rows[EVALUATED]) == 1) & ~nulls_of(rows[EVALUATED])
    places = np.arange(rows.num_rows)
    trained = np.maximum.reduceat(np.where(evaluates, -1, places), starts)
    counted = places >= np.repeat(trained, np.diff(np.append(starts, rows.num_rows)))
    seconds, known = values_of(rows[GPU_SECONDS]), ~nulls_of(rows[GPU_SECONDS])
    sums = np.add.reduceat(np.where(counted & known, np.nan_to_num(seconds), 0.0), starts)
    return array_of(sums, ~np.logical_or.reduceat(counted & known, starts))


def _latest(column: pa.ChunkedArray, starts: np.ndarray) -> pa.ChunkedArray:
    """Returns of each group of rows, given by where it starts, the last value that is not null."""
    known = np.where(nulls_of(column), -1, np.arange(len(column)))
    last = np.maximum.reduceat(known, starts)
    return column.take(array_of(last, last < 0))
