"""Everything that can go wrong, as one tree.

LatentTuneError
├── UserMistake                 exit code 2: one message, no traceback, nothing written
│   ├── FileMistakes            every mistake of one study or training file, with path and line
│   ├── RecordingMistake        the recording cannot be used
│   ├── StudyConflict           the folder holds another study
│   └── StudyBusy               another process is running this study
├── TrainerMistake              ends no study: what a trainer handed over cannot be used, and its unit of work dies
├── ProgramFailed               ends no study: a program that trains ended with an error, and its unit of work dies
│   └── ProgramOutOfMemory      for want of memory
├── DamagedCheckpoint           ends no study: the trial goes on from an older checkpoint, or from the start
├── StudyStopped                exit code 1: the study cannot go on (every trial dies of one cause, its folder is gone)
├── NoGo                        exit code 3: a check found what makes the study not worth beginning
├── DiskFull                    exit code 1: paused, the disk is full; the message says how to continue
└── Interrupted                 exit code 130: stopped on request; the message says how to continue
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


class LatentTuneError(Exception):
    """Anything this package raises on purpose."""

    exit_code = 1


class UserMistake(LatentTuneError):  # noqa: N818 - a mistake is what it is
    """Something the user can mend: the message says what, where, the value got, what is allowed, what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Mistake:
    """One mistake in a file.

    Attributes:
        path: Dotted path of the value, such as `space.learning_rate.log_uniform`.
        message: What is wrong, the value got, what is allowed.
        line: 1-based line of the value in its file; None when it came from the command line or is missing.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class FileMistakes(UserMistake):
    """Every mistake of one file, so that it is mended once."""

    def __init__(self, source: Path | str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        heading = f"{source}: {count} mistake{'s' if count != 1 else ''}"
        super().__init__("\n".join([heading, *(f"  {mistake}" for mistake in self.mistakes)]))


class RecordingMistake(UserMistake):
    """The recording cannot be used."""


class StudyConflict(UserMistake):
    """The folder holds another study than the one asked for."""


class StudyBusy(UserMistake):
    """Another process holds the study's lease."""


class TrainerMistake(LatentTuneError, ValueError):  # noqa: N818 - a mistake is what it is
    """What a trainer handed over breaks its contract: the message says what, the value got, what is allowed."""


class ProgramFailed(LatentTuneError, RuntimeError):  # noqa: N818 - says what happened to the program
    """A program that trains ended with an error: its first line has the exit code and the last line of output."""


class ProgramOutOfMemory(ProgramFailed, MemoryError):  # noqa: N818 - the same
    """A program that trains ended for want of memory."""


class DamagedCheckpoint(LatentTuneError):  # noqa: N818 - says what happened to the checkpoint
    """A checkpoint is missing, is not what was written, or holds more than plain data."""


class StudyStopped(LatentTuneError):  # noqa: N818 - says what happened to the study
    """The study cannot go on."""


class NoGo(LatentTuneError):  # noqa: N818 - the verdict of a check
    """A check found what makes a study not worth beginning; the items say what."""

    exit_code = 3


class DiskFull(LatentTuneError):  # noqa: N818 - says what happened to the study
    """Paused because the disk is full, or nearly; nothing that was stored is lost."""


class Interrupted(LatentTuneError):  # noqa: N818 - says what happened to the study
    """Stopped on request; nothing is lost."""

    exit_code = 130


def did_you_mean(word: str, allowed: Sequence[str]) -> str:
    """Returns `; did you mean 'x'?` for the nearest allowed word, or the allowed words."""
    near = get_close_matches(word, allowed, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; allowed: {', '.join(sorted(allowed))}"
