"""From all rows that were appended to one for each trial, seed and epoch: what is kept when a process has ended.

It is the row that was trained last, with what evaluations after it added. What cannot be told from such rows, how many
were trained again and what these cost, stands beside them (`tune.ledger.curves.account`).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tune.ledger.curves.account import Account
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS


def once_each(tables: Sequence[pa.Table]) -> pa.Table:
    """Returns each row once, by trial, epoch and seed.

    Args:
        tables: All rows in the order in which they were appended.
    """
    table = pa.concat_tables(tables, promote_options="default").replace_schema_metadata(None)
    adds = np.concatenate([_only_adds(one) for one in tables])
    trial, seed, epoch = (table[name].to_numpy() for name in ("trial", "seed", "epoch"))
    order = np.lexsort((np.arange(table.num_rows), seed, epoch, trial))
    keys = np.stack([trial, epoch, seed], axis=1)[order]
    rows, adds, places = table.take(order), adds[order], np.arange(table.num_rows)
    starts = np.flatnonzero(np.insert(np.any(keys[1:] != keys[:-1], axis=1), 0, True))
    trained = np.maximum.reduceat(np.where(adds, -1, places), starts)
    counted = places >= np.repeat(trained, np.diff(np.append(starts, len(places))))
    found = {name: _latest(rows[name], counted, starts) for name in rows.column_names}
    if EVALUATED in found:  # an evaluation that is due stays so, whatever is trained again
        found[EVALUATED] = _latest(rows[EVALUATED], np.ones_like(counted), starts)
    if GPU_SECONDS in found:
        found[GPU_SECONDS] = _sum(rows[GPU_SECONDS], counted, starts)
    kept = trained >= 0  # of others the training was lost, and what was added to it means nothing
    return pa.table(found).filter(pa.array(kept))


def _only_adds(table: pa.Table) -> np.ndarray:
    """Says of each row whether it only adds an evaluation to one before it; those beside an account hold both."""
    if EVALUATED not in table.column_names or Account.of(table.schema) is not None:
        return np.zeros(table.num_rows, dtype=bool)
    marks: np.ndarray = np.nan_to_num(table[EVALUATED].to_numpy()) == 1
    return marks


def _latest(column: pa.ChunkedArray, counted: np.ndarray, starts: np.ndarray) -> pa.ChunkedArray:
    """Returns of each group of rows the last value that counts and is known."""
    known = np.where(column.is_valid().to_numpy() & counted, np.arange(len(column)), -1)
    last = np.maximum.reduceat(known, starts)
    return column.take(pa.array(last, mask=last < 0))


def _sum(column: pa.ChunkedArray, counted: np.ndarray, starts: np.ndarray) -> pa.Array:
    """Returns of each group of rows the sum of the values that count and are known."""
    known = column.is_valid().to_numpy() & counted
    sums = np.add.reduceat(np.where(known, np.nan_to_num(column.to_numpy()), 0.0), starts)
    return pa.array(sums, mask=~np.logical_or.reduceat(known, starts))
