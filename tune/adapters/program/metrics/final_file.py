"""Metrics in a JSON or YAML file that is written as a whole: final values, or the history of all epochs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tune.adapters.program.metrics.row import Naming, Row
from tune.adapters.program.metrics.written import Written
from tune.errors import TrainerMistake, did_you_mean
from tune.study.scalars import Loader


class FinalFile:
    """A file of final values, of the last epoch; of those before nothing is known.

    Args:
        written: The file.
        naming: What the metrics are called.
        last: The epoch that the program was to reach.
    """

    whole = True

    def __init__(self, written: Written, naming: Naming, last: int) -> None:
        self._written, self._naming, self._last = written, naming, last

    @property
    def place(self) -> str:
        """Says where it looks."""
        return self._written.place

    def read(self, *, ended: bool) -> list[Row]:
        """Returns a row per epoch when the program has ended, all but the last empty."""
        path = self._written.file() if ended else None
        if path is None:
            return []
        content = _content(path)
        if not isinstance(content, Mapping):
            raise TrainerMistake(f"{path}: must hold a mapping of metrics to numbers, got a {type(content).__name__}")
        values = self._naming.row(content).values
        return [*(Row(epoch, None, {}) for epoch in range(1, self._last)), Row(self._last, None, values)]


class History:
    """A file that holds the history of all epochs; it may be written anew after each.

    Args:
        written: The file.
        naming: What the metrics are called.
        path: Where in the file, `path[*]` for a list of mappings, `path` for a mapping of lists.
    """

    whole = True

    def __init__(self, written: Written, naming: Naming, path: str) -> None:
        self._written, self._naming = written, naming
        self._path, self._listed = path.removesuffix("[*]"), path.endswith("[*]")
        self._seen: tuple[int, int, int] | None = None

    @property
    def place(self) -> str:
        """Says where it looks."""
        return f"{self._written.place} at {self._path}"

    def read(self, *, ended: bool) -> list[Row]:
        """Returns the rows of all epochs whenever the file is another; one that is half written is read later."""
        path = self._written.file()
        if path is None:
            return []
        found = path.stat()
        seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        if not ended and seen == self._seen:
            return []
        try:
            content = _content(path)
        except TrainerMistake:
            if ended:
                raise
            return []
        self._seen = seen
        items = self._items(content, path)
        return [self._naming.row(item, number) for number, item in enumerate(items, start=1)]

    def _items(self, content: Any, path: Path) -> list[Mapping[str, Any]]:
        here = content
        for key in self._path.split(".") if self._path else ():
            if not isinstance(here, Mapping) or key not in here:
                there = list(map(str, here)) if isinstance(here, Mapping) else []
                raise TrainerMistake(f"{path}: no '{key}' on the way to {self._path}{did_you_mean(key, there)}")
            here = here[key]
        if self._listed:
            if isinstance(here, list) and all(isinstance(item, Mapping) for item in here):
                return here
            raise TrainerMistake(f"{path}: {self._path}[*] must be a list of a mapping per epoch, got {here!r:.60}")
        if isinstance(here, Mapping) and here and all(isinstance(column, list) for column in here.values()):
            count = max(len(column) for column in here.values())
            return [{name: column[at] for name, column in here.items() if at < len(column)} for at in range(count)]
        raise TrainerMistake(
            f"{path}: {self._path or 'the file'} must be a mapping of lists, got {here!r:.60}; write {self._path}[*] "
            "for a list with a mapping per epoch"
        )


def _content(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.load(text, Loader)  # noqa: S506 - a safe one
    except (ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise TrainerMistake(f"{path}: cannot be read: {said:.200}") from None
