"""Where checkpoints lie: a folder on a disk or a prefix in an object store, behind one small interface.

Names are relative and separated by `/`. In both a reader sees a whole file or none: on a disk by temporary file, fsync
and rename, in an object store because an object appears when all of it has been taken.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from tune.errors import StudyStopped
from tune.ledger.log import log
from tune.ledger.storage.damaged import set_aside
from tune.ledger.storage.files import write_atomically
from tune.ledger.storage.outages import OutageRetry
from tune.study.places import folder_of, inside, parent_and_name, without_options
from tune.study.study import Study

T = TypeVar("T")

_REFUSALS = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "ACCOUNT_PROBLEM",
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "INVALID_SIGNATURE",
    "SIGNATURE_DOES_NOT_MATCH",
    "EXPIRED_TOKEN",
    "HTTP status 400",
    "HTTP status 401",
    "HTTP status 403",
    "HTTP status 404",
)
"""What an object store goes on refusing however often it is asked; in Arrow's message, for it has no codes."""


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


class ObjectFolder:
    """A prefix in an object store, through Arrow's filesystems.

    A store that does not answer is waited for; what it refuses, and what lasted too long, ends the study in order.
    Credentials come from the environment, as Arrow finds them.

    Args:
        place: Its URI; options such as `endpoint_override` are Arrow's.
        retry: With which the store is asked; None: once.
    """

    def __init__(self, place: str, retry: OutageRetry | None = None) -> None:
        self.place, self._retry = place, retry
        self._system: Any = None
        self._root = ""

    @property
    def disk(self) -> None:
        """There is none."""
        return

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Puts an object, whose content is held in memory until then."""
        content = BytesIO()
        write(content)

        def put(system: Any) -> None:
            # In one piece: what is closed after half of it was written is an object, of half of it.
            with system.open_output_stream(f"{self._root}/{name}") as stream:
                stream.write(content.getbuffer())

        self._ask(put, f"{name} cannot be written")

    def open(self, name: str) -> BinaryIO:
        """Gets a whole object into memory, in one request."""

        def get(system: Any) -> bytes:
            with system.open_input_stream(f"{self._root}/{name}") as stream:
                content: bytes = stream.read()
                return content

        return BytesIO(self._ask(get, f"{name} cannot be read"))

    def files(self, below: str = "") -> dict[str, int]:
        """Lists objects."""
        found = self._list(below, recursive=True)
        return {one.path[len(self._root) + 1 :]: one.size for one in found if one.is_file}

    def folders(self) -> list[str]:
        """Lists what objects' names have before a further `/`."""
        return [one.base_name for one in self._list("", recursive=False) if not one.is_file]

    def remove(self, names: Iterable[str]) -> None:
        """Deletes objects."""
        for name in names:
            with suppress(FileNotFoundError):
                self._ask(partial(self._delete, name), f"{name} cannot be removed")

    def remove_empty(self, name: str) -> None:
        """Deletes the empty object by which Arrow marks a folder."""
        if not self.files(name):
            with suppress(FileNotFoundError):
                self._ask(lambda system: system.delete_dir(f"{self._root}/{name}"), f"{name} cannot be removed")

    def set_aside(self, name: str, why: str) -> None:
        """Copies objects under other names and deletes them."""
        above, last = parent_and_name(self.place)
        beside = ObjectFolder(inside(above, "damaged"), self._retry)
        label = "-".join((last, *name.split("/")))
        taken = {there.split("/")[0] for there in beside.files()}
        count = next(number for number in range(1, len(taken) + 2) if f"{label}.{number}" not in taken)
        moved = {one for one in self.files(name.rpartition("/")[0]) if one == name or one.startswith(f"{name}/")}
        for one in sorted(moved):
            target = f"{beside._at()}/{label}.{count}{one[len(name) :]}"
            with suppress(FileNotFoundError):  # an earlier try of the same had moved it
                self._ask(partial(self._move, one, target), f"{one} cannot be moved to damaged/")
        self.remove_empty(name)
        where = without_options(inside(beside.place, f"{label}.{count}"))
        log.warning("%s: %s; it lies in %s now", without_options(inside(self.place, name)), why, where)

    def _list(self, below: str, *, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        def look(system: Any) -> list[Any]:
            where = f"{self._root}/{below}".rstrip("/")
            return list(system.get_file_info(FileSelector(where, allow_not_found=True, recursive=recursive)))

        return self._ask(look, "cannot be listed")

    def _delete(self, name: str, system: Any) -> None:
        system.delete_file(f"{self._root}/{name}")

    def _move(self, name: str, target: str, system: Any) -> None:
        system.move(f"{self._root}/{name}", target)

    def _at(self) -> str:
        self._ask(lambda _: None, "cannot be reached")
        return self._root

    def _ask(self, call: Callable[[Any], T], what: str) -> T:
        """Returns what a call with the filesystem returns.

        Raises:
            FileNotFoundError: If there is no such object.
            StudyStopped: If the store refuses, or did not answer for too long.
        """

        def once() -> T:
            if self._system is None:
                from pyarrow.fs import FileSystem

                self._system, self._root = FileSystem.from_uri(self.place)
            return call(self._system)

        try:
            return once() if self._retry is None else self._retry(once)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise StudyStopped(f"{without_options(self.place)}: {what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def is_away(error: BaseException) -> bool:
    """Says whether an object store may do later what it does not do now."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return False
    return not any(refusal in str(error) for refusal in _REFUSALS)


def folder_at(place: str, retry: OutageRetry | None = None) -> Folder:
    """Returns the folder at a path or URI.

    Args:
        place: Path of a folder, or URI of one or of a prefix in an object store.
        retry: With which an object store is asked; None: once.
    """
    disk = folder_of(place)
    return ObjectFolder(place, retry) if disk is None else LocalFolder(disk)


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
