"""Whether the rows that a training is judged on are among those that it learns from."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations

import numpy as np

from tune.ledger.incoming_arrays import splits_of

_CHUNK = 2**22  # numbers at a time


def overlaps(splits: object) -> dict[str, float]:
    """Returns the share of the rows of one split that lie in another one too, by content.

    Rows are compared number by number, in the coarsest of the splits' types of floats; -0 is 0. A row that occurs
    several times in its split counts once: a recording may rest in one state for long. A row whose numbers are all the
    same (padding, silence, or a single number) says nothing of where it came from, and is left out. Copies with noise
    on them are not found, and where rows have few values to take, equal ones are there by chance: give rows that tell
    samples apart.

    Args:
        splits: By name, `[rows, ...]`, any arrays or tensors of real numbers.

    Returns:
        Shares from 0 to 1 by `validation in train`: of each pair, of the later of the two as they are given. A pair
        of which one has fewer than two different rows is left out: of it nothing can be said.

    Raises:
        TrainerMistake: If it is anything else.
    """
    given = splits_of(splits)
    floats = [rows.dtype for rows in given.values() if rows.dtype.kind == "f"]
    common = min(floats, key=lambda kind: kind.itemsize) if floats else np.result_type(np.bool_, *given.values())
    marks = {name: set(_marks(rows, common)) for name, rows in given.items()}
    return {
        f"{later} in {earlier}": len(marks[later] & marks[earlier]) / len(marks[later])
        for earlier, later in combinations(marks, 2)
        if min(len(marks[later]), len(marks[earlier])) >= 2
    }


def _marks(rows: np.ndarray, kind: np.dtype) -> Iterator[bytes]:
    """Yields a hash of each row that is not one number all over; the same for the same numbers."""
    flat = rows.reshape(len(rows), -1) if rows.size else rows[:0].reshape(0, 1)
    step = max(1, _CHUNK // flat.shape[1])
    for start in range(0, len(flat), step):
        with np.errstate(over="ignore"):  # too large for a coarse type is an infinity there
            chunk = np.ascontiguousarray(flat[start : start + step] + kind.type(0), dtype=kind)
        first = chunk[:, :1]
        telling = ((chunk != first) & ~(np.isnan(chunk) & np.isnan(first))).any(axis=1)
        for row in chunk[telling]:
            yield blake2b(row, digest_size=16).digest()
