"""What is allowed and yet may not be meant: a clock among the neurons, rows and columns swapped, volts and counts.

Letters: T rows, N neurons.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.recording.arrays import CHUNK_BYTES
from model.recording.mistakes import ROOT

FEWEST_ROWS = 32
"""Over fewer rows a signal may rise all the time by chance."""

_SMALLEST_SD, _LARGEST_SD, _LARGEST_MEAN = 0.02, 50.0, 20.0
"""Volts have a standard deviation of about 0.005, millivolts a mean of about -70, counts are in the hundreds. Networks
start out for signals of about 1: the first layer's weights, the learning rate and the penalties are of that scale."""


def monotone(chunks: Iterable[NDArray[Any]]) -> list[int]:
    """The columns that rise with every row, or fall with every row, as a clock or an index does.

    Args:
        chunks: of rows ``[t, N]``; as a rule all columns are out of the question after the first.
    """
    found: NDArray[np.bool_] | None = None  # [2, N]: rising, falling
    last: NDArray[Any] | None = None
    for chunk in chunks:
        rows = chunk if last is None else np.concatenate((last, chunk))
        here = np.stack([(rows[1:] > rows[:-1]).all(axis=0), (rows[1:] < rows[:-1]).all(axis=0)])
        found = here if found is None else found & here
        if not found.any():
            return []
        last = chunk[-1:]
    return [] if found is None else [int(column) for column in np.flatnonzero(found.any(axis=0))]


def find_notes(
    voltages: NDArray[np.float32], train: tuple[int, int], like_clocks: Sequence[int], *, standardized: bool
) -> tuple[str, ...]:
    """What whoever gave a recording should look at, a sentence each.

    Args:
        voltages: ``[T, N]``.
        train: the training rows.
        like_clocks: columns that :func:`monotone` found and nobody asked for.
        standardized: whether the voltages were brought to unit scale.
    """
    rows, neurons = voltages.shape
    notes = []
    if neurons > rows:
        notes.append(
            f"it has more neurons than rows ({neurons:,} > {rows:,}): rows are time steps; if it is [N, T],"
            " transpose it"
        )
    if like_clocks:
        named = ", ".join(str(column) for column in like_clocks[:5]) + (", ..." if len(like_clocks) > 5 else "")
        notes.append(
            f"of its columns {named} rise or fall with every row, as a clock or an index does; leave out what is no"
            f" neuron with {ROOT}.exclude: [{named}]"
        )
    if not standardized and (scale := _strange_scale(voltages, train)):
        notes.append(f"{scale}, far from the unit scale that networks start out for; {ROOT}.standardize: true helps")
    return tuple(notes)


def _strange_scale(voltages: NDArray[np.float32], train: tuple[int, int]) -> str:
    """What is strange about the scale of the signals, by a sample of the training rows; empty where nothing is."""
    start, stop = train
    most = max(2, CHUNK_BYTES // voltages[0].nbytes)
    sample = voltages[start : stop : -(-(stop - start) // most)].astype(np.float64)
    sd, mean = float(np.median(sample.std(axis=0))), float(np.median(sample.mean(axis=0)))
    if _SMALLEST_SD <= sd <= _LARGEST_SD and abs(mean) <= _LARGEST_MEAN:
        return ""
    return f"a typical neuron has mean {mean:.3g} and standard deviation {sd:.3g} in the training rows"
