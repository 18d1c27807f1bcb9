"""Which settings the constraints of a study (`where`) rule out."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from tune.errors import did_you_mean
from tune.study.settings.conditions import Space
from tune.study.settings.expression import expression
from tune.study.settings.walk import drawn, grid, size
from tune.study.values import text_of

_TRIED = 10_000
"""Settings of a space at which a constraint is looked at before it counts as one that nothing satisfies."""


def violated(where: Sequence[str], configuration: Mapping[str, Any]) -> dict[str, str]:
    """Returns which constraints a configuration violates, and how; empty where none.

    One that names a parameter which does not exist in the configuration is satisfied.
    """
    found = {}
    for text in where:
        rule = expression(text)
        if all(name in configuration for name in rule.names):
            try:
                holds, why = rule.holds(configuration), "not so"
            except ValueError as error:
                holds, why = False, str(error)
            if not holds:
                shown = ", ".join(f"{name} {text_of(configuration[name])}" for name in rule.names)
                found[text] = f"{why} with {shown}" if shown else why
    return found


def constraint_mistakes(
    where: Sequence[str], fixed: Mapping[str, Any], space: Space
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields what is wrong with constraints: the path and the message of each mistake.

    One that nothing satisfies is told by its name: of all settings where there are few, else of some.
    """
    known = [*space, *fixed]
    named = [(index, name) for index, text in enumerate(where) for name in expression(text).names]
    strange = [(index, name) for index, name in named if name not in known]
    for index, name in strange:
        yield ("where", index), f"{name} is neither under `space` nor under `fixed`{did_you_mean(name, known)}"
    if strange or not where:
        return
    never, tried = dict[str, str](), 0
    for tried, setting in enumerate(_some(space), start=1):
        broken = violated(where, {**fixed, **setting})
        if not broken:
            return
        never = {text: why for text, why in broken.items() if text in never} if tried > 1 else broken
    count = f"{tried:,} settings" if tried != 1 else "1 setting"
    for text, why in never.items():
        yield ("where", where.index(text)), f"nothing in the space satisfies {text!r} ({count} tried): {why}"
    if not never:
        both = f"each can be satisfied, but nothing in the space satisfies all together ({count} tried)"
        yield ("where",), f"{both}: {'; '.join(where)}"


def _some(space: Space) -> Iterator[dict[str, Any]]:
    """Yields every setting of a small space, else many drawn at random, the same for the same space."""
    total, random = size(space), Random(0)  # noqa: S311 - no secret
    if total is not None and total <= _TRIED:
        yield from grid(space)
    else:
        yield from (drawn(space, random) for _ in range(_TRIED))
