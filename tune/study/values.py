"""Configuration values: what YAML and JSON hold alike, and how two of them are told apart."""

import json
from collections.abc import Hashable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

_DEEPEST = 20


def _plain(value: Any, depth: int = 0) -> Any:
    """Returns a value in which there are only numbers, texts, truth values, null, lists and mappings by text.

    Raises:
        ValueError: If there is anything else in it.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth == _DEEPEST:
        raise ValueError(f"lists and mappings may stand in each other {_DEEPEST} deep, not deeper")
    if isinstance(value, list | tuple):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, Mapping):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"keys of a mapping must be text, got {strange[0]!r}; write it in quotes")
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    kind = type(value).__name__
    raise ValueError(f"must be a number, text, true, false, null, or a list or mapping of such; got {kind} {value!r}")


Value = Annotated[
    Any,
    AfterValidator(_plain),
    WithJsonSchema({"type": ["boolean", "number", "string", "null", "array", "object"]}),
]
"""A configuration value: a scalar, or a list or mapping of such."""


def is_plain(value: object) -> bool:
    """Says whether a value is a scalar: a number, text, a truth value or null."""
    return not isinstance(value, list | dict)


def text_of(value: object) -> str:
    """Returns a value as JSON; equal values have equal texts, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True)


def frozen(value: Any) -> Hashable:
    """Returns what stands for a value in a set: numbers and text for themselves, so that 2 and 2.0 are one.

    Not true and false, which would be one with 1 and 0.
    """
    stands: Hashable = ("json", text_of(value)) if isinstance(value, list | dict | bool) else value
    return stands


def same(one: object, other: object) -> bool:
    """Says whether two values are equal: numbers by their value, so 2 and 2.0 are; true and 1 are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and text_of(one) == text_of(other)
