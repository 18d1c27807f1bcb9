"""Files that are either whole or absent, in a folder that leads nowhere else."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from tune.errors import UserMistake

_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp(-\w+)?")
_FOLDERS = ("curves", "checkpoints", "tensorboard", "figures", "trackers")
_FILES = ("study.yaml", "study.db", "report.md", "report.html", "best.yaml", "check.json", "latent-tune.log")


class WholeWrites(FileIO):
    """A file without a buffer whose writes are whole or an error.

    The system's own write of many bytes to a disk that is nearly full writes some of them, and says so only in what it
    returns, which Arrow does not look at.
    """

    def write(self, data: Any, /) -> int:
        """Writes all of it."""
        left = memoryview(data).cast("B")
        while left:
            written = super().write(left)
            if not written:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(self.name))
            left = left[written:]
        return memoryview(data).nbytes


def make_folder(folder: Path) -> None:
    """Makes a study's folder, or sees that it can be written.

    Raises:
        UserMistake: If it cannot, or if a file lies in the place of a folder in it, or a folder in that of a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserMistake(f"{folder}: the results folder cannot be written: {error.strerror}") from None
    wrong = [(name, "file", "folder") for name in _FOLDERS if (folder / name).exists() and not (folder / name).is_dir()]
    wrong += [(name, "folder", "file") for name in _FILES if (folder / name).is_dir()]
    if wrong:
        name, there, belongs = wrong[0]
        raise UserMistake(
            f"{folder / name}: a {there} lies where the study keeps its {belongs} of that name; move it away"
        )


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file by temporary file, fsync and rename; a reader sees the old content or the new, never a part.

    Args:
        path: The file; its folder must exist.
        write: Called with the open temporary file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def abandoned(folder: Path) -> Iterator[Path]:
    """Yields the temporary files in a folder, and below, that no living process of this machine writes."""
    for entry in _below(folder):
        match = _TEMPORARY.fullmatch(entry.name)
        if match and (int(match[1]) == os.getpid() or not psutil.pid_exists(int(match[1]))):
            yield Path(entry.path)


def refuse_links(folder: Path) -> None:
    """Raises UserMistake if there is a symbolic link in a folder: what is written would land somewhere else."""
    for entry in _below(folder):
        if entry.is_symlink():
            raise UserMistake(
                f"{entry.path}: is a symbolic link to {Path(entry.path).readlink()}, and nothing is read or written "
                "through links in a study folder; put the file or folder itself there, or remove the link"
            )


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Has a file or folder of a study that this user may not read be the user's mistake, said in words."""
    try:
        yield
    except PermissionError as error:
        denied = f"{error.filename or folder}: cannot be read by this user: {os.strerror(errno.EACCES)}"
        way = f"ask {_owner(folder)} to let you read {folder} and all below, or for a copy"
        raise UserMistake(f"{denied}; {way}") from error


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (OSError, KeyError):
        return "its owner"


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yields everything in a folder and below, but not what is in hidden folders, which are Ray's."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):  # not made yet, or another process has just removed it
        return
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _below(Path(entry.path))
