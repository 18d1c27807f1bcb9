"""Which folder a study in a shared database belongs to.

Two folders may name one database and have studies of one name. A random word lies in both the folder and the database:
a folder without the database's word is another study's, and would take its answer. The folder may be moved. Where it
was copied, the copy is refused as long as the one that was worked on last is there. A folder that was brought from the
copy in `storage.shared` has a word of its own and, behind it, the one that it takes the place of.

A database in the study folder needs none of this: it goes where the folder goes.
"""

import json
import socket
import uuid
from pathlib import Path
from typing import Any

from tune.errors import StudyConflict
from tune.ledger.database.database import Database
from tune.ledger.storage.files import write_atomically

FILE = "folder.json"
"""In the study folder: its word, and behind it those of folders that it takes the place of."""

_NOTE = "folder"


def refuse_strange(database: Database, folder: Path, *, to_write: bool) -> None:
    """Makes sure that a study in a shared database is that of a folder.

    Args:
        database: That of the study.
        folder: The study folder.
        to_write: Whether it is to be worked on, where a copy is refused beside the folder that it was copied from.

    Raises:
        StudyConflict: If the study belongs to another folder.
    """
    told, words = database.note(_NOTE), _words(folder)
    ways = "give this study another name (--set name=...), or another database (--set storage.database=...)"
    if told is None:
        if not words and not _holds_study(folder) and _has_decisions(database):
            raise StudyConflict(
                f"storage.database: holds a study of this name already, and {folder} holds none: it is that of another "
                f"folder; go on with that one, or {ways}"
            )
        return
    there = Path(str(told["path"]))
    at_home = there == folder.resolve()
    if told["word"] not in words and not (at_home and not words and _holds_study(folder)):
        raise StudyConflict(
            f"storage.database: holds a study of this name already, which is that of {there} on {told['host']} and not "
            f"of {folder}; go on with that folder (latent-tune resume {there}), or {ways}"
        )
    if to_write and not at_home and told["word"] == words[0] and words == _words(there) and not _same(there, folder):
        raise StudyConflict(
            f"{folder}: is a copy of {there}, and both would write to the same database; go on with that folder, or "
            f"remove it first, or {ways}"
        )


def take_folder(database: Database, folder: Path) -> None:
    """Has folder and database hold the same word, for whoever holds the lease.

    It is in the folder before it is in the database, so one who is killed between the two is not shut out.

    Raises:
        StudyConflict: If the study belongs to another folder.
    """
    refuse_strange(database, folder, to_write=True)
    told = database.note(_NOTE)
    words = _words(folder) or [told["word"] if told else uuid.uuid4().hex]
    write_words(folder, words)
    now = {"word": words[0], "path": str(folder.resolve()), "host": socket.gethostname()}
    if told != now:
        database.set_note(_NOTE, now)


def replace_folder(content: bytes, folder: Path) -> None:
    """Writes into a folder that was brought from a copy that it takes the place of the one that the copy is of."""
    write_words(folder, [uuid.uuid4().hex, *_read(content)])


def write_words(folder: Path, words: list[str]) -> None:
    """Writes the words of a folder."""
    text = json.dumps({"words": words}).encode()
    write_atomically(folder / FILE, lambda file: file.write(text))


def _words(folder: Path) -> list[str]:
    try:
        return _read((folder / FILE).read_bytes())
    except OSError:
        return []


def _read(content: bytes) -> list[str]:
    try:
        said: Any = json.loads(content)
        return [str(word) for word in said["words"]]
    except (ValueError, TypeError, LookupError):
        return []


def _holds_study(folder: Path) -> bool:
    return (folder / "study.yaml").exists() or (folder / "curves").exists()


def _has_decisions(database: Database) -> bool:
    try:
        return next(iter(database.decisions()), None) is not None
    except (ValueError, TypeError):  # told when they are replayed
        return True


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
