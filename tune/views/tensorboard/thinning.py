"""Curves with fewer points, of which no spike is lost."""

from collections.abc import Collection, Mapping
from math import inf, isfinite

WHOLE = 128
"""Epochs up to which every one is kept."""

_BUCKETS = 32
"""Into how many buckets the epochs from there to twice as many are cut, those to four times as many, and so on."""

Point = tuple[int, float, Mapping[str, float]]
"""Epoch, time in seconds since the epoch of clocks, and value by tag."""


def bucket_end(epoch: int) -> int:
    """Returns the last epoch of the bucket in which one lies; up to 128 each has a bucket of its own."""
    if epoch <= WHOLE:
        return epoch
    octave = ((epoch - 1) // WHOLE).bit_length() - 1
    width = (WHOLE // _BUCKETS) << octave
    return -(-epoch // width) * width


class Thinning:
    """Lets the points of one run through that its curves need, in order.

    All epochs up to 128 are kept. Of each bucket of later ones (`bucket_end`: 4 epochs wide up to 256, 8 up to 512, and
    so on) each curve keeps the last, the least and the greatest value; one that is not finite counts as the greatest.
    So a curve of 1,000 epochs has about 400 points, and one of 65,536 has 992: no more than the 1,000 of which
    TensorBoard draws a random choice, which would lose spikes. Whether a point is kept depends on its bucket alone, so
    it is the same whenever it is asked.

    Args:
        ends: Epochs at which a bucket ends early: those of rungs, where a trial may wait.
    """

    def __init__(self, ends: Collection[int] = ()) -> None:
        self._ends = ends
        self._held: list[Point] = []

    def add(self, epoch: int, time: float, values: Mapping[str, float]) -> list[Point]:
        """Takes the values of one epoch; returns the points that are now known to be kept."""
        self._held.append((epoch, time, values))
        return self.flush() if epoch == bucket_end(epoch) or epoch in self._ends else []

    def flush(self) -> list[Point]:
        """Returns the points that are kept of a bucket that gets no more."""
        held, self._held = self._held, []
        if len(held) == 1:
            return held
        kept: list[dict[str, float]] = [{} for _ in held]
        for tag in dict.fromkeys(tag for _, _, values in held for tag in values):
            known = [place for place, (_, _, values) in enumerate(held) if tag in values]

            def size(place: int, tag: str = tag) -> float:
                value = held[place][2][tag]
                return value if isfinite(value) else inf

            for place in (min(known, key=size), max(known, key=size), known[-1]):
                kept[place][tag] = held[place][2][tag]
        return [(epoch, time, values) for (epoch, time, _), values in zip(held, kept, strict=True) if values]
