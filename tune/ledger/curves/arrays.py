"""Columns of numbers between Arrow and NumPy, without what `pyarrow.array` and `to_numpy` import.

These ask pandas whether the values are its own, and importing that takes longer than a command that shows a study.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TYPES = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float64(): np.float64}


def mask_of(values: NDArray[np.bool_]) -> pa.BooleanArray:
    """Returns values as Arrow has them, none of them null."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def array_of(values: NDArray[np.number], null: NDArray[np.bool_] | None = None) -> pa.NumericArray:
    """Returns 32-bit or 64-bit whole numbers or doubles as Arrow has them.

    Args:
        values: The numbers.
        null: Which of them are not there; None: all are.

    Raises:
        KeyError: If the numbers are of another type.
    """
    kind = {np.dtype(own): each for each, own in _TYPES.items()}[values.dtype]
    there = None if null is None or not null.any() else _bits(~null)
    return pa.Array.from_buffers(kind, len(values), [there, pa.py_buffer(np.ascontiguousarray(values))])


def values_of(column: pa.ChunkedArray) -> NDArray[np.number]:
    """Returns a copy of the numbers of a column; what stands under a null is undefined."""
    parts = [
        np.frombuffer(chunk.buffers()[1], _TYPES[column.type], len(chunk), chunk.offset * column.type.bit_width // 8)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0, _TYPES[column.type])


def floats_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Returns the numbers of a column as doubles, nan under a null."""
    values = values_of(column).astype(np.float64)
    values[nulls_of(column)] = np.nan
    return values


def nulls_of(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Returns which numbers of a column are not there."""
    parts = [_unpacked(chunk) if chunk.null_count else np.zeros(len(chunk), np.bool_) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.empty(0, np.bool_)


def _unpacked(chunk: pa.Array) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(chunk.buffers()[0], np.uint8), bitorder="little")
    there: NDArray[np.bool_] = bits[chunk.offset : chunk.offset + len(chunk)].astype(np.bool_)
    return ~there


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
