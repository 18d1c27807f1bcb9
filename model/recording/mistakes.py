"""The one exception that a wrong recording raises, and how its lines are worded."""

import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, tokenize.TokenError),
)
"""What NumPy, zipfile and Arrow raise over bytes that make no sense; Arrow's own are of the first line."""

ROOT = "recording"
"""Where the block stands in a study file; every mistake's path starts with it."""


_PATHS = rf"^{ROOT}(?=[.:])|(?<=\s){ROOT}(?=\.(allow_constant|column|columns|exclude|split|stimulus_columns)\b(?!\.))"
"""Where a message has the path of a setting: at the start of a line, and in advice. ``recording.npy`` is a file."""


class RecordingError(ValueError):
    """A mistake in a recording or in its description; nothing was loaded.

    The message has one line per mistake. Each line starts with where it is, such as
    ``recording.split.test:``, and says the rule, the value got, and what is allowed.
    """


@contextmanager
def of_other(name: str) -> Iterator[None]:
    """Tell mistakes of one of the other recordings under its own path, ``recording.others.NAME``."""
    try:
        yield
    except RecordingError as error:
        told = re.sub(_PATHS, f"{ROOT}.others.{name}", str(error), flags=re.MULTILINE)
        raise RecordingError(told) from error


def in_lines(findings: Iterable[Mapping[str, Any]], root: str, known: Sequence[str]) -> list[str]:
    """Turn pydantic's findings into one line each: path, rule, value got, nearest known key.

    Args:
        findings: the ``errors()`` of a ``pydantic.ValidationError``.
        root: path of the validated mapping, such as ``recording.simulate``.
        known: the keys that the mapping may have.
    """
    lines = []
    for found in findings:
        path = ".".join([root, *(str(part) for part in found["loc"])])
        if found["type"] == "extra_forbidden":
            lines.append(f"{path}: unknown key{did_you_mean(str(found['loc'][-1]), known)}")
        else:
            lines.append(f"{path}: {found['msg'][0].lower()}{found['msg'][1:]}, got {found['input']!r}")
    return lines


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest known word, else the list of what is allowed."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed are {', '.join(known)}"


def first_line(error: BaseException) -> str:
    """What an error says in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)
