"""Where checkpoints lie: a folder on a disk or a prefix in an object store, behind one small interface.

Names are relative and separated by `/`. In both a reader sees a whole file or none: on a disk by temporary file, fsync
and rename, in an object store because an object appears when all of it has been taken.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tune.ledger.storage.damaged import set_aside
from tune.ledger.storage.files import write_atomically
from tune.ledger.storage.object_folder import ObjectFolder, is_away
from tune.ledger.storage.outages import OutageRetry
from tune.study.places import folder_of, inside, without_options
from tune.study.study import Study


class Folder(Protocol):
    """What checkpoints need of where they lie.

    Attributes:
        place: Its path or URI.
    """

    place: str

    @property
    def disk(self) -> Path | None:
        """The folder, where it is one on a disk; None in an object store."""
        ...

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Writes a file, whole or not at all; it is durable when this returns."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Opens a file to read, at any offset; FileNotFoundError where there is none."""
        ...

    def files(self, below: str = "") -> dict[str, int]:
        """Returns the bytes of every file by its name, in all or below a folder in it; these may change meanwhile."""
        ...

    def folders(self) -> list[str]:
        """Returns the names of the folders in it."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Removes files; those that are gone already are gone."""
        ...

    def remove_empty(self, name: str) -> None:
        """Removes a folder in it, if nothing is left there."""
        ...

    def set_aside(self, name: str, why: str) -> None:
        """Moves a file, or a folder in it, into the folder `damaged/` beside this one, and says so in the log."""
        ...


class LocalFolder:
    """A folder on a disk, which may be one that several machines see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)

    @property
    def disk(self) -> Path:
        """The folder."""
        return self._path

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Writes a file by temporary file, fsync and rename."""
        path = self._path / name
        path.parent.mkdir(exist_ok=True)  # not its parents: a study's folder that was deleted does not come back
        write_atomically(path, write)

    def open(self, name: str) -> BinaryIO:
        """Opens a file where it lies."""
        return (self._path / name).open("rb")

    def files(self, below: str = "") -> dict[str, int]:
        """Walks the folder; temporary files are named as well."""
        found = {}
        for home, _, names in os.walk(self._path / below):
            for name in names:
                path = Path(home, name)
                with suppress(FileNotFoundError):
                    found[str(path.relative_to(self._path))] = path.stat().st_size
        return found

    def folders(self) -> list[str]:
        """Looks into the folder; what is a link is none."""
        with suppress(FileNotFoundError), os.scandir(self._path) as found:
            return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
        return []

    def remove(self, names: Iterable[str]) -> None:
        """Unlinks files."""
        for name in names:
            (self._path / name).unlink(missing_ok=True)

    def remove_empty(self, name: str) -> None:
        """Removes a folder, which the system does only where it is empty."""
        with suppress(OSError):  # something else lies there, or it is gone already
            (self._path / name).rmdir()

    def set_aside(self, name: str, why: str) -> None:
        """Renames it."""
        set_aside(self._path.parent, self._path / name, why)


def folder_at(place: str, retry: OutageRetry | None = None, *, connect: bool = True) -> Folder:
    """Returns the folder at a path or URI.

    Args:
        place: Path of a folder, or URI of one or of a prefix in an object store.
        retry: With which an object store is asked; None: once.
        connect: Whether an object store may be asked; where not, whatever is asked of it is a UserMistake.
    """
    disk = folder_of(place)
    return ObjectFolder(place, retry, connect=connect) if disk is None else LocalFolder(disk)


def retry_with(place: str, should_stop: Callable[[], bool] = lambda: False, **given: Any) -> OutageRetry:
    """Returns the retry with which an object store is asked.

    Args:
        place: Its URI.
        should_stop: Asked while it is away; when it says yes, nothing is waited for.
        **given: Of `OutageRetry`, such as `give_up_s`.
    """
    return OutageRetry(without_options(place), should_stop, kind="object store", passes=is_away, **given)


def checkpoints_of(study: Study, folder: Path) -> str:
    """Returns the path or URI of a study's checkpoints.

    Args:
        study: The study.
        folder: Its folder.
    """
    return inside(shared_of(study), "checkpoints") if study.storage.shared else str((folder / "checkpoints").resolve())


def shared_of(study: Study) -> str:
    """Returns the path or URI of what a study keeps in `storage.shared`."""
    assert study.storage.shared is not None
    return inside(study.storage.shared, study.name)
