"""The arms of a round: what each changes, what each is called, which comes first. Pure functions."""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tune.study.plan.section import Round
from tune.study.values import frozen, same, text_of

BASE = "base"
"""The arm that changes nothing: all others of its round are set against it."""

_PLAIN = re.compile(r"[^\W\d][\w.+/-]*")

OF_TRAINING = ("epochs", "seeds")
"""What an arm may change beside parameters: how long it trains, and on how many of the plan's seeds."""


@dataclass(frozen=True)
class Start:
    """What a round begins with.

    Attributes:
        base: Every parameter's value.
        epochs: The plan's, of each seed of an arm.
        seeds: How many seeds the plan has.
    """

    base: Mapping[str, Any]
    epochs: int
    seeds: int


@dataclass(frozen=True)
class Arm:
    """A configuration with a name.

    Attributes:
        round: Of which round.
        name: Its name there; `base` changes nothing.
        changes: What differs from the base of the round; its epochs where they do.
        configuration: Every parameter of the plan.
        epochs: Of each seed.
        seeds: How many of the plan's seeds.
    """

    round: str
    name: str
    changes: Mapping[str, Any]
    configuration: Mapping[str, Any]
    epochs: int
    seeds: int

    @property
    def full_name(self) -> str:
        """Round and name, as `optimizer/fast`."""
        return f"{self.round}/{self.name}"

    @property
    def seed_epochs(self) -> int:
        """What it costs."""
        return self.epochs * self.seeds

    @property
    def key(self) -> Hashable:
        """The same for two arms that train the same: configuration and epochs."""
        return arm_key(self.configuration, self.epochs)

    def has(self, wanted: str | Mapping[str, Any]) -> bool:
        """Says whether it is meant by a name, or by values that it has."""
        if isinstance(wanted, str):
            return wanted in (self.name, self.full_name)
        there = {**self.configuration, "epochs": self.epochs, "seeds": self.seeds}
        return all(name in there and same(there[name], value) for name, value in wanted.items())


def arm_key(configuration: Mapping[str, Any], epochs: int) -> Hashable:
    """Returns what is the same for arms that train the same."""
    return epochs, frozenset((name, frozen(value)) for name, value in configuration.items())


def arms_of(name: str, of: Round, start: Start) -> list[Arm]:
    """Returns the arms of a round in the order in which they are trained; none of a round that searches.

    What a grid or a list has twice is one arm. The base comes first, as an arm of its own where no other is the same.
    """
    if of.search is not None:
        return []
    begins = Start(start.base, of.epochs or start.epochs, of.seeds or start.seeds)
    found: dict[Hashable, Arm] = {}
    for title, changes in _changes(of):
        arm = _arm(name, title, changes, begins)
        found.setdefault(arm.key, arm)
    own = _arm(name, BASE, {}, begins)
    of_base = found.pop(own.key, own)
    weighed = sorted(found.values(), key=lambda arm: -of.weights.get(arm.name, 1.0))
    return [of_base, *sorted(weighed, key=lambda arm: _place(arm, of))]


def named_changes(of: Round) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields name and changes of the arms that a grid, or lists one at a time, make."""
    crossed = of.crossed
    for point in product(*crossed.values()) if crossed else ():
        changes = dict(zip(crossed, point, strict=True))
        yield setting_name(changes), changes
    for name, values in (of.one_at_a_time or {}).items():
        for value in values:
            yield setting_name({name: value}), {name: value}


def setting_name(changes: Mapping[str, Any]) -> str:
    """Returns what an arm is called that nobody named: `learning_rate=0.0003,warmup_fraction=0.05`."""
    return ",".join(f"{name}={_written(value)}" for name, value in changes.items())


def _written(value: Any) -> str:
    """Returns a value as it is in a name: text without quotes where it cannot be taken for anything else."""
    if not isinstance(value, str) or not _PLAIN.fullmatch(value) or value in ("true", "false", "null"):
        return text_of(value)
    return value


def _changes(of: Round) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from named_changes(of)
    yield from (of.arms or {}).items()


def _arm(of: str, name: str, changes: Mapping[str, Any], start: Start) -> Arm:
    base = start.base
    lasts, repeats = int(changes.get("epochs", start.epochs)), int(changes.get("seeds", start.seeds))
    parameters = {key: value for key, value in changes.items() if key not in OF_TRAINING}
    configuration = {**base, **parameters}
    if "epochs" in base:  # a schedule wants to know for how long it is planned
        configuration["epochs"] = lasts
    differs = {key: value for key, value in configuration.items() if not same(value, base[key])}
    longer = {"epochs": lasts} if lasts != start.epochs else {}
    return Arm(of, name, {**differs, **longer}, configuration, lasts, repeats)


def _place(arm: Arm, of: Round) -> tuple[int, int]:
    """Returns where an arm stands: before the others, among them, after them."""
    for place, wanted in enumerate(of.first):
        if arm.has(wanted):
            return 0, place
    for place, wanted in enumerate(of.last):
        if arm.has(wanted):
            return 2, place
    return 1, 0


def carried(
    of: Round,
    winners: Mapping[str, Mapping[str, Any]],
    bases: Mapping[str, Mapping[str, Any]],
    earlier: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns what a round takes over from earlier ones, by parameter; where two have found one, the last named.

    A round has found what its winner has changed of the base that it began with. So one that found nothing better than
    its base takes nothing away from what another has found.

    Args:
        of: The round.
        winners: The configuration of the winner of each round that it is from.
        bases: What each of these began with.
        earlier: What each of these has taken over itself.
    """
    taken: dict[str, Any] = {}
    for name in of.from_:
        base, winner = bases[name], winners[name]
        taken |= {**earlier[name], **{key: winner[key] for key in base if not same(winner[key], base[key])}}
    return taken
