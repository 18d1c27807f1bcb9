"""What the seeds of a trial came to together: mean, least and greatest value by epoch."""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable
from math import inf, isfinite, isinf, nan
from pathlib import Path
from statistics import fmean

from tensorboard.compat.proto.event_pb2 import Event

from tune.views.tensorboard.event_file import event_file, keep_only, replace_events
from tune.views.tensorboard.run_files import scalars
from tune.views.tensorboard.thinning import Point, Thinning

PARTS = ("mean", "min", "max", "counted")
"""The last one is the number of seeds that the others are of: those whose value is finite."""


def band_tag(metric: str, part: str) -> str:
    """Returns the tag of a part of a band: `seeds/validation_mean` for `validation_loss`."""
    return f"seeds/{metric.removesuffix('_loss')}_{part}"


class Bands:
    """Remembers the losses of every run, in four bytes each, and writes the bands of a trial.

    How its state evolves: `add` with every row of a trial → `show` with every result of it → `drop`.

    Args:
        thorough: Whether to write again what is there, for it may be damaged.
    """

    def __init__(self, *, thorough: bool = False) -> None:
        self._thorough = thorough
        self._curves: dict[int, dict[tuple[str, int], array[float]]] = defaultdict(dict)  # trial → metric, seed

    def add(self, trial: int, seed: int, epoch: int, metric: str, value: float) -> None:
        """Takes the value of one epoch; the first is 1."""
        curve = self._curves[trial].setdefault((metric, seed), array("f"))
        curve.extend([inf] * (epoch - len(curve)))  # inf: not known; nan: not finite
        curve[epoch - 1] = value if isfinite(value) else nan

    def drop(self, trial: int) -> None:
        """Forgets a trial."""
        self._curves.pop(trial, None)

    def show(self, run: Path, order: int, trial: int, seeds: Collection[int], time: float) -> None:
        """Writes the bands of a trial over some seeds, in place of those over fewer.

        Args:
            run: The folder of their run.
            order: Grows with each result of the trial; one that is there already is not written again.
            trial: Its number.
            seeds: Those of the result.
            time: Of the result, in seconds since the epoch of clocks.
        """
        file = event_file(run, order)
        if self._thorough or not file.exists():
            points = self._points(trial, seeds, time)
            replace_events(file, [Event(wall_time=time, step=at, summary=scalars(told)) for at, _, told in points])
        keep_only(file)

    def _points(self, trial: int, seeds: Collection[int], time: float) -> list[Point]:
        curves = {key: curve for key, curve in self._curves.get(trial, {}).items() if key[1] in seeds}
        last = max((len(curve) for curve in curves.values()), default=0)
        metrics = tuple(dict.fromkeys(metric for metric, _ in curves))
        thinning = Thinning()
        found: list[Point] = []
        for epoch in range(1, last + 1):
            values: dict[str, float] = {}
            for metric in metrics:
                at = [curve[epoch - 1] for (name, _), curve in curves.items() if name == metric and epoch <= len(curve)]
                values |= _band(metric, at)
            if values:
                found += thinning.add(epoch, time, values)
        return found + thinning.flush()


def _band(metric: str, values: Iterable[float]) -> dict[str, float]:
    known = [value for value in values if not isinf(value)]
    finite = [value for value in known if isfinite(value)]
    if not known:
        return {}
    parts = [fmean(finite), min(finite), max(finite)] if finite else [nan] * 3
    return {band_tag(metric, part): value for part, value in zip(PARTS, [*parts, len(finite)], strict=True)}
