"""What a tracker was told, in a small file of the study folder."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tune.ledger.storage.files import WholeWrites, write_atomically


class Marks:
    """Keeps how far a tracker was told of each run: a line for each that was told something, the last one counts.

    How its state evolves: made → what earlier processes wrote is read, and written anew in short → `note` appends a
    line → `close`. A line that was cut short or makes no sense is passed over: what it said is told again.

    Args:
        file: Where they lie; None: nowhere, which is for what is told once.

    Raises:
        OSError: If the file cannot be read or written.
    """

    def __init__(self, file: Path | None) -> None:
        self._told: dict[str, tuple[int, str]] = {}
        self._file: WholeWrites | None = None
        if file is not None:
            file.parent.mkdir(exist_ok=True)
            if file.exists():
                self._read(file)
            lines = "".join(_line(run, *told) for run, told in self._told.items())
            write_atomically(file, lambda out: out.write(lines.encode()))
            self._file = WholeWrites(file, "ab")

    def told(self, run: str) -> int:
        """Returns up to which place of its curve a run was told; 0 where nothing was."""
        return self._told.get(run, (0, ""))[0]

    def state(self, run: str) -> str:
        """Returns the state that was told last of a run; "" where it was not, or where the run has gone on since."""
        return self._told.get(run, (0, ""))[1]

    def note(self, run: str, told: int, state: str = "") -> None:
        """Keeps what has just been told."""
        if self._told.get(run) != (told, state):
            self._told[run] = told, state
            if self._file is not None:
                self._file.write(_line(run, told, state).encode())

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, file: Path) -> None:
        for line in file.read_bytes().splitlines():
            with suppress(ValueError, RecursionError):
                match json.loads(line):
                    case [str(run), int(told), str(state)]:
                        self._told[run] = told, state


def _line(*told: Any) -> str:
    return json.dumps(told) + "\n"
