"""The servers that a study names: its database, and the object store of its checkpoints.

Whoever works on a study is told to connect to them. Whoever looks at a folder is not: it may be a stranger's, and a
connection would carry the credentials of this environment to whatever host its study.yaml names.
"""

from pathlib import Path

from tune.errors import UserMistake
from tune.ledger.database.connection import is_file, parse_url, without_password
from tune.study.places import folder_of, without_options
from tune.study.study import Study


def servers(study: Study) -> dict[str, str]:
    """Returns by key of the study file what it has a process connect to, as people may see it, without passwords."""
    found = {"storage.database": _database(study), "storage.shared": _store(study)}
    return {key: place for key, place in found.items() if place is not None}


def refuse_server(study: Study, folder: Path) -> None:
    """Raises UserMistake if a study's decisions are kept by a server, to which nobody has said to connect."""
    place = _database(study)
    if place is not None:
        raise UserMistake(
            f"{folder}: its decisions are kept by a server, {place} (storage.database), and looking at a folder "
            "connects to none unasked, for a stranger's may name any host; if you trust this one, add --connect"
        )


def not_visited(place: str) -> str:
    """Returns what to say of an object store to which nobody has said to connect."""
    return f"not looked at, in the object store {without_options(place)} (--connect)"


def _database(study: Study) -> str | None:
    if study.storage.database is None:
        return None
    url = parse_url(study.storage.database)
    return None if is_file(url) else without_password(url)


def _store(study: Study) -> str | None:
    place = study.storage.shared
    return place if place is not None and folder_of(place) is None else None
