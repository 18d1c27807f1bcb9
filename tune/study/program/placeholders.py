"""Placeholders in the texts of a program: `{name}` stands for a value, `{{` and `}}` for braces.

`{amp?--fast}` is the argument `--fast` where `amp` is true, and no argument where it is false or null.
"""

import re
from collections.abc import Collection, Mapping

OF_RUNS = ("seed", "seeds", "epochs", "checkpoint", "run", "trial", "study", "config")
"""Placeholders that no parameter may be called like: they are of a run."""

SPREAD = ("args", "flags", "hydra")
"""Placeholders that stand for several arguments, one or two per parameter."""

_PART = re.compile(r"\{\{|\}\}|\{([^{}?]*)(\?[^{}]*)?\}|\{")


def named_in(text: str) -> list[str]:
    """Returns the names of a text's placeholders in their order; `{` for a brace that is neither closed nor doubled."""
    found = (match for match in _PART.finditer(text) if match[0] not in ("{{", "}}"))
    return [match[0] if match[1] is None else match[1] for match in found]


def condition_of(text: str) -> tuple[str, str] | None:
    """Returns the name and the argument of a text that is one `{name?argument}`; None of every other text."""
    match = _PART.fullmatch(text)
    return (match[1], match[2][1:]) if match is not None and match[1] is not None and match[2] is not None else None


def has_condition(text: str) -> bool:
    """Says whether a text holds `{name?argument}` anywhere."""
    return any(match[2] is not None for match in _PART.finditer(text))


def has_all(text: str, names: Collection[str]) -> bool:
    """Says whether every placeholder of a text is among names: a parameter may exist only under a condition."""
    return all(name in names for name in named_in(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Returns a text with the values of its placeholders.

    Args:
        text: Its placeholders are among `values`.
        values: By name.
    """

    def one(match: re.Match[str]) -> str:
        return match[0][0] if match[0] in ("{{", "}}") else values[match[1]]

    return _PART.sub(one, text)
