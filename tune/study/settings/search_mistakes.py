"""What is wrong with `search` that only the space shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tune.errors import did_you_mean
from tune.study.sections import Search
from tune.study.settings.conditions import Space, existing, meets, required
from tune.study.settings.constraints import violated
from tune.study.settings.priors import priors

Found = Iterator[tuple[tuple[str | int, ...], str]]


def search_mistakes(search: Search, where: Sequence[str], fixed: Mapping[str, Any], space: Space) -> Found:
    """Yields the path and the message of each mistake; conditions and constraints are sound."""
    if search.method == "grid":
        for name, parameter in space.items():
            if parameter.values is None:
                yield ("space", name), "a grid needs countable parameters: use choice or int"
        for name in priors(space):
            yield ("space", name, "prior"), "a grid tries every setting, with or without; use another search.method"
    for index, name in enumerate(search.protect or ()):
        if name not in space:
            yield ("search", "protect", index), f"'{name}' is not under `space`{did_you_mean(name, list(space))}"
    for index, setting in enumerate(search.enqueue):
        yield from _enqueue_mistakes(index, setting, space)
        for text, why in violated(where, {**fixed, **existing(space, setting)}).items():
            yield ("search", "enqueue", index), f"violates `where`, {text}: {why}"


def _enqueue_mistakes(index: int, setting: Mapping[str, Any], space: Space) -> Found:
    for name, value in setting.items():
        here = ("search", "enqueue", index, name)
        if name not in space:
            yield here, f"is not under `space`{did_you_mean(name, list(space))}"
        elif not space[name].holds(value):
            yield here, f"{value!r} is outside of what is searched"
        elif not meets(setting, needed := required(space, name)):
            beside = ", ".join(f"{other} is {' or '.join(map(str, allowed))}" for other, allowed in needed.items())
            yield here, f"exists only where {beside}: give that beside it, or leave it out"
