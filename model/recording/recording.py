"""A recording: the data that a model is trained on, loaded once, as arrays that processes share.

A recording is voltages ``[T, N]``, one row per time step, optionally the stimulus ``[T, M]``, and a split of
the rows. Letters: T rows, N neurons, M stimulus inputs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.mistakes import ROOT, RecordingError, of_other
from model.recording.split import PARTS, Split, make_split

_KEYS = ("voltages", "stimulus", "split", "source", "stored", "notes", "others")


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
        others: by name, recordings of the same neurons on which what was trained is evaluated as well.
    """

    voltages: NDArray[np.float32]
    stimulus: NDArray[np.float32] | None
    split: Split
    source: str
    stored: str = "float32"
    notes: tuple[str, ...] = ()
    others: Mapping[str, "Recording"] = field(default_factory=dict)


def as_mapping(recording: Recording) -> dict[str, Any]:
    """The recording as plain arrays, lists and text, nothing copied; arrays cross Ray's object store without a copy.

    Returns:
        ``{"voltages": [T, N], "stimulus": [T, M] or None, "split": {"train": [start, stop], ...}, "source": text,
        "stored": text, "notes": [text, ...]}``, and where there are any ``"others": {name: the same, ...}``.
    """
    others = {name: as_mapping(other) for name, other in recording.others.items()}
    return {
        "voltages": recording.voltages,
        "stimulus": recording.stimulus,
        "split": {part: list(getattr(recording.split, part)) for part in PARTS},
        "source": recording.source,
        "stored": recording.stored,
        "notes": list(recording.notes),
        **({"others": others} if others else {}),
    }


def describe(recording: Recording) -> list[str]:
    """What was read, in lines for people: first what it is, then what they should look at."""
    rows, neurons = recording.voltages.shape
    stored = recording.stored if recording.stored == "float32" else f"{recording.stored} read as float32"
    inputs = "" if recording.stimulus is None else f", {recording.stimulus.shape[1]:,} stimulus inputs"
    others = [f"{name}: {line}" for name, other in recording.others.items() for line in describe(other)]
    read = f"{rows:,} rows x {neurons:,} neurons{inputs}, {stored}, from {recording.source}"
    return [read, *recording.notes, *others]


def from_mapping(mapping: Mapping[str, Any]) -> Recording:
    """The inverse of :func:`as_mapping`: float32 arrays are used as they are, and values are not checked again.

    Raises:
        RecordingError: the arrays have no fitting shape or type, the split does not fit them, or another recording does
            not fit this one.
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
    notes, others = tuple(map(str, mapping.get("notes", ()))), {}
    for name, other in (mapping.get("others") or {}).items():
        with of_other(name):
            others[name] = from_mapping(other)
    check_others(voltages.shape[1], others)
    return Recording(voltages, stimulus, split, source, stored, notes, others)


def check_others(neurons: int, others: Mapping[str, Recording]) -> None:
    """Check that other recordings go with one of so many neurons.

    Raises:
        RecordingError: one line per mistake: names that metrics cannot have, other neurons, others of an other.
    """
    lines = find_name_mistakes(others)
    for name, other in others.items():
        found, where = other.voltages.shape[1], f"{ROOT}.others.{name}"
        if found != neurons:
            lines.append(f"{where}: must have the {neurons} neurons of the recording that is trained on, got {found}")
        if other.others:
            lines.append(f"{where}.others: other recordings have none of their own")
    if lines:
        raise RecordingError("\n".join(lines))


def find_name_mistakes(names: Iterable[Any]) -> list[str]:
    """Mistakes of the names of other recordings, one line each."""
    return [
        f"{ROOT}.others.{name}: a name has letters, digits, _ and -, and becomes part of metrics' names; got {name!r}"
        for name in names
        if not isinstance(name, str) or re.fullmatch(r"[A-Za-z0-9_-]+", name) is None
    ]


def _matrix(value: Any, name: str) -> NDArray[np.float32]:
    array = np.asarray(value)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or len(array) < 2:
        raise RecordingError(
            f"{ROOT}.{name}: must be a matrix of real numbers of at least 2 rows, got shape {array.shape},"
            f" dtype {array.dtype}"
        )
    return np.ascontiguousarray(array, dtype=np.float32)
