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


class CheckpointFolder:
    """Gives a folder its files, takes them from it, and tells which of them were written since.

    Links are not followed, and nothing outside the folder is read or written.

    Args:
        path: The folder; it is made when it is filled.
        whose: Whose state it is, for messages, such as `function my:train, seed 1`.
    """

    def __init__(self, path: Path, whose: str) -> None:
        self.path, self._whose = path, whose
        self._seen: dict[str, tuple[int, int, int]] = {}

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Makes these files all that the folder holds.

        Args:
            files: Contents by path in the folder, its parts separated by `/`.

        Raises:
            DamagedCheckpoint: If a path leads out of the folder.
        """
        if os.path.lexists(self.path):
            rmtree(self.path)
        self.path.mkdir(parents=True)
        for name, content in files.items():
            parts = PurePosixPath(name).parts
            if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
                raise DamagedCheckpoint(f"{self._whose}: checkpoint folder: {name!r:.200} leads out of it")
            place = self.path.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        self.written()

    def files(self) -> dict[str, bytes]:
        """Returns the content of every file, by its path in the folder.

        Raises:
            TrainerMistake: If something in it is no file, a link for example, or they are more than `MOST_BYTES`.
        """
        entries = list(self._entries())
        size = sum(about.st_size for _, about in entries)
        if size > MOST_BYTES:
            raise TrainerMistake(
                f"{self._whose}: the checkpoint folder holds {size:,} bytes, at most {MOST_BYTES:,} can be kept; save "
                f"only what is needed to go on, and remove what was saved before"
            )
        return {name: (self.path / name).read_bytes() for name, _ in entries}

    def written(self) -> frozenset[str]:
        """Returns which files were written since this was asked for the last time.

        A file is marked by the end of its time of change, because clocks of file systems stand still for milliseconds.

        Raises:
            TrainerMistake: If something in it is no file, a link for example.
        """
        seen: dict[str, tuple[int, int, int]] = {}
        found = set()
        for name, about in self._entries():
            present = about.st_mtime_ns, about.st_size, about.st_ino
            if present != self._seen.get(name):
                found.add(name)
                marked_ns = about.st_mtime_ns // _RANGE_NS * _RANGE_NS + _MARK_NS
                os.utime(self.path / name, ns=(about.st_atime_ns, marked_ns), follow_symlinks=False)
                present = (self.path / name).lstat().st_mtime_ns, about.st_size, about.st_ino
            seen[name] = present
        self._seen = seen
        return frozenset(found)

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        if not os.path.lexists(self.path):
            return
        if self.path.is_symlink():
            raise TrainerMistake(f"{self._whose}: the checkpoint folder was replaced by a link; write files into it")
        for name, about in _below(self.path, ""):
            if not S_ISREG(about.st_mode):
                what = "a link" if S_ISLNK(about.st_mode) else "no file"
                raise TrainerMistake(
                    f"{self._whose}: {name!r} in the checkpoint folder is {what}; only files and folders can be kept"
                )
            yield name, about


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yields what is below a folder, by its path in it, in the order of names; folders only by what is in them."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat(follow_symlinks=False)
