"""Names of places that several machines see: folders by path, object stores by URI."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = ("s3", "gs", "file")
_SECRET = re.compile(r"key|secret|password|token|credential|signature", re.IGNORECASE)
_ALLOWED = "an absolute path (/mnt/lab), file:///mnt/lab, s3://bucket/prefix or gs://bucket/prefix"


def check_place(value: Any) -> Any:
    """Returns a place as it was given; other values than text as they are, for the type to refuse.

    Raises:
        ValueError: If it is none, or holds a secret. Its text is not in the message: it may hold a password.
    """
    if not isinstance(value, str):
        return value
    parts = urlsplit(value)
    if holds_secret(value, users=True):
        raise ValueError(
            "holds a key or password, which study.yaml would keep for everybody to read; take it out and give it by "
            "the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws), see docs/storage.md"
        )
    if not parts.scheme and value.startswith("/") and "?" not in value and "#" not in value:
        return value
    if parts.scheme not in _SCHEMES or parts.fragment:
        raise ValueError(f"must be {_ALLOWED}, got {value!r}")
    if parts.scheme == "file" and (parts.netloc or parts.query or not parts.path.startswith("/")):
        raise ValueError(f"a file URI has three slashes before its path and nothing after it, got {value!r}")
    if parts.scheme != "file" and not parts.netloc:
        raise ValueError(f"has no bucket; must be {_ALLOWED}, got {value!r}")
    return value


def holds_secret(uri: str, *, users: bool = False) -> bool:
    """Says whether a URI holds a password, or an option that is named like one.

    Args:
        uri: The URI, or any other text.
        users: Whether the name of a user counts as well: with some servers it is a key.

    Raises:
        ValueError: If what looks like a URI is none.
    """
    parts = urlsplit(uri)
    named = any(is_secret_name(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return named or parts.password is not None or (users and "@" in parts.netloc)


def is_secret_name(name: str) -> bool:
    """Says whether an option of this name holds a key, a password or the like."""
    return _SECRET.search(name) is not None


def is_uri(text: str) -> bool:
    """Says whether a text is the URI of a place, and not the path of a folder."""
    return text.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES))


def folder_of(place: str) -> Path | None:
    """Returns the folder on a disk that a place is; None where it is in an object store."""
    if not is_uri(place):
        return Path(place)
    parts = urlsplit(place)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def inside(place: str, *names: str) -> str:
    """Returns the place of something in a place; a URI keeps its options."""
    base, question, options = place.partition("?")
    return "/".join((base.rstrip("/"), *names)) + question + options


def parent_and_name(place: str) -> tuple[str, str]:
    """Returns what a place lies in, and its name there."""
    base, question, options = place.partition("?")
    above, _, name = base.rstrip("/").rpartition("/")
    return above + question + options, name


def without_options(place: str) -> str:
    """Returns a place as people write it, without the options of its URI."""
    return place.partition("?")[0].rstrip("/")
