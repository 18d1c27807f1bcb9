"""Files that hold a recording: each kind as a shape and a stream of row chunks, never a whole array.

Letters: T rows, N neurons, M stimulus inputs.
"""

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES, map_rows, read_header
from model.recording.mistakes import ROOT, UNREADABLE, RecordingError, did_you_mean, first_line
from model.recording.plausibility import FEWEST_ROWS, monotone
from model.recording.spec import RecordingSpec

PUBLISHED_COLUMNS = ("INDEX", "XPOS", "YPOS", "VOLTAGE", "STIMULUS", "GROUP_TYPE", "TYPE", "CALCIUM", "FLUORESCENCE")
"""Columns of the published ``[T, N, 9]`` layout, in order."""

Chunks = Iterator[NDArray[Any]]
Pick = tuple[slice | int, ...] | EllipsisType


@dataclass(frozen=True)
class Source:
    """One matrix in a file.

    Attributes:
        shape: ``(T, N)`` or ``(T, M)``.
        chunks: starts a stream of ``[t, N]`` chunks of numbers, in order, adding up to T rows.
        dtype: what the file holds, for people.
        mapped: the matrix itself where the file already is float32 rows: used in place, nothing is copied.
        left_out: what else the file holds, and why it is no neuron, for people.
        like_clocks: columns that rise or fall with every row and that nobody asked for.
    """

    shape: tuple[int, int]
    chunks: Callable[[], Chunks]
    dtype: str
    mapped: NDArray[np.float32] | None = None
    left_out: tuple[str, ...] = ()
    like_clocks: tuple[int, ...] = ()


def open_sources(spec: RecordingSpec) -> tuple[Source, Source | None]:
    """Open ``spec.path``: the voltages and, where asked for, the stimulus.

    Raises:
        RecordingError: the file is missing, unreadable, or not of a layout that the spec describes.
    """
    path = _existing(spec.path, f"{ROOT}.path")
    readers = {".npy": _open_npy, ".npz": _open_npz, ".parquet": _open_table, ".arrow": _open_table}
    readers[".feather"] = _open_table
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(f"{ROOT}.path: must end in {', '.join(sorted(readers))}, got {path}")
    voltages, stimulus = reader(path, spec)
    if reader is not _open_table:
        voltages = _watched(_selected(voltages, spec, path), spec)
    if spec.stimulus_path is not None:
        beside = _existing(spec.stimulus_path, f"{ROOT}.stimulus_path")
        stimulus = _matrix(map_rows(beside, f"{ROOT}.stimulus_path"), beside, "stimulus_path")
    if spec.stimulus and stimulus is None:
        raise RecordingError(f"{ROOT}.stimulus: {path} holds none; give stimulus_path, or stimulus_columns for a table")
    if stimulus is not None and stimulus.shape[0] != voltages.shape[0]:
        raise RecordingError(
            f"{ROOT}.stimulus_path: must have as many rows as the voltages, {voltages.shape[0]},"
            f" got {stimulus.shape[0]}"
        )
    return voltages, stimulus


def _existing(path: Path | None, where: str) -> Path:
    path = (path or Path()).expanduser()
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise RecordingError(f"{where}: {path} {problem} (relative paths start at {Path.cwd()})")
    return path


def _open_npy(path: Path, spec: RecordingSpec) -> tuple[Source, Source | None]:
    array = map_rows(path, f"{ROOT}.path")
    if array.ndim != 3:
        if spec.column is not None:
            raise RecordingError(f"{ROOT}.column: only [T, N, 9] files have columns; {path} has shape {array.shape}")
        return _matrix(array, path, "path"), None
    if array.shape[2] != len(PUBLISHED_COLUMNS):
        raise RecordingError(
            f"{ROOT}.path: {path} must be [T, N] or [T, N, {len(PUBLISHED_COLUMNS)}], got {array.shape}"
        )
    if spec.column not in PUBLISHED_COLUMNS:
        got = "none" if spec.column is None else repr(spec.column)
        raise RecordingError(f"{ROOT}.column: must be one of {', '.join(PUBLISHED_COLUMNS)}, got {got}")
    voltages = _matrix(array, path, "path", np.s_[:, :, PUBLISHED_COLUMNS.index(spec.column)])
    if not spec.stimulus:
        return voltages, None
    if spec.stimulus_inputs > array.shape[1]:
        raise RecordingError(
            f"{ROOT}.stimulus_inputs: must be at most the {array.shape[1]} neurons of {path},"
            f" got {spec.stimulus_inputs}"
        )
    light = np.s_[:, : spec.stimulus_inputs, PUBLISHED_COLUMNS.index("STIMULUS")]
    return voltages, _matrix(array, path, "path", light)


