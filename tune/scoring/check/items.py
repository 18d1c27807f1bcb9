"""What a check says: items, each with a verdict, what was measured, what was asked, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite
from typing import Literal, TypeAlias

from tune.scoring.check.measured import Epoch, Probed, Purpose
from tune.study.study import Study

Verdict: TypeAlias = Literal["go", "warning", "no-go", "unknown"]
"""Of one item; unknown: it could not be asked, and why is said."""


@dataclass(frozen=True)
class Item:
    """One line of a check.

    Attributes:
        name: What is asked about, such as `determinism`.
        verdict: Whether it holds.
        measured: What was found, in words with numbers.
        asked: What it should be; empty where that goes without saying.
        advice: What to do where it does not hold.
    """

    name: str
    verdict: Verdict
    measured: str
    asked: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Evidence:
    """What the short trainings of a study came to, as the items ask for it.

    Attributes:
        study: The study, whose metric is judged.
        probed: What was trained.
        machine: What is at hand for the whole study: `host_bytes` of memory, `disk_bytes` that are free, `slots`.
    """

    study: Study
    probed: Sequence[Probed]
    machine: Mapping[str, float] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """What is scored."""
        return self.study.score.metric

    @cached_property
    def whole(self) -> Probed:
        """The middle of the space."""
        return self.probed[0]

    def of(self, *purposes: Purpose) -> list[Probed]:
        """Returns the trainings for some purposes."""
        return [one for one in self.probed if one.purpose in purposes]

    def first(self, purpose: Purpose) -> Probed | None:
        """Returns the first training for a purpose, None where there was none."""
        return next(iter(self.of(purpose)), None)

    def losses(self, probed: Probed, seed: int, metric: str | None = None) -> dict[int, float]:
        """Returns a seed's values of a metric by epoch, so that lower is better; those that are known.

        Args:
            probed: A training that had the seed.
            seed: One of its seeds.
            metric: Its name; None: the one that is scored.
        """
        sign = -1.0 if self.study.score.maximize and metric is None else 1.0
        values = curve(probed, seed, metric or self.metric)
        return {epoch: sign * value for epoch, value in values.items()}

    def drop(self, probed: Probed) -> float | None:
        """Returns the share of the loss by which it fell, the mean over seeds; None where fewer than two are known.

        Of a metric whose values may be negative it is a share of the larger of both ends, so that a gain is never more
        than all of it.
        """
        drops: list[float] = []
        for seed in probed.seeds:
            values = [value for value in self.losses(probed, seed).values() if isfinite(value)]
            if len(values) > 1:
                unit = max(abs(values[0]), abs(values[-1]))
                drops.append((values[0] - values[-1]) / unit if unit else 0.0)
        return sum(drops) / len(drops) if drops else None


def curve(probed: Probed, seed: int, metric: str) -> dict[int, float]:
    """Returns a seed's values of a metric by epoch, the evaluation's after the last one where only that has it."""
    place = list(probed.seeds).index(seed)
    found: dict[int, float] = {}
    for epoch in probed.epochs:
        values = epoch.metrics.get(metric)
        if values is not None and (value := values[place]) is not None:
            found[epoch.number] = value
    values = (probed.evaluation or {}).get(metric)
    if values is not None and probed.epochs and (value := values[place]) is not None:
        found[probed.epochs[-1].number] = value
    return found


def apart(one: Mapping[int, float], other: Mapping[int, float]) -> float | None:
    """Returns the largest difference of two curves at the same epoch, relative to their values; None without one.

    inf where one is finite and the other is not.
    """
    differences = [_apart(one[epoch], other[epoch]) for epoch in one.keys() & other.keys()]
    return max(differences, default=None)


def _apart(one: float, other: float) -> float:
    if not isfinite(one) or not isfinite(other):
        return 0.0 if repr(one) == repr(other) else inf
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def setting_of(probed: Probed, whole: Probed) -> str:
    """Returns what a setting has of its own beside the middle, in words."""
    own = {name: value for name, value in probed.parameters.items() if whole.parameters.get(name) != value}
    return ", ".join(f"{name} = {value}" for name, value in (own or probed.parameters).items())


def seconds_of(epochs: Iterable[Epoch]) -> list[float]:
    """Returns how long epochs took."""
    return [epoch.seconds for epoch in epochs]
