"""Parameters that exist only where others have certain values (`when`); pure functions.

A setting has no value of a parameter that does not exist in it. A parameter whose condition is on one that does not
exist does not exist either.
"""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from math import sqrt
from typing import Any

from tune.errors import did_you_mean
from tune.study.space import IntRange, LogUniform, Parameter
from tune.study.values import same, text_of

Space = Mapping[str, Parameter]
"""Parameters by name, in the order of the study file."""

Required = Mapping[str, Sequence[Any]]
"""The values that parameters must have, by name."""


def existing(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of those parameters that exist, in the order of the space; a value of each may be given."""
    return {
        name: values[name]
        for name, parameter in space.items()
        if name in values and (not parameter.when or meets(values, required(space, name)))
    }


def meets(values: Mapping[str, Any], asked: Required) -> bool:
    """Says whether values are as is asked for."""
    return all(name in values and any(same(values[name], one) for one in allowed) for name, allowed in asked.items())


def required(space: Space, name: str) -> dict[str, list[Any]]:
    """Returns what must hold for a parameter to exist: its conditions and those of all that they are on.

    Args:
        space: Without a circle.
        name: Of the parameter.
    """
    found: dict[str, list[Any]] = {}
    for parent, allowed in space[name].conditions.items():
        for other, also in [*required(space, parent).items(), (parent, allowed)]:
            known = found.get(other, also)
            found[other] = [one for one in known if any(same(one, each) for each in also)]
    return found


def with_conditions(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values with those beside them under which they exist, where the values given do not say otherwise."""
    needed: dict[str, Any] = {}
    for name in values:
        needed |= {other: allowed[0] for other, allowed in required(space, name).items() if allowed}
    return {**needed, **values}


def completed(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a value of each parameter: the middle of its range where none is given."""
    return {name: values[name] if name in values else _middle(parameter) for name, parameter in space.items()}


def groups(space: Space) -> list[list[str]]:
    """Returns the parameters that exist under the same condition together; first those that always do."""
    found: dict[str, list[str]] = {}
    for name, parameter in space.items():
        found.setdefault(text_of(parameter.when), []).append(name)
    return sorted(found.values(), key=lambda names: bool(space[names[0]].when))


def parents_first(space: Space) -> list[str]:
    """Returns the parameters in the order of the space, but each right after those that its condition is on."""
    found: dict[str, None] = {}

    def take(name: str) -> None:
        if name not in found and space[name].conditions.keys() <= found.keys():
            found[name] = None
            for child, parameter in space.items():
                if name in parameter.conditions:
                    take(child)

    for name in space:
        take(name)
    return list(found)


def condition_mistakes(space: Space) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields what is wrong with conditions: the path and the message of each mistake."""
    for name, parameter in space.items():
        for parent, allowed in parameter.conditions.items():
            here = ("space", name, "when", parent)
            if parent not in space:
                yield here, f"is not under `space`{did_you_mean(parent, [one for one in space if one != name])}"
            elif space[parent].values is None:
                yield here, "cannot be counted; a condition is on a choice, an int or a range with steps"
            elif strange := [one for one in allowed if not _takes(space[parent], one)]:
                yield here, f"never is {strange[0]!r}: give one of its values, or a list of them"
            elif not allowed:
                yield here, "must list at least one value"
    parents = {name: {one for one in parameter.conditions if one in space} for name, parameter in space.items()}
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        circle = error.args[1]
        way = " → ".join(reversed(circle))
        yield ("space", circle[0], "when"), f"conditions go in a circle, {way}: none of these would ever exist"
        return
    for name, parameter in space.items():
        if parents[name] == parameter.conditions.keys() and not all(required(space, name).values()):
            yield ("space", name, "when"), "never holds: what it asks for and what that asks for exclude each other"


def _takes(parameter: Parameter, value: Any) -> bool:
    if isinstance(parameter, IntRange):
        return isinstance(value, int | float) and not isinstance(value, bool) and value in parameter.values
    return any(same(value, one) for one in parameter.values or ())


def _middle(parameter: Parameter) -> Any:
    if parameter.values is not None:
        return parameter.values[len(parameter.values) // 2]
    low, high = parameter.extremes
    return sqrt(low * high) if isinstance(parameter, LogUniform) else (low + high) / 2
