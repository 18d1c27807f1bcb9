"""A folder in an object store: a prefix of names, asked again for a while where the store is away."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, TypeVar

from tune.errors import StudyStopped, UserMistake
from tune.ledger.log import log
from tune.ledger.storage.outages import OutageRetry
from tune.study.places import inside, parent_and_name, without_options

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


class ObjectFolder:
    """A prefix in an object store, through Arrow's filesystems.

    A store that does not answer is waited for; what it refuses, and what lasted too long, ends the study in order.
    Credentials come from the environment, as Arrow finds them.

    Args:
        place: Its URI; options such as `endpoint_override` are Arrow's.
        retry: With which the store is asked; None: once.
        connect: Whether it may be asked at all.
    """

    def __init__(self, place: str, retry: OutageRetry | None = None, *, connect: bool = True) -> None:
        self.place, self._retry, self._connect = place, retry, connect
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
            UserMistake: If it is not to be asked.
        """
        if not self._connect:
            raise UserMistake(
                f"{without_options(self.place)}: an object store, and looking at a folder connects to none unasked, "
                "for a stranger's may name any; if you trust this one, add --connect"
            )

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
