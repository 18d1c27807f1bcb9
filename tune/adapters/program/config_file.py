"""The file that tells a program everything: read once, copied for each run with other values."""

import copy
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tune.errors import UserMistake, did_you_mean
from tune.study.scalars import Dumper, Loader

_MOST_BYTES = 10_000_000


class ConfigFile:
    """A JSON, YAML or TOML file of nested mappings.

    Args:
        path: Of the file; its suffix says which it is.

    Raises:
        UserMistake: If it cannot be read, or holds no mapping.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise UserMistake(
                    f"program.config.file: {path} has more than {_MOST_BYTES:,} bytes; that is no settings"
                )
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UserMistake(f"program.config.file: {path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise UserMistake(f"program.config.file: {path} is no text: {error}") from None
        try:
            self._content = self._parsed(text)
        except (ValueError, yaml.YAMLError) as error:
            said = " ".join(str(error).split())
            raise UserMistake(f"program.config.file: {path} cannot be read: {said:.300}") from None
        if not isinstance(self._content, dict):
            kind = type(self._content).__name__
            raise UserMistake(f"program.config.file: {path} must hold a mapping, got a {kind}")

    def mistake(self, dotted: str) -> str | None:
        """Returns what is wrong with a dotted path, None where it names a value that is there."""
        here: Any = self._content
        keys = self._keys(dotted)
        for depth, key in enumerate(keys):
            if _get(here, key) is _MISSING:
                there = [".".join([*keys[:depth], str(one)]) for one in here] if isinstance(here, dict) else []
                near = did_you_mean(".".join(keys[: depth + 1]), there or list(_paths(self._content)))
                return f"is no path in {self.path}{near}; add it there if the program knows it"
            here = _get(here, key)
        return None

    def write(self, target: Path, values: Mapping[str, Any]) -> None:
        """Writes a copy in which dotted paths have other values.

        Args:
            target: Where to.
            values: By dotted path; `mistake` has nothing against any.
        """
        content = copy.deepcopy(self._content)
        for dotted, value in values.items():
            here: Any = content
            *way, last = self._keys(dotted)
            for key in way:
                here = _get(here, key)
            here[int(last) if isinstance(here, list) else last] = value
        target.write_text(self._dumped(content), encoding="utf-8")

    def _keys(self, dotted: str) -> list[str]:
        """Returns the keys of a path; a key with dots in it that is there is one."""
        return [dotted] if dotted in self._content else dotted.split(".")

    def _parsed(self, text: str) -> Any:
        suffix = self.path.suffix.lower()
        if suffix == ".json":
            return json.loads(text)
        return tomllib.loads(text) if suffix == ".toml" else yaml.load(text, Loader)  # noqa: S506 - a safe one

    def _dumped(self, content: Any) -> str:
        suffix = self.path.suffix.lower()
        if suffix == ".json":
            return json.dumps(content, indent=2) + "\n"
        if suffix == ".toml":
            import tomli_w

            return tomli_w.dumps(content)
        return yaml.dump(content, Dumper=Dumper, sort_keys=False, default_flow_style=False)


_MISSING = object()


def _get(here: Any, key: str) -> Any:
    if isinstance(here, dict):
        return here.get(key, _MISSING)
    if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
        return here[int(key)]
    return _MISSING


def _paths(here: Any, before: str = "") -> list[str]:
    """Returns the dotted paths of all values."""
    if not isinstance(here, dict) or not here:
        return [before.removesuffix(".")]
    return [path for key, one in here.items() for path in _paths(one, f"{before}{key}.")]
