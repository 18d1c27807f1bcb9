"""What a study says about its recording: the ``recording`` block, checked before anything is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.flyvis import Simulation
from model.mistakes import RecordingError, in_lines

ROOT = "recording"
"""Where the block stands in a study file; every mistake's path starts with it."""

PARTS = ("train", "validation", "test")
"""The parts of a split, in the order of time."""

PUBLISHED_SPLIT = {"train": (4_000, 34_000), "validation": (40_000, 50_000), "test": (54_000, 64_000)}
"""Rows of the published recording, of 64,000; other recordings are split in proportion by default."""

_Rows = tuple[int, int]


class SplitSpec(BaseModel):
    """Half-open ranges of rows, each of at least two rows, none overlapping."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    train: _Rows
    validation: _Rows
    test: _Rows


class RecordingSpec(BaseModel):
    """The ``recording`` block: ``simulate`` or ``path``, and how to read and split it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    simulate: Simulation | None = Field(None, description="parameters of the built-in recording")
    path: Path | None = Field(None, strict=False, description="a .npy, .npz, .arrow, .feather or .parquet file")
    column: str | None = Field(None, description="column of [T, N, 9] (VOLTAGE), or the array's name in an .npz")
    stimulus: bool = Field(default=False, description="also read the stimulus; a simulation always gives it")
    stimulus_inputs: int = Field(1_736, ge=1, description="photoreceptors: first entries of the STIMULUS column")
    stimulus_path: Path | None = Field(None, strict=False, description="a [T, M] .npy beside a [T, N] one")
    stimulus_columns: tuple[str, ...] = Field((), strict=False, description="a table's columns that are stimulus")
    split: SplitSpec | None = Field(None, description="default: the published proportions")
    allow_constant: bool = Field(default=False, description="accept neurons whose value never changes")


def read_spec(spec: Mapping[str, Any]) -> RecordingSpec:
    """Check a ``recording`` block by itself, without opening any file.

    Raises:
        RecordingError: one line per mistake, all of them at once.
    """
    plain = {key: _tuples(value) if key == "split" else value for key, value in spec.items()}
    lines: list[str] = []
    given = [key for key in ("simulate", "path") if spec.get(key) is not None]
    if len(given) != 1:
        got = "both" if given else "neither"
        lines.append(f"{ROOT}: needs either simulate or path, got {got}")
    if "simulate" in given:
        lines += [
            f"{ROOT}.{key}: belongs to path, not to simulate"
            for key in ("column", "stimulus_inputs", "stimulus_path", "stimulus_columns")
            if key in spec
        ]
    lines += _nested(spec.get("simulate"), "simulate", Simulation)
    lines += _nested(plain.get("split"), "split", SplitSpec)
    lines += _ranges(plain.get("split"))
    try:
        checked = RecordingSpec.model_validate(
            {key: value for key, value in plain.items() if key not in {"simulate", "split"}}
        )
    except ValidationError as error:
        lines += in_lines(error, ROOT, [*RecordingSpec.model_fields])
    if lines:
        raise RecordingError("\n".join(lines))
    simulation = Simulation.model_validate(spec["simulate"]) if "simulate" in given else None
    split = SplitSpec.model_validate(plain["split"]) if plain.get("split") is not None else None
    return checked.model_copy(update={"simulate": simulation, "split": split})


def check_bounds(split: Mapping[str, tuple[int, int]], rows: int) -> None:
    """Check that a split lies inside ``[0, rows)``.

    Raises:
        RecordingError: one line per part that reaches beyond the end.
    """
    lines = [
        f"{ROOT}.split.{part}: must end at or before the recording's {rows} rows, got {list(split[part])}"
        for part in PARTS
        if split[part][1] > rows
    ]
    if lines:
        raise RecordingError("\n".join(lines))


def default_split(rows: int) -> dict[str, tuple[int, int]]:
    """The published split, scaled to ``rows``.

    Raises:
        RecordingError: fewer than 32 rows: a part would have fewer than two.
    """
    if rows < 32:
        raise RecordingError(f"{ROOT}.split: needed, because {rows} rows are too few for the default split (32)")
    return {part: (start * rows // 64_000, stop * rows // 64_000) for part, (start, stop) in PUBLISHED_SPLIT.items()}


def _nested(value: Any, key: str, kind: type[BaseModel]) -> list[str]:
    """Mistakes inside one nested mapping."""
    if value is None:
        return []
    known = [*kind.model_fields]
    if not isinstance(value, Mapping):
        return [f"{ROOT}.{key}: must be a mapping with {', '.join(known)}, got {value!r}"]
    try:
        kind.model_validate(dict(value))
    except ValidationError as error:
        return in_lines(error, f"{ROOT}.{key}", known)
    return []


def _ranges(split: Any) -> list[str]:
    """Mistakes of a split that need no recording: order, length, overlap."""
    if not isinstance(split, Mapping):
        return []
    good = {part: rows for part in PARTS if isinstance(rows := split.get(part), tuple) and _is_range(rows)}
    lines = [
        f"{ROOT}.split.{part}: must be [start, stop) with 0 <= start and at least 2 rows, got {list(rows)}"
        for part, rows in good.items()
        if rows[0] < 0 or rows[1] - rows[0] < 2
    ]
    names = list(good)
    lines += [
        f"{ROOT}.split.{later}: overlaps {earlier}; got {list(good[later])} and {list(good[earlier])}"
        for i, later in enumerate(names)
        for earlier in names[:i]
        if max(good[later][0], good[earlier][0]) < min(good[later][1], good[earlier][1])
    ]
    return lines


def _is_range(rows: tuple[Any, ...]) -> bool:
    return len(rows) == 2 and all(type(row) is int for row in rows)


def _tuples(split: Any) -> Any:
    """YAML gives lists; the strict model wants tuples, so that ``[0, 1.5]`` and ``["0", 3]`` stay mistakes."""
    if not isinstance(split, Mapping):
        return split
    return {part: tuple(rows) if isinstance(rows, list) else rows for part, rows in split.items()}
