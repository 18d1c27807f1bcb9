"""From what a study says about its recording to the recording: simulated or read, checked, and memory-mapped.

A recording larger than memory can be loaded. Letters: T rows, N neurons, M stimulus inputs.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES, RowWriter, map_rows
from model.recording.cache import find_or_build
from model.recording.flyvis import simulated
from model.recording.mistakes import ROOT, UNREADABLE, RecordingError, first_line
from model.recording.recording import Recording
from model.recording.sources import Source, open_sources
from model.recording.spec import RecordingSpec, read_spec
from model.recording.split import make_split

_FORMAT = 1
"""Raise it when extraction changes: extracted columns are then made again."""


def load_recording(spec: Mapping[str, Any]) -> Recording:
    """Load the recording that a study's ``recording`` block describes.

    Everything that needs no data is checked first, and reported together. Float16, float64 and integers are converted
    to float32; the conversion, like the extraction of one column of ``[T, N, 9]``, is cached on disk by the file's
    path, size and time of change. A float32 ``[T, N]`` file is used where it lies. Nothing is read into memory whole.

    Args:
        spec: ``{"simulate": {...}}`` (keys of :class:`model.recording.flyvis.Simulation`) or
            ``{"path": ..., "column": ...}``, with optional ``split``, ``stimulus``, ``stimulus_inputs``,
            ``stimulus_path``, ``stimulus_columns`` and ``allow_constant``
            (:class:`model.recording.spec.RecordingSpec`).

    Raises:
        RecordingError: one line per mistake: what, where, the value got and what is allowed.
    """
    checked = read_spec(spec)
    if checked.simulate is not None:
        split = make_split(checked.split, checked.simulate.steps)
        folder = simulated(checked.simulate)
        voltages, stimulus = (_map(folder / f"{name}.npy") for name in ("voltages", "stimulus"))
        _check_values(voltages, "simulate", "the simulation", allow_constant=checked.allow_constant)
        settings = ", ".join(f"{key} {value}" for key, value in checked.simulate.model_dump().items())
        return Recording(voltages, stimulus, split, f"simulated fly visual system: {settings}")
    voltage_source, stimulus_source = open_sources(checked)
    split = make_split(checked.split, voltage_source.shape[0])
    voltages = _materialise(voltage_source, checked, "voltages")
    _check_values(voltages, "path", str(checked.path), allow_constant=checked.allow_constant)
    light: NDArray[np.float32] | None = None
    if stimulus_source is not None:
        light = _materialise(stimulus_source, checked, "stimulus")
        _check_values(light, "stimulus", f"the stimulus of {checked.path}", allow_constant=True)
    source = f"{checked.path}, column {checked.column}" if checked.column else str(checked.path)
    return Recording(voltages, light, split, source)


def _map(path: Path) -> NDArray[np.float32]:
    """A cached float32 array, as a plain array over the map: it pickles without a copy, a memmap does not."""
    return np.asarray(map_rows(path, ROOT))


def _materialise(source: Source, spec: RecordingSpec, name: str) -> NDArray[np.float32]:
    """Float32 rows on disk: in place where the file already is that, else extracted once into the cache."""
    if source.mapped is not None:
        return source.mapped
    files = [path.expanduser().resolve() for path in (spec.path, spec.stimulus_path) if path is not None]
    key = {
        "files": [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files],
        "what": [name, spec.column, spec.stimulus_inputs, list(spec.stimulus_columns)],
        "format": _FORMAT,
    }

    def extract(folder: Path) -> None:
        with RowWriter(folder / f"{name}.npy", *source.shape) as rows:
            for chunk in _chunks(source, spec):
                rows.write(chunk)

    return _map(find_or_build(key, extract, 4 * source.shape[0] * source.shape[1]) / f"{name}.npy")


def _chunks(source: Source, spec: RecordingSpec) -> Iterator[NDArray[Any]]:
    """Streams a source; what its head promised and its body does not keep is told as a mistake."""
    try:
        yield from source.chunks()
    except RecordingError:
        raise
    except UNREADABLE as error:
        raise RecordingError(f"{ROOT}.path: {spec.path} is damaged ({first_line(error)})") from error


def _check_values(array: NDArray[np.float32], key: str, what: str, *, allow_constant: bool) -> None:
    """Check in one pass of chunks that all values are finite and that every column changes at least once.

    Raises:
        RecordingError: names the first bad row and column, or the constant columns.
    """
    low, high = array[0].copy(), array[0].copy()
    rows = max(1, CHUNK_BYTES // array[0].nbytes)
    for start in range(0, len(array), rows):
        chunk = array[start : start + rows]
        np.minimum(low, chunk.min(axis=0), out=low)
        np.maximum(high, chunk.max(axis=0), out=high)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            row, column = np.argwhere(~np.isfinite(chunk))[0]
            raise RecordingError(
                f"{ROOT}.{key}: {what} must be finite (in float32), got {chunk[row, column]} at row {start + row},"
                f" column {column}"
            )
    constant = np.flatnonzero(low == high)
    if len(constant) and not allow_constant:
        named = ", ".join(str(column) for column in constant[:5]) + (", ..." if len(constant) > 5 else "")
        raise RecordingError(
            f"{ROOT}.{key}: {what} has {len(constant)} of {array.shape[1]} neurons that never change (columns {named});"
            f" remove them, or set {ROOT}.allow_constant: true"
        )
