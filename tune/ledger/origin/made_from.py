"""What a study was made from, as fingerprints: the files of its recording, and the source of its trainer.

A file is known by the SHA-256 of all of its bytes: by a sample, a file in which one neuron was changed would pass. It
is not read at every start: the fingerprint keeps by what its filesystem knows it (device, inode, size, times of change
of content and of inode), and while all of that is the same, nobody has written to it. The time of change of the inode
is the filesystem's own; no program can set it back as it can the other. A file that had just been written when it was
read is read again, because a clock that ticks slowly may show no difference (as git does with its index).
"""

import hashlib
import os
import shlex
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from tune.errors import StudyConflict
from tune.ledger.origin.sources import source_digests

Part = Literal["recording", "code"]
_SETTLED_S = 2.0  # the slowest clock of a filesystem ticks so often
_TITLES: Mapping[Part, str] = {
    "recording": "the recording is not the one that its results are of",
    "code": "the trainer's source is not the one that its results are of",
}


class FileFingerprint(BaseModel):
    """A file of a recording.

    Attributes:
        path: As the study names it.
        size: Bytes.
        sha256: Of its content.
        stat: By what its filesystem knows it, see above; empty where that cannot be relied on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    size: int
    sha256: str
    stat: tuple[int, ...] = ()


class MadeFrom(BaseModel):
    """What a study was made from.

    Attributes:
        recording: Each file that the study's `recording` names, by its key there, such as `path`.
        code: SHA-256 of each source file of the trainer, by its path in the folder that it is imported from.
        folders: What else the `recording` names: folders, of which nothing is known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    recording: dict[str, FileFingerprint] = {}
    code: dict[str, str] = {}
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, Any], sources: Mapping[str, Path], before: Self | None = None) -> Self:
        """Returns what a study would be made from now; a file that cannot be read is its trainer's to complain of.

        Args:
            named: The study's `recording`.
            sources: The files in which the code of what trains begins, see `source_digests`.
            before: What it was made from; files that are the same since then are not read again.
        """
        known = before.recording if before else {}
        recording, folders = {}, []
        for key, path in _named_paths(named):
            if path.expanduser().is_dir():
                folders.append(str(path))
                continue
            try:
                recording[key] = _fingerprint(path, known.get(key))
            except OSError:
                continue
        code = source_digests(sources)
        return cls(recording=recording, code=code, folders=tuple(folders))

    def differences(self, now: Self) -> dict[Part, list[str]]:
        """Returns in words, by what differs, in what the things that a study is made from now are others.

        What is not there now cannot be compared: a file that is missing is refused by its trainer.
        """
        recording = [
            f"{key}: {new.path} has other content ({_shown(old)} then, {_shown(new)} now)"
            for key, new in now.recording.items()
            if (old := self.recording.get(key)) is not None and (old.size, old.sha256) != (new.size, new.sha256)
        ]
        code = [
            f"{file} {'is new' if file not in self.code else 'is gone' if file not in now.code else 'was changed'}"
            for file in sorted(self.code.keys() | now.code.keys())
            if self.code and now.code and self.code.get(file) != now.code.get(file)
        ]
        found: dict[Part, list[str]] = {"recording": recording, "code": code}
        return {part: lines for part, lines in found.items() if lines}

    def with_missing(self, before: Self | None) -> Self:
        """Returns it with what it lacks and an earlier one has: a file may be away and come back as another."""
        if before is None:
            return self
        kept = {"recording": {**before.recording, **self.recording}, "code": self.code or before.code}
        return self.model_copy(update=kept)

    @property
    def told(self) -> list[str]:
        """The files and folders of the recording in words, a line each."""
        files = [f"{one.path} ({_shown(one)})" for one in self.recording.values()]
        unknown = "a folder: nobody notices when what lies in it is another"
        return files + [f"{folder} ({unknown})" for folder in self.folders]


def refuse_different(
    different: Mapping[Part, list[str]], folder: Path, accepted: Collection[str], again: str = ""
) -> None:
    """Raises StudyConflict if what a study is made from differs from before in something that was not accepted.

    Args:
        different: What differs, as `MadeFrom.differences` says it.
        folder: The study folder.
        accepted: `recording`, `code`: what may be others from now on.
        again: The command that goes on with it; by default `resume`.
    """
    refused = {part: lines for part, lines in different.items() if part not in accepted}
    if not refused:
        return
    said = []
    for part, lines in refused.items():
        said += [f"{folder}: {_TITLES[part]}:", *(f"  {line}" for line in lines)]
    options = " ".join(f"--accept-{part}" for part in refused)
    why = (
        "new results would stand beside old ones with which they cannot be compared; put back what there was, or give "
    )
    why += "it another name (--set name=...) and run it anew"
    again = again or f"latent-tune resume {shlex.quote(str(folder))}"
    go_on = f"or, where it makes no difference, go on: {again} {options}"
    raise StudyConflict("\n".join([*said, why, go_on]))


def in_words(different: Mapping[Part, list[str]]) -> str:
    """Returns what differs in one line."""
    return "; ".join(line for lines in different.values() for line in lines)


def _named_paths(value: Any, at: str = "") -> Iterator[tuple[str, Path]]:
    """Yields every file and folder that a study's `recording` names, whatever its trainer, and where it names it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named_paths(item, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _named_paths(item, f"{at}.{place}")
    elif isinstance(value, str):
        path = Path(value)
        try:
            if path.expanduser().is_file() or (value and path.expanduser().is_dir()):
                yield at, path
        except (OSError, ValueError, RuntimeError):  # no path at all, however it is looked at
            return


def _fingerprint(path: Path, known: FileFingerprint | None) -> FileFingerprint:
    with path.expanduser().open("rb") as file:
        begun = time.time()
        before = os.fstat(file.fileno())
        stat = _stat(before)
        if known is not None and known.stat == stat:
            return known.model_copy(update={"path": str(path)})
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        settled = begun - before.st_ctime > _SETTLED_S and _stat(os.fstat(file.fileno())) == stat
    return FileFingerprint(path=str(path), size=before.st_size, sha256=sha256, stat=stat if settled else ())


def _stat(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _shown(one: FileFingerprint) -> str:
    return f"{one.size:,} bytes, sha256 {one.sha256[:12]}"
