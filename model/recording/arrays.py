"""Arrays on disk: ``.npy`` files written row by row and read back as memory maps, pickles refused."""

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from model.recording.mistakes import UNREADABLE, RecordingError, first_line

CHUNK_BYTES = 16 << 20
"""Memory for one chunk of rows wherever an array is read, converted, checked or written."""


class RowWriter:
    """Writes a float32 ``.npy`` of known shape in chunks of rows.

    Plain writes, not a writable memory map: a full disk is then an ``OSError`` and not a killed process, and
    written pages do not count as this process's memory.

    Args:
        path: the file to create.
        rows: T, the rows that will be written.
        columns: N, the length of a row.
    """

    def __init__(self, path: Path, rows: int, columns: int) -> None:
        self._file = path.open("wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
        npy.write_array_header_1_0(self._file, header)

    def write(self, chunk: NDArray[Any]) -> None:
        """Append rows ``[t, N]``, converted to float32; values beyond its range become infinite."""
        with np.errstate(over="ignore"):
            self._file.write(np.ascontiguousarray(chunk, dtype="<f4").data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def map_rows(path: Path, where: str) -> "np.memmap[Any, Any]":
    """Memory-map an ``.npy`` read-only.

    Args:
        path: the file.
        where: path of the setting that names it, for the error.

    Raises:
        RecordingError: not an ``.npy``, truncated, or holding Python objects (never unpickled).
    """
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_header(file)
            offset = file.tell()
    except OSError as error:
        raise RecordingError(f"{where}: {path} cannot be read ({error.strerror})") from error
    except UNREADABLE as error:
        raise RecordingError(f"{where}: {path} is not a readable .npy file ({first_line(error)})") from error
    if dtype.hasobject:
        raise RecordingError(f"{where}: {path} holds Python objects, which are never unpickled; save numbers")
    if min(shape, default=1) < 1 or not dtype.itemsize:
        raise RecordingError(f"{where}: {path} is empty, its shape is {shape}")
    size, expected = path.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if size < expected:
        raise RecordingError(
            f"{where}: {path} is truncated: its header promises {expected} bytes for shape {shape}, it has {size}"
        )
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C")


def read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read an ``.npy`` header from a binary file: shape, whether in Fortran order, dtype.

    Raises:
        ValueError: the bytes are no such header.
    """
    major, _ = npy.read_magic(file)
    return npy.read_array_header_1_0(file) if major == 1 else npy.read_array_header_2_0(file)