def _matrix(array: "np.memmap[Any, Any]", path: Path, key: str, pick: Pick = ...) -> Source:
    """A matrix in an ``.npy``: the whole array, or what ``pick`` takes of every row of ``[T, N, 9]``.

    What must be copied is read with plain reads, one chunk of whole rows at a time, so that a file far larger than
    memory passes through a small buffer.
    """
    picked = array if pick is ... else array[pick]
    _check_matrix(picked.shape, array.dtype, f"{ROOT}.{key}: {path}")
    rows = max(1, CHUNK_BYTES // array[0].nbytes)

    def chunks() -> Chunks:
        with path.open("rb") as file:
            file.seek(array.offset)
            for start in range(0, len(array), rows):
                shape = (min(rows, len(array) - start), *array.shape[1:])
                block = np.fromfile(file, array.dtype, math.prod(shape))
                if block.size < math.prod(shape):
                    raise RecordingError(f"{ROOT}.{key}: {path} was shortened while it was read, after row {start}")
                yield block.reshape(shape) if pick is ... else block.reshape(shape)[pick]

    def transposed_chunks() -> Chunks:
        for start in range(0, len(array), rows):
            yield picked[start : start + rows]

    in_place = picked.dtype == np.float32 and picked.dtype.isnative and picked.flags.c_contiguous
    return Source(
        (picked.shape[0], picked.shape[1]),
        chunks if array.flags.c_contiguous else transposed_chunks,
        picked.dtype.name,
        np.asarray(picked) if in_place else None,
    )


def _open_npz(path: Path, spec: RecordingSpec) -> tuple[Source, Source | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            name = spec.column if spec.column is not None else names[0] if len(names) == 1 else None
            if name not in names:
                raise RecordingError(
                    f"{ROOT}.column: must name one array of {path}: {', '.join(names)}; got {spec.column!r}"
                )
            with archive.open(f"{name}.npy") as file:
                shape, fortran, dtype = read_header(file)
    except UNREADABLE as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{ROOT}.path: {path} is not a readable .npz file ({first_line(error)})") from error
    _check_matrix(shape, dtype, f"{ROOT}.path: {path}, array {name!r}")
    if fortran:
        raise RecordingError(f"{ROOT}.path: {path}, array {name!r} is in Fortran order; save it in C order")
    row_bytes = shape[1] * dtype.itemsize

    def chunks() -> Chunks:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            read_header(file)
            left = shape[0]
            while left:
                data = file.read(row_bytes * min(left, max(1, CHUNK_BYTES // row_bytes)))
                chunk = np.frombuffer(data[: len(data) // row_bytes * row_bytes], dtype).reshape(-1, shape[1])
                if not len(chunk):
                    raise RecordingError(f"{ROOT}.path: {path} is truncated: array {name!r} lacks {left} rows")
                left -= len(chunk)
                yield chunk

    return Source((shape[0], shape[1]), chunks, dtype.name), None


def _open_table(path: Path, spec: RecordingSpec) -> tuple[Source, Source | None]:
    from model.recording.tables import TableFile

    try:
        table = TableFile(path)
    except UNREADABLE as error:
        raise RecordingError(f"{ROOT}.path: {path} is not a readable table ({first_line(error)})") from error
    if spec.column is not None:
        raise RecordingError(
            f"{ROOT}.column: belongs to [T, N, 9] and .npz files; the columns of a table are all neurons, or those that"
            f" {ROOT}.columns names; got {spec.column!r} for {path}"
        )
    missing = [name for name in spec.stimulus_columns if name not in table.numeric]
    if missing:
        raise RecordingError(f"{ROOT}.stimulus_columns: {path} has no numeric column {', '.join(missing)}")
    neurons = _chosen([name for name in table.numeric if name not in spec.stimulus_columns], spec, path)

    def source(columns: Sequence[str]) -> Source:
        _check_matrix((table.rows, len(columns)), np.dtype(np.float32), f"{ROOT}.path: {path}")
        return Source((table.rows, len(columns)), lambda: table.chunks(columns), table.types(columns))

    voltages = source(neurons)
    if table.rows >= FEWEST_ROWS and not spec.columns:
        clocks = [neurons[column] for column in monotone(_told(table.chunks(neurons, np.float64), path))]
        if clocks:
            named = ", ".join(clocks[:5]) + (", ..." if len(clocks) > 5 else "")
            raise RecordingError(
                f"{ROOT}.exclude: in {path} these columns rise or fall with every row, as a clock or an index does:"
                f" {named}; if they are no neurons, leave them out with {ROOT}.exclude: [{named}]; if they are, name"
                f" all neurons in {ROOT}.columns"
            )
    left_out = [f"{name}, {why}" for name, why in table.left_out.items()]
    left_out += [f"{name}, excluded" for name in spec.exclude]
    voltages = replace(voltages, left_out=tuple(left_out))
    return voltages, source(spec.stimulus_columns) if spec.stimulus_columns else None


def _told(chunks: Chunks, path: Path) -> Chunks:
    """The chunks; what is wrong with them is told as a mistake."""
    try:
        yield from chunks
    except RecordingError:
        raise
    except UNREADABLE as error:
        raise RecordingError(f"{ROOT}.path: {path} is damaged ({first_line(error)})") from error


def _chosen(known: Sequence[Any], spec: RecordingSpec, path: Path) -> list[Any]:
    """The columns that are neurons, of those that could be.

    Raises:
        RecordingError: the spec names one that is not there, or one twice, or leaves none.
    """
    key, given = ("columns", spec.columns) if spec.columns else ("exclude", spec.exclude)
    for name in given:
        if name not in known:
            numbers = bool(known) and isinstance(known[0], int)
            hint = f"; allowed are 0 to {len(known) - 1}" if numbers else did_you_mean(str(name), map(str, known))
            raise RecordingError(f"{ROOT}.{key}: {path} has no numeric column {name!r}{hint}")
    if len(set(given)) < len(given):
        raise RecordingError(f"{ROOT}.{key}: each column once, got {list(given)}")
    chosen = list(spec.columns) or [name for name in known if name not in spec.exclude]
    if not chosen:
        raise RecordingError(f"{ROOT}.exclude: leaves no neuron of {path}")
    return chosen


def _selected(source: Source, spec: RecordingSpec, path: Path) -> Source:
    """A matrix with the columns that the spec asks for."""
    if not spec.columns and not spec.exclude:
        return source
    chosen = _chosen(range(source.shape[1]), spec, path)
    left_out = tuple(f"column {number}, excluded" for number in spec.exclude)
    shape = (source.shape[0], len(chosen))
    return Source(shape, lambda: (chunk[:, chosen] for chunk in source.chunks()), source.dtype, left_out=left_out)


def _watched(source: Source, spec: RecordingSpec) -> Source:
    """A matrix whose columns have no names: what looks like a clock is only told, for nothing says what it is."""
    if source.shape[0] < FEWEST_ROWS or spec.columns:
        return source
    return replace(source, like_clocks=tuple(monotone(_told(source.chunks(), spec.path or Path()))))


def _check_matrix(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if len(shape) != 2:
        raise RecordingError(f"{what} must be a matrix [T, N], got shape {shape}")
    if min(shape) < 1 or shape[0] < 2:
        raise RecordingError(f"{what} must have at least 2 rows and 1 column, got shape {shape}")
    if dtype.kind not in "fiu":
        raise RecordingError(f"{what} must hold real numbers (float or integer), got dtype {dtype}")
