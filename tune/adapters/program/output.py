"""What a program writes to its output: its beginning and end are kept, however much there is."""

import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_BEGINNING = _END = 1_000_000
_LONGEST_LINE = 100_000
_TOLD_LINES = 20
_TOLD_CHARACTERS = 4000
_BREAK = re.compile(rb"[\r\n]+")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Output:
    """The output and errors of one process, in the log of its run and as lines.

    Args:
        log: The file to which is appended: the first million bytes at once, the last million at the end. None: nothing
            is kept but the last lines.
        heading: The first line, in front of the time.
        hear: Called with each line without its end, in the thread that reads; colours are left out.
    """

    def __init__(self, log: Path | None, heading: str, hear: Callable[[str], None] | None = None) -> None:
        self._log = None if log is None else log.open("ab", buffering=0)
        self._hear = hear
        self._left, self._held, self._dropped = _BEGINNING, 0, 0
        self._end: deque[bytes] = deque()
        self._line = b""
        self._recent: deque[str] = deque(maxlen=_TOLD_LINES)
        if self._log is not None:
            now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
            self._log.write(f"{now} {heading}\n".encode(errors="backslashreplace"))

    def take(self, chunk: bytes) -> None:
        """Takes what the process wrote next."""
        if self._log is not None:
            self._log.write(chunk[: self._left])
        rest = chunk[self._left :]
        self._left = max(0, self._left - len(chunk))
        if rest:
            self._keep(rest)
        *lines, self._line = _BREAK.split(self._line + chunk)
        self._line = self._line[-_LONGEST_LINE:]
        for line in lines:
            self._say(line)

    def close(self) -> None:
        """Writes the end of what there was."""
        self._say(self._line)
        self._line = b""
        if self._log is not None:
            if self._dropped:
                self._log.write(f"\n… {self._dropped:,} bytes left out …\n".encode())
            for chunk in self._end:
                self._log.write(chunk)
            self._log.close()
            self._log = None
        self._end.clear()

    @property
    def last_lines(self) -> list[str]:
        """The last lines that are not empty, 20 at most, none very long."""
        return [line[-_TOLD_CHARACTERS:] for line in self._recent]

    def _keep(self, rest: bytes) -> None:
        self._end.append(rest)
        self._held += len(rest)
        while self._held - len(self._end[0]) >= _END:
            gone = len(self._end.popleft())
            self._held -= gone
            self._dropped += gone

    def _say(self, line: bytes) -> None:
        text = _COLOUR.sub("", line[:_LONGEST_LINE].decode(errors="backslashreplace")).rstrip()
        if text:
            self._recent.append(text)
            if self._hear is not None:
                self._hear(text)
