"""Going through the settings of a space: how many there are, all of them, some at random."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp, log
from random import Random
from typing import Any

from tune.study.settings.conditions import Space, existing, meets, parents_first, required
from tune.study.space import Choice, IntRange, LogUniform, Parameter
from tune.study.values import frozen, same

_OTHER = object()
"""A value that no condition asks for."""


def size(space: Space) -> int | None:
    """Returns how many settings the space holds; None when it holds a parameter that cannot be counted."""
    if any(parameter.values is None for parameter in space.values()):
        return None
    return _Count(space).of(0, {})


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yields every setting of a countable space once; the last parameter varies fastest."""
    needed = {name: required(space, name) for name in space}
    for setting in _settings(space, parents_first(space), needed, {}):
        yield {name: setting[name] for name in space if name in setting}


def drawn(space: Space, random: Random) -> dict[str, Any]:
    """Returns a setting drawn at random, each parameter on its own scale."""
    return existing(space, {name: drawn_value(parameter, random) for name, parameter in space.items()})


def drawn_value(parameter: Parameter, random: Random) -> Any:
    """Returns a value of a parameter drawn at random."""
    if isinstance(parameter, Choice):
        return random.choice(parameter.choice)
    if not isinstance(parameter, LogUniform) and parameter.values is not None and parameter.step is not None:
        return parameter.values[random.randrange(len(parameter.values))]
    low, high = parameter.extremes
    if isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log):
        value = exp(random.uniform(log(low), log(high)))
    else:
        value = random.uniform(low, high)
    value = min(max(value, low), high)
    return round(value) if isinstance(parameter, IntRange) else value


def _settings(
    space: Space, names: Sequence[str], needed: Mapping[str, Mapping[str, Sequence[Any]]], chosen: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yields what `itertools.product` does, which would write all values of every axis down first."""
    if not names:
        yield chosen
        return
    name, rest = names[0], names[1:]
    if not meets(chosen, needed[name]):
        yield from _settings(space, rest, needed, chosen)
        return
    for value in space[name].values or ():
        yield from _settings(space, rest, needed, {**chosen, name: value})


class _Count:
    """The number of settings of a countable space, without a look at each: only at values that conditions ask for."""

    def __init__(self, space: Space) -> None:
        self._space, self._names = space, parents_first(space)
        self._needed = {name: required(space, name) for name in space}
        self._known: dict[Any, int] = {}

    def of(self, place: int, chosen: Mapping[str, Any]) -> int:
        """Returns how many settings there are of the parameters from a place on, where others have been chosen."""
        if place == len(self._names):
            return 1
        later = {other for name in self._names[place:] for other in self._needed[name]}
        chosen = {name: value for name, value in chosen.items() if name in later}
        key = place, frozenset((name, frozen(value)) for name, value in chosen.items())
        if key not in self._known:
            self._known[key] = self._count(place, chosen)
        return self._known[key]

    def _count(self, place: int, chosen: Mapping[str, Any]) -> int:
        name = self._names[place]
        values = self._space[name].values or ()
        if not meets(chosen, self._needed[name]):
            return self.of(place + 1, chosen)
        asked: list[Any] = []
        for needed in self._needed.values():
            asked += [one for one in needed.get(name, ()) if not any(same(one, each) for each in asked)]
        others = len(values) - len(asked)
        total = sum(self.of(place + 1, {**chosen, name: one}) for one in asked)
        return total + (others * self.of(place + 1, {**chosen, name: _OTHER}) if others else 0)
