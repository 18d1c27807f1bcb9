"""From what a study says about its recording to the recording: simulated or read, checked, and memory-mapped.

A recording larger than memory can be loaded. Letters: T rows, N neurons, M stimulus inputs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES, RowWriter, map_rows
from model.recording.cache import find_or_build
from model.recording.flyvis import Simulation, simulated
from model.recording.identity import identity, unchanged
from model.recording.mistakes import ROOT, UNREADABLE, RecordingError, first_line, of_other
from model.recording.plausibility import find_notes
from model.recording.recording import Recording, check_others
from model.recording.sources import Source, open_sources
from model.recording.spec import RecordingSpec, read_spec
from model.recording.split import make_split
from model.recording.standardizing import standardized

_STANDARDIZED = ", standardized by neuron (mean 0 and standard deviation 1 over the training rows)"
_AS_TRAINED_ON = ", scaled by the same numbers"

_FORMAT = 2
"""Raise it when extraction changes: extracted columns are then made again."""


def load_recording(spec: Mapping[str, Any]) -> Recording:
    """Load the recording that a study's ``recording`` block describes.

    Everything that needs no data is checked first, and reported together. Float16, float64 and integers are converted
    to float32; the conversion, like the extraction of one column of ``[T, N, 9]``, is cached on disk by what the file
    is known by (:mod:`model.recording.identity`). A float32 ``[T, N]`` file is used where it lies. Nothing is read into
    memory whole.

    Args:
        spec: ``{"simulate": {...}}`` (keys of :class:`model.recording.flyvis.Simulation`) or
            ``{"path": ..., "column": ...}``, with optional ``split``, ``stimulus``, ``stimulus_inputs``,
            ``stimulus_path``, ``stimulus_columns``, ``columns``, ``exclude``, ``standardize``, ``allow_constant`` and
            ``others``, such blocks by name (:class:`model.recording.spec.RecordingSpec`).

    Raises:
        RecordingError: one line per mistake: what, where, the value got and what is allowed.
    """
    checked = read_spec(spec)
    own, others = _read_any(checked), {}
    for name, other in checked.others.items():
        with of_other(name):
            others[name] = _read_any(other)
    check_others(own.recording.voltages.shape[1], {name: other.recording for name, other in others.items()})
    scaled = {name: _finish_other(other, own if checked.standardize else None) for name, other in others.items()}
    return replace(_finish(own, standardize=checked.standardize), others=scaled)


@dataclass(frozen=True)
class _Read:
    """A recording as it was read, at its own scale.

    Attributes:
        recording: Without notes.
        key: What determines its voltages, JSON values.
        like_clocks: Columns that may be clocks, which nobody asked for; None of a simulation: nothing is noted of it.
    """

    recording: Recording
    key: Any
    like_clocks: Sequence[int] | None


def _read_any(spec: RecordingSpec) -> _Read:
    return _simulated(spec, spec.simulate) if spec.simulate is not None else _read(spec)


def _simulated(spec: RecordingSpec, simulation: Simulation) -> _Read:
    split = make_split(spec.split, simulation.steps)
    folder = simulated(simulation)
    voltages, stimulus = (_map(folder / f"{name}.npy") for name in ("voltages", "stimulus"))
    _check_values(voltages, "simulate", "the simulation", allow_constant=spec.allow_constant)
    settings = ", ".join(f"{key} {value}" for key, value in simulation.model_dump().items())
    source = f"simulated fly visual system: {settings}"
    return _Read(Recording(voltages, stimulus, split, source), folder.name, None)


def _read(spec: RecordingSpec) -> _Read:
    voltage_source, stimulus_source = open_sources(spec)
    split = make_split(spec.split, voltage_source.shape[0])
    voltages = _materialise(voltage_source, spec, "voltages")
    _check_values(voltages, "path", str(spec.path), allow_constant=spec.allow_constant)
    light: NDArray[np.float32] | None = None
    if stimulus_source is not None:
        light = _materialise(stimulus_source, spec, "stimulus")
        _check_values(light, "stimulus", f"the stimulus of {spec.path}", allow_constant=True)
    source = f"{spec.path}, column {spec.column}" if spec.column else str(spec.path)
    if left_out := voltage_source.left_out:
        source += f" (left out: {'; '.join(left_out[:5])}{'; ...' if len(left_out) > 5 else ''})"
    recording = Recording(voltages, light, split, source, voltage_source.dtype)
    return _Read(recording, _key(spec, "voltages"), voltage_source.like_clocks)


def _finish(read: _Read, *, standardize: bool) -> Recording:
    """Scale the recording that is trained on, if that is wanted, and look at what came out."""
    recording = read.recording
    if standardize:
        recording = _scale(recording, _training_rows(read), [read.key, list(recording.split.train)], _STANDARDIZED)
    return _note(recording, read.like_clocks, standardized=standardize)


def _finish_other(read: _Read, reference: _Read | None) -> Recording:
    """Bring another recording to the units of the one that is trained on; None where these are its own."""
    recording = read.recording
    if reference is not None:
        train = list(reference.recording.split.train)
        recording = _scale(recording, _training_rows(reference), [read.key, reference.key, train], _AS_TRAINED_ON)
    return _note(recording, read.like_clocks, standardized=True)  # at what scale to train, the other one says


def _training_rows(read: _Read) -> NDArray[np.float32]:
    return read.recording.voltages[slice(*read.recording.split.train)]


def _scale(recording: Recording, training: NDArray[np.float32], key: Any, how: str) -> Recording:
    scaled = _map(standardized(recording.voltages, training, key))
    _check_values(scaled, "standardize", "the standardized recording", allow_constant=True)
    return replace(recording, voltages=scaled, source=recording.source + how)


def _note(recording: Recording, like_clocks: Sequence[int] | None, *, standardized: bool) -> Recording:
    if like_clocks is None:
        return recording
    notes = find_notes(recording.voltages, recording.split.train, like_clocks, standardized=standardized)
    return replace(recording, notes=notes)


def _map(path: Path) -> NDArray[np.float32]:
    """A cached float32 array, as a plain array over the map: it pickles without a copy, a memmap does not."""
    return np.asarray(map_rows(path, ROOT))


def _materialise(source: Source, spec: RecordingSpec, name: str) -> NDArray[np.float32]:
    """Float32 rows on disk: in place where the file already is that, else extracted once into the cache."""
    if source.mapped is not None:
        return source.mapped
    key = _key(spec, name)

    def extract(folder: Path) -> None:
        with RowWriter(folder / f"{name}.npy", *source.shape) as rows:
            for chunk in _chunks(source, spec):
                rows.write(chunk)
        for file, known in zip(_files(spec), key["files"], strict=True):
            if not unchanged(file, known):
                raise RecordingError(f"{ROOT}.path: {file} was changed while it was read; try again")

    return _map(find_or_build(key, extract, 4 * source.shape[0] * source.shape[1]) / f"{name}.npy")


def _files(spec: RecordingSpec) -> list[Path]:
    return [path for path in (spec.path, spec.stimulus_path) if path is not None]


def _key(spec: RecordingSpec, name: str) -> dict[str, Any]:
    """What determines the rows that are extracted."""
    chosen = [spec.column, spec.stimulus_inputs, *map(list, (spec.stimulus_columns, spec.columns, spec.exclude))]
    return {"files": [identity(path) for path in _files(spec)], "what": [name, *chosen], "format": _FORMAT}


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
