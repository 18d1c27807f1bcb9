"""Metrics in lines of a program's output, found by patterns with names."""

import re
from collections import deque
from collections.abc import Sequence

from tune.adapters.program.metrics.row import Naming, Row


class OutputLines:
    """Lines of the output that match a pattern; its named groups are the metrics.

    Args:
        patterns: Regular expressions; where there are several, an epoch may be told in several lines.
        naming: What the metrics are called.
    """

    def __init__(self, patterns: Sequence[str], naming: Naming) -> None:
        self.whole = len(patterns) == 1
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._naming = naming
        self._matched: deque[dict[str, str | None]] = deque()

    @property
    def place(self) -> str:
        """Says where it looks."""
        return f"lines of its output that match {' or '.join(repr(one.pattern) for one in self._patterns)}"

    def hear(self, line: str) -> None:
        """Takes a line of the output, in whatever thread."""
        for pattern in self._patterns:
            match = pattern.search(line)
            if match is not None:
                self._matched.append(match.groupdict())

    def read(self, *, ended: bool) -> list[Row]:  # noqa: ARG002 - lines are whole when they are heard
        """Returns the rows of the lines that are new."""
        rows = []
        while self._matched:
            rows.append(self._naming.row({name: _bare(text) for name, text in self._matched.popleft().items()}))
        return rows


def _bare(text: str | None) -> str | None:
    r"""Returns a number without what `\S+` takes with it: the comma or bracket after it, a sign for per cent."""
    return None if text is None else text.rstrip(",;:)]}%")
