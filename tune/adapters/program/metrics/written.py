"""The files that one run of a program has written, known from those that were there before."""

import glob
import os
from pathlib import Path

from tune.errors import TrainerMistake


class Written:
    """The files of a pattern that were not there when this was made, just before the program began.

    Args:
        pattern: A path, or one with `*`, `?`, `[...]` or `**`, as in the standard library's `glob`.
        below: Whether all event files below what the pattern names are meant, else what it names.
    """

    def __init__(self, pattern: str, *, below: bool = False) -> None:
        self.pattern, self._below = pattern, below
        self._before = frozenset(self._matching())

    def files(self) -> list[Path]:
        """Returns the files that were made since, in the order of their names."""
        return [Path(path) for path in self._matching() if path not in self._before]

    def file(self) -> Path | None:
        """Returns the file that was made since, None as long as there is none.

        Raises:
            TrainerMistake: If there are several, of which some may be another program's.
        """
        found = self.files()
        if len(found) > 1:
            raise TrainerMistake(
                f"program.metrics: {len(found)} new files match {self.pattern}, {found[0]} and {found[1]} among them, "
                "and which are this run's cannot be told; name one, or have the program write below {run}"
            )
        return found[0] if found else None

    @property
    def place(self) -> str:
        """Says where files are looked for, and what keeps those that are there from being read."""
        if not self._before or self.files():
            return self.pattern
        return (
            f"{self.pattern}, where {min(self._before)} was before this run began and is not read; move it away, or "
            "have the program write below {run}"
        )

    def _matching(self) -> list[str]:
        found = glob.glob(self.pattern, recursive=True)  # noqa: PTH207 - patterns may be absolute
        if not self._below:
            return sorted(path for path in found if Path(path).is_file())
        return sorted(
            str(Path(here, name))
            for folder in found
            for here, _, names in os.walk(folder)
            for name in names
            if "tfevents" in name
        )
