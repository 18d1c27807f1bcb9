"""A run as whoever compares it sees it, wherever it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Literal

from tune.errors import UserMistake
from tune.ledger.imports.names import EPOCHS, is_derived, named, role

MOST_BYTES = 200_000_000
"""Of one file; whoever has more has it in a database, or can leave out what nobody compares."""
MOST_RUNS = 5000
"""Of one source."""
_DEEPEST = 20

Axis = Literal["epoch", "step"]


@dataclass(frozen=True)
class ImportedRun:
    """One seed of one configuration, as its source tells it.

    Attributes:
        key: What it is called in its source: the number of a trial, the name of a run.
        source: As the user named it.
        configuration: Value by name, dotted where it was nested; without the seed.
        surroundings: What it was trained on and by, which no parameter sets.
        seed: None where the source tells none.
        curves: By metric, value by epoch from 1; nan where it was told as that.
        finals: Metrics of which one value is told, of the end of the run.
        seconds: That it took; None where that is not told.
        gpu_seconds: GPU-seconds that it took; None where that is not told.
        axis: What the curves are by: epochs, or steps as a logger counts them.
        metric: What is scored, where the source says.
        maximize: Whether higher values of that are better, where the source says.
        baseline: Value of that which a run must beat, where the source says.
        group: Runs of one source with the same are seeds of one configuration, where the source tells none; None: each
            is by itself.
        study: What a plan of further runs takes over from the study that it is of; empty elsewhere.
    """

    key: str
    source: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    curves: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    finals: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    gpu_seconds: float | None = None
    axis: Axis = "epoch"
    metric: str | None = None
    maximize: bool | None = None
    baseline: float | None = None
    group: str | None = None
    study: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics, those with a curve first."""
        return tuple(dict.fromkeys([*self.curves, *self.finals]))

    @property
    def epochs(self) -> int | None:
        """The last epoch of which anything is told; None where no curve is told and the configuration does not say."""
        ends = [max(curve) for curve in self.curves.values() if curve]
        if ends:
            return max(ends)
        told = next((value for name, value in self.configuration.items() if is_epochs(name)), None)
        return int(told) if isinstance(told, int | float) and not isinstance(told, bool) and isfinite(told) else None

    def curve(self, metric: str) -> Mapping[int, float]:
        """Returns the curve of a metric, or of one that means the same; empty where there is none."""
        return named(self.curves, metric) or {}

    def final(self, metric: str) -> float | None:
        """Returns the last value of a metric, or of one that means the same; None where it is not known."""
        curve = self.curve(metric)
        return curve[max(curve)] if curve else named(self.finals, metric)


def is_epochs(name: str) -> bool:
    """Says whether a parameter tells for how many epochs a run was to train."""
    return role(name.rpartition(".")[2]) in EPOCHS


def flat(given: Mapping[Any, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yields what is in a mapping by dotted names, whatever it is nested in."""
    for key, value in given.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value and depth < _DEEPEST:
            yield from flat(value, f"{name}.", depth + 1)
        else:
            yield name, value


def number_of(given: object) -> float | None:
    """Returns a number as a float; None of what is none, truth values among them."""
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def seed_in(configuration: Mapping[str, Any]) -> int | None:
    """Returns the seed that a configuration names; None where it names none."""
    for name, value in configuration.items():
        if is_seed(name) and isinstance(value, int | float) and float(value).is_integer():
            return int(value)
    return None


def whole(epoch: float) -> int:
    """Returns the epoch in which something was told: one told as 2.4 is part of the third."""
    return ceil(epoch)


def is_seed(name: str) -> bool:
    """Says whether a parameter is the seed."""
    return role(name.rpartition(".")[2]) in ("seed", "random_seed", "rng_seed", "random_state")


def without_seed(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a configuration without its seed and what follows from other values of it."""
    return {name: value for name, value in configuration.items() if not is_seed(name) and not is_derived(name)}


def seconds_in(curves: Mapping[str, Mapping[int, float]], finals: Mapping[str, float]) -> float | None:
    """Returns how long a run took, from what it tells: seconds of each epoch, since its beginning, or of the clock."""
    for name, curve in curves.items():
        values = [value for value in curve.values() if isfinite(value)]
        if not values:
            continue
        if role(name) in ("seconds", "epoch_seconds", "epoch_time", "time_this_iter_s"):
            return sum(values)
        if role(name) in ("runtime", "time_total_s", "elapsed", "elapsed_s", "total_seconds"):
            return max(values)
    for name, curve in curves.items():
        if role(name) in ("timestamp", "wall_time") and len(curve) > 1:
            return max(curve.values()) - min(curve.values())
    told = ("seconds", "runtime", "duration", "time_total_s", "total_seconds", "train_time", "train_runtime")
    return next((value for name, value in finals.items() if role(name) in told and isfinite(value)), None)


def from_one(curves: Mapping[str, Mapping[int, float]]) -> dict[str, dict[int, float]]:
    """Returns curves whose first epoch is 1 where it was numbered 0; steps that are not counted by one stay."""
    told = sorted({epoch for curve in curves.values() for epoch in curve})
    shift = int(bool(told) and told[0] == 0 and (len(told) == 1 or told[1] == 1))
    return {name: {epoch + shift: value for epoch, value in sorted(curve.items())} for name, curve in curves.items()}


def refuse_large(path: Path) -> None:
    """Raises UserMistake if a file is larger than is read."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserMistake(f"{path}: cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise UserMistake(
            f"{path}: {size:,} bytes; at most {MOST_BYTES:,} are read; keep the runs and columns that you compare"
        )
