"""Which rows of a recording are for what: the ``split`` of a recording, given or by default."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.recording.mistakes import ROOT, RecordingError, did_you_mean

PARTS = ("train", "validation", "test")
"""The parts of a split, in the order of time."""

PUBLISHED_SPLIT = {"train": (4_000, 34_000), "validation": (40_000, 50_000), "test": (54_000, 64_000)}
"""Rows of the published recording, of 64,000; other recordings are split in proportion by default."""


@dataclass(frozen=True)
class Split:
    """Which rows are for what; half-open ranges that do not overlap.

    Attributes:
        train: rows that weights are fitted on.
        validation: rows that trials are compared on.
        test: rows that are looked at last.
    """

    train: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]


def make_split(given: Any, rows: int) -> Split:
    """The split given, or, where it is None, the published one scaled to ``rows``.

    Raises:
        RecordingError: one line per mistake of the split given; or fewer than 32 rows: a part would have fewer than
            two.
    """
    if given is None:
        if rows < 32:
            raise RecordingError(f"{ROOT}.split: needed, because {rows} rows are too few for the default split (32)")
        return Split(**{part: (a * rows // 64_000, b * rows // 64_000) for part, (a, b) in PUBLISHED_SPLIT.items()})
    lines = find_mistakes(given) or [
        f"{ROOT}.split.{part}: must end at or before the recording's {rows} rows, got {list(given[part])}"
        for part in PARTS
        if given[part][1] > rows
    ]
    if lines:
        raise RecordingError("\n".join(lines))
    return Split(**{part: tuple(given[part]) for part in PARTS})


def find_mistakes(split: Any) -> list[str]:
    """Mistakes of a split that need no recording, one line each: names, types, order, length, overlap."""
    if not isinstance(split, Mapping):
        return [f"{ROOT}.split: must be a mapping with {', '.join(PARTS)}, got {split!r}"]
    wrong = {part: _find_mistakes_of_type(split, part) for part in PARTS}
    good = {part: split[part] for part in PARTS if not wrong[part]}
    lines = [line for of_part in wrong.values() for line in of_part]
    unknown = [part for part in split if part not in PARTS]
    lines += [f"{ROOT}.split.{part}: unknown key{did_you_mean(str(part), PARTS)}" for part in unknown]
    lines += [
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


def _find_mistakes_of_type(split: Mapping[str, Any], part: str) -> list[str]:
    where = f"{ROOT}.split.{part}"
    if part not in split:
        return [f"{where}: field required, got {split!r}"]
    rows = split[part]
    if not isinstance(rows, list | tuple) or len(rows) != 2:
        return [f"{where}: must be two whole numbers, [start, stop), got {rows!r}"]
    return [
        f"{where}.{i}: input should be a valid integer, got {row!r}"
        for i, row in enumerate(rows)
        if type(row) is not int
    ]
