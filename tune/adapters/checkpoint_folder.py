"""A folder in which code that is tuned keeps its state, as files that a checkpoint can hold."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from shutil import rmtree
from stat import S_ISLNK, S_ISREG

from tune.errors import DamagedCheckpoint, TrainerMistake

MOST_BYTES = 4_000_000_000
"""Of what a folder holds: it passes through memory."""

_MARK_NS = 1
_RANGE_NS = 1_000_000


def entries_of(folder: Path, whose: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yields what is to be kept of a folder: its files by their paths in it, in the order of names.

    A link to a file of the folder, as people name their latest checkpoint, counts as that file; one to a folder in it,
    or to nothing, is left out, for all that it leads to is kept already.

    Args:
        folder: Where the files lie; it need not be there.
        whose: Whose state it is, for messages, such as `function my:train, seed 1`.

    Raises:
        TrainerMistake: If a link leads out of the folder, or something in it is neither file, folder nor link.
    """
    if folder.is_symlink():
        raise TrainerMistake(f"{whose}: the checkpoint folder was replaced by a link; write files into it")
    if not folder.exists():
        return
    home = folder.resolve()
    for name, found in _below(folder, ""):
        about = found
        if S_ISLNK(about.st_mode):
            target = (folder / name).resolve()
            if not target.is_relative_to(home):
                raise TrainerMistake(
                    f"{whose}: {name!r} in the checkpoint folder is a link that leads out of it; save a copy there"
                )
            if not target.is_file():
                continue
            about = target.stat()
        if not S_ISREG(about.st_mode):
            raise TrainerMistake(
                f"{whose}: {name!r} in the checkpoint folder is no file; only files and folders can be kept"
            )
        yield name, about


def files_of(folder: Path, whose: str) -> dict[str, bytes]:
    """Returns the content of every file that `entries_of` yields, by its path in the folder.

    Raises:
        TrainerMistake: If that cannot be kept, or they are more than `MOST_BYTES`; then nothing was read.
    """
    entries = list(entries_of(folder, whose))
    size = sum(about.st_size for _, about in entries)
    if size > MOST_BYTES:
        raise TrainerMistake(
            f"{whose}: the checkpoint folder holds {size:,} bytes, at most {MOST_BYTES:,} can be kept; save only what "
            "is needed to go on, and remove what was saved before"
        )
    return {name: (folder / name).read_bytes() for name, _ in entries}


def write_files(folder: Path, files: Mapping[str, bytes], whose: str) -> None:
    """Makes these files all that a folder holds; it is made where it is not there.

    Args:
        folder: Where.
        files: Contents by path in the folder, its parts separated by `/`.
        whose: As of `entries_of`.

    Raises:
        DamagedCheckpoint: If a path leads out of the folder.
    """
    if os.path.lexists(folder):
        rmtree(folder)
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
            raise DamagedCheckpoint(f"{whose}: checkpoint folder: {name!r:.200} leads out of it")
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


class CheckpointFolder:
    """Gives a folder its files, takes them from it, and tells which of them were written since.

    Args:
        path: The folder; it is made when it is filled.
        whose: As of `entries_of`.
    """

    def __init__(self, path: Path, whose: str) -> None:
        self.path, self._whose = path, whose
        self._seen: dict[str, tuple[int, int, int]] = {}

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Makes these files all that the folder holds, as `write_files` does."""
        write_files(self.path, files, self._whose)
        self.written()

    def files(self) -> dict[str, bytes]:
        """Returns what `files_of` does."""
        return files_of(self.path, self._whose)

    def written(self) -> frozenset[str]:
        """Returns which files were written since this was asked for the last time, by their paths in the folder.

        A file is marked by the end of its time of change, because clocks of file systems stand still for milliseconds.

        Raises:
            TrainerMistake: If there is something that cannot be kept.
        """
        seen: dict[str, tuple[int, int, int]] = {}
        found = set()
        for name, about in entries_of(self.path, self._whose):
            present = about.st_mtime_ns, about.st_size, about.st_ino
            if present != self._seen.get(name):
                found.add(name)
                marked_ns = about.st_mtime_ns // _RANGE_NS * _RANGE_NS + _MARK_NS
                os.utime(self.path / name, ns=(about.st_atime_ns, marked_ns))
                present = (self.path / name).stat().st_mtime_ns, about.st_size, about.st_ino
            seen[name] = present
        self._seen = seen
        return frozenset(found)


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yields what is below a folder, by its path in it, in the order of names; folders only by what is in them."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat(follow_symlinks=False)
