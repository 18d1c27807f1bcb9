"""Voltages at unit scale: of each neuron the mean is 0 and the standard deviation 1, over the training rows.

Validation and test rows are scaled by the same numbers and have no part in them: else they would tell of themselves.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES, RowWriter
from model.recording.cache import find_or_build

_FORMAT = 1
"""Raise it when the numbers change: standardized recordings are then made again."""


def standardized(voltages: NDArray[np.float32], training: NDArray[np.float32], key: Any) -> Path:
    """The file, in the cache, with ``(voltages - mean) / sd`` by neuron.

    A neuron that does not change in the training rows is only moved.

    Args:
        voltages: ``[T, N]``.
        training: ``[t, N]``, training rows, of these voltages or of others; mean and standard deviation are theirs.
        key: what determines both, JSON values.
    """

    def build(folder: Path) -> None:
        mean, sd = _moments(training)
        with RowWriter(folder / "voltages.npy", *voltages.shape) as rows:
            for chunk in _chunks(voltages):
                rows.write((chunk - mean) / sd)

    whole = {"standardized": key, "format": _FORMAT}
    return find_or_build(whole, build, voltages.nbytes) / "voltages.npy"


def _moments(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, in two passes, so that nothing cancels."""
    mean = np.zeros(rows.shape[1])
    for chunk in _chunks(rows):
        mean += chunk.sum(axis=0, dtype=np.float64)
    mean /= len(rows)
    squares = np.zeros(rows.shape[1])
    for chunk in _chunks(rows):
        squares += np.square(chunk - mean).sum(axis=0)
    sd = np.sqrt(squares / len(rows))
    return mean, np.where(sd > 0, sd, 1.0)


def _chunks(array: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    rows = max(1, CHUNK_BYTES // array[0].nbytes)
    return (array[start : start + rows] for start in range(0, len(array), rows))
