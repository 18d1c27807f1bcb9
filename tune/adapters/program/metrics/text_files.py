"""Metrics in files of text to which a program adds: JSON lines and CSV."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tune.adapters.program.metrics.row import Naming, Row
from tune.adapters.program.metrics.written import Written
from tune.errors import TrainerMistake


class JsonLines:
    """A file with one JSON object per line; lines that are empty count for nothing.

    Args:
        written: The file.
        naming: What the metrics are called.
        whole: Whether each line is all of its epoch.
    """

    def __init__(self, written: Written, naming: Naming, *, whole: bool) -> None:
        self.whole = whole
        self._written, self._naming = written, naming
        self._offset = self._lines = 0

    @property
    def place(self) -> str:
        """Says where it looks."""
        return self._written.place

    def read(self, *, ended: bool) -> list[Row]:
        """Returns the rows of the lines that are new; one without an end may be half written."""
        path = self._written.file()
        if path is None or path.stat().st_size <= self._offset:
            return []
        with path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        end = len(content) if ended else content.rfind(b"\n") + 1
        self._offset += end
        rows = []
        for line in content[:end].splitlines():
            self._lines += 1
            if line.strip():
                rows.append(self._row(line, path))
        return rows

    def _row(self, line: bytes, path: Path) -> Row:
        try:
            given = json.loads(line)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            shown = line[:60].decode(errors="backslashreplace")
            raise TrainerMistake(f"{path}, line {self._lines}: must be one JSON object, got {shown!r}")
        return _placed(lambda: self._naming.row(given), f"{path}, line {self._lines}")


class Csv:
    """A CSV file with a header; rows of one epoch are parts of it, empty cells count for nothing.

    A program may write it anew, with other columns.

    Args:
        written: The file.
        naming: What the metrics are called.
    """

    whole = False

    def __init__(self, written: Written, naming: Naming) -> None:
        self._written, self._naming = written, naming
        self._seen: tuple[int, int] | None = None
        self._header: list[str] = []
        self._taken = 0

    @property
    def place(self) -> str:
        """Says where it looks."""
        return self._written.place

    def read(self, *, ended: bool) -> list[Row]:
        """Returns the rows that are new; all, where the header is another."""
        path = self._written.file()
        if path is None:
            return []
        found = path.stat()
        if not ended and (found.st_size, found.st_mtime_ns) == self._seen:
            return []
        self._seen = (found.st_size, found.st_mtime_ns)
        text = path.read_text(encoding="utf-8-sig", errors="backslashreplace")
        if not ended:
            text = text[: text.rfind("\n") + 1]
        lines = [line for line in csv.reader(text.splitlines()) if line]
        if not lines:
            return []
        if lines[0] != self._header:
            self._header, self._taken = lines[0], 0
        new, self._taken = lines[1 + self._taken :], len(lines) - 1
        first = self._taken - len(new) + 2
        return [
            _placed(lambda cells=cells: self._naming.row(self._cells(cells)), f"{path}, line {at}")  # type: ignore[misc]
            for at, cells in enumerate(new, start=first)
        ]

    def _cells(self, cells: list[str]) -> dict[str, Any]:
        named = zip(self._header, cells, strict=False)
        return {name.strip(): cell.strip() for name, cell in named if cell.strip()}


def _placed(make: Callable[[], Row], where: str) -> Row:
    try:
        return make()
    except TrainerMistake as error:
        raise TrainerMistake(f"{where}: {error}") from None
