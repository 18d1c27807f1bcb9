"""A recording: the data that a model is trained on, loaded once, as arrays that processes share.

A recording is voltages ``[T, N]``, one row per time step, optionally the stimulus ``[T, M]``, and a split of
the rows. Letters: T rows, N neurons, M stimulus inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.mistakes import ROOT, RecordingError
from model.recording.split import PARTS, Split, make_split

_KEYS = ("voltages", "stimulus", "split", "source", "stored", "notes")


@dataclass(frozen=True)
class Recording:
    """The data of a study.

    Attributes:
        voltages: ``[T, N]`` float32, read-only; units are those of the source.
        stimulus: ``[T, M]`` float32, read-only, or None.
        split: rows for training, validation and test.
        source: where it came from, for people.
        stored: the type of its numbers there, for people.
        notes: what whoever gave it should look at, a sentence each.
    """

    voltages: NDArray[np.float32]
    stimulus: NDArray[np.float32] | None
    split: Split
    source: str
    stored: str = "float32"
    notes: tuple[str, ...] = ()


def as_mapping(recording: Recording) -> dict[str, Any]:
    """The recording as plain arrays, lists and text, nothing copied; arrays cross Ray's object store without a copy.

    Returns:
        ``{"voltages": [T, N], "stimulus": [T, M] or None, "split": {"train": [start, stop], ...}, "source": text,
        "stored": text, "notes": [text, ...]}``.
    """
    return {
        "voltages": recording.voltages,
        "stimulus": recording.stimulus,
        "split": {part: list(getattr(recording.split, part)) for part in PARTS},
        "source": recording.source,
        "stored": recording.stored,
        "notes": list(recording.notes),
    }


def describe(recording: Recording) -> list[str]:
    """What was read, in lines for people: first what it is, then what they should look at."""
    rows, neurons = recording.voltages.shape
    stored = recording.stored if recording.stored == "float32" else f"{recording.stored} read as float32"
    inputs = "" if recording.stimulus is None else f", {recording.stimulus.shape[1]:,} stimulus inputs"
    return [f"{rows:,} rows x {neurons:,} neurons{inputs}, {stored}, from {recording.source}", *recording.notes]


def from_mapping(mapping: Mapping[str, Any]) -> Recording:
    """The inverse of :func:`as_mapping`: float32 arrays are used as they are, and values are not checked again.

    Raises:
        RecordingError: the arrays have no fitting shape or type, or the split does not fit them.
    """
    extra = sorted(set(mapping) - set(_KEYS))
    if extra:
        raise RecordingError(f"{ROOT}.{extra[0]}: unknown key; allowed are {', '.join(_KEYS)}")
    voltages = _matrix(mapping["voltages"], "voltages")
    stimulus = None if mapping.get("stimulus") is None else _matrix(mapping["stimulus"], "stimulus")
    if stimulus is not None and len(stimulus) != len(voltages):
        raise RecordingError(f"{ROOT}.stimulus: must have {len(voltages)} rows like the voltages, got {len(stimulus)}")
    split = make_split(mapping.get("split"), len(voltages))
    source, stored = str(mapping.get("source", "arrays")), str(mapping.get("stored", "float32"))
    return Recording(voltages, stimulus, split, source, stored, tuple(map(str, mapping.get("notes", ()))))


def _matrix(value: Any, name: str) -> NDArray[np.float32]:
    array = np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or len(array) < 2:
        raise RecordingError(
            f"{ROOT}.{name}: must be a matrix of real numbers of at least 2 rows, got shape {array.shape},"
            f" dtype {array.dtype}"
        )
    return np.ascontiguousarray(array, dtype=np.float32)
