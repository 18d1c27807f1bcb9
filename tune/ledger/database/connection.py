"""How a study's database is reached: its file or URL, what SQLite is told, and which of its refusals may pass."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.pool import NullPool, QueuePool

from tune.errors import UserMistake

_LOCK_WAIT_S = 1.0
"""How long SQLite itself waits for a lock; the rest is `tune.ledger.storage.outages`, which can be asked to stop."""
_SERVER_ANSWERS_S = 5
_NETWORK_FILESYSTEMS = (
    "nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "afs", "9p", "fuse.sshfs", "fuse.glusterfs",
    "fuse.ceph", "fuse.juicefs", "fuse.rclone", "fuse.s3fs",
)  # fmt: skip
_MAKING = 7_215_332_081_442
"""Any number, the same for all who make tables in one PostgreSQL database."""


def parse_url(url: str) -> URL:
    """Returns a database URL.

    Raises:
        UserMistake: If it is none, or names a database in memory.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # The text may hold a password, so it is not shown.
        raise UserMistake(
            "storage.database: not a database URL; allowed: null (SQLite in the study folder), "
            "sqlite:////path/to/file, postgresql+psycopg://user@host/database"
        ) from None
    if is_sqlite(parsed) and parsed.database in (None, "", ":memory:"):
        raise UserMistake(
            f"storage.database: {url} keeps the study in memory, where it dies with its process; "
            "give a file (sqlite:////path/to/file), or null for one in the study folder"
        )
    return parsed


def without_password(url: URL) -> str:
    """Returns a database URL as people may see it: without its password, wherever that stands."""
    hidden = {key: "***" if "password" in key.lower() else value for key, value in url.query.items()}
    return url.set(query=hidden).render_as_string(hide_password=True)


def value_without_password(value: Any) -> Any:
    """Returns a value of a study file as people may see it: a database URL without its password."""
    if not isinstance(value, str) or "://" not in value:
        return value
    try:
        return without_password(sqlalchemy.make_url(value))
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return value


def url_of(file: Path) -> URL:
    """Returns the URL of an SQLite file, whose path may have any character: it is never parsed."""
    return URL.create("sqlite", database=str(file.resolve()))


def engine_url(url: URL) -> str:
    """Returns the URL that SQLAlchemy and Optuna are to parse.

    Of an SQLite file it names none: `engine_settings` opens it, because `?`, `%` and braces mean something in a URL.
    """
    return "sqlite://" if is_sqlite(url) and not url.query else url.render_as_string(hide_password=False)


def is_sqlite(url: URL) -> bool:
    """Says whether a database is a file of SQLite's."""
    return url.get_backend_name() == "sqlite"


def is_file(url: URL) -> bool:
    """Says whether a database is a file, for which nothing is connected to."""
    return is_sqlite(url) and not url.host


def engine_settings(url: URL, *, readonly: bool) -> dict[str, Any]:
    """Returns what SQLAlchemy is to know of a database besides its URL.

    Args:
        url: Of the database.
        readonly: Whether nothing is to be written, not even beside the file; an SQLite file must be there then.
    """
    if is_sqlite(url):
        if readonly:
            # No connection is kept: whoever has looked once should not stand in a writer's way.
            return {"creator": lambda: _connect_to_read(Path(str(url.database))), "poolclass": NullPool}
        if url.query:  # options of its own
            return {"connect_args": {"timeout": _LOCK_WAIT_S}}
        return {"creator": lambda: _connect_to_write(Path(str(url.database))), "poolclass": QueuePool}
    settings: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "postgresql":
        # A server that is gone without a word is noticed in seconds, not in TCP's quarter of an hour.
        answers = {
            "connect_timeout": _SERVER_ANSWERS_S,
            "keepalives_idle": _SERVER_ANSWERS_S,
            "keepalives_interval": _SERVER_ANSWERS_S,
            "keepalives_count": 3,
            "tcp_user_timeout": 4000 * _SERVER_ANSWERS_S,
        }
        settings["connect_args"] = {key: value for key, value in answers.items() if key not in url.query}
    return settings


def without_driver(url: URL, error: ImportError) -> str:
    """Returns what to tell somebody who lacks the driver of a database."""
    missing = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    postgresql = url.get_backend_name() == "postgresql"
    how = "pip install 'latent-tune[postgresql]'" if postgresql else "install it beside latent-tune"
    what = "the study's database cannot be opened: its driver is not installed"
    return f"{without_password(url)}: {what} ({missing}); {how}"


def check_file(url: URL) -> None:
    """Raises UserMistake if the file of an SQLite database cannot be written or made."""
    file = Path(str(url.database))
    if not file.parent.is_dir():
        raise UserMistake(
            f"storage.database: {without_password(url)}: the folder {file.parent} is not there; make it, "
            "or give another"
        )
    try:
        if file.exists():
            file.open("r+b").close()
        else:
            probe = file.with_name(f".{file.name}.probe")
            probe.touch()
            probe.unlink()
    except OSError as error:
        raise UserMistake(
            f"storage.database: {without_password(url)}: the file cannot be written: {error.strerror}; "
            "give another place"
        ) from None


def set_journal(url: URL) -> str | None:
    """Has an SQLite file keep a write-ahead log, with which readers and the writer never wait, where that is safe.

    Returns:
        The kind of network filesystem on which it is not: the log needs memory that all processes share.
    """
    network = network_filesystem(Path(str(url.database)).parent)
    settings = {**engine_settings(url, readonly=False), "poolclass": NullPool}
    engine = sqlalchemy.create_engine(engine_url(url), **settings)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"PRAGMA journal_mode={'DELETE' if network else 'WAL'}"))
    return network


def network_filesystem(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """Returns the kind of network filesystem that a folder lies on, None when it lies on a disk or nobody can say."""
    if not mounts.is_file():
        return None
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        _, point, filesystem, *_ = line.split()
        point = point.encode().decode("unicode_escape")  # a space is written \040
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, filesystem
    return kind if kind.startswith(_NETWORK_FILESYSTEMS) else None


def is_outage(error: BaseException) -> bool:
    """Says whether a database may do later what it refuses now: it is locked, or cannot be reached."""
    if isinstance(error, PendingRollbackError):
        return True  # Optuna went on in a transaction whose connection was gone; the next one is another
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        # Everything else that SQLite refuses, a full disk for example, it goes on refusing.
        code = getattr(error.orig, "sqlite_errorcode", 0)
        return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


@contextmanager
def making_alone(url: URL) -> Iterator[None]:
    """Lets one process at a time make tables in a PostgreSQL database, which refuses the second of two at once."""
    if url.get_backend_name() != "postgresql":
        yield
        return
    engine = sqlalchemy.create_engine(url, **engine_settings(url, readonly=False))
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _MAKING})
            yield
    finally:
        engine.dispose()


def refuse_damage(engine: Engine, tables: sqlalchemy.MetaData, *, lite: bool) -> None:
    """Raises RuntimeError if SQLite finds its file inconsistent, or SQLAlchemy's error where tables or columns lack."""
    with engine.connect() as connection:
        found = connection.scalar(sqlalchemy.text("PRAGMA integrity_check(1)")) if lite else "ok"
        if found != "ok":
            raise RuntimeError(f"it is damaged: {' '.join(str(found).split())}")
        for table in tables.sorted_tables:  # of another program or version they may be others
            connection.execute(sqlalchemy.select(table).limit(1))


def _connect_to_write(file: Path) -> sqlite3.Connection:
    """Opens a file of SQLite's to write; its log goes into the file when `Database` says so, and is empty then."""
    connection = sqlite3.connect(file, timeout=_LOCK_WAIT_S, check_same_thread=False)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def _connect_to_read(file: Path) -> sqlite3.Connection:
    """Opens a file of SQLite's to read, leaving nothing beside it where SQLite can do without.

    A reader of a write-ahead log needs an index beside it, and would leave one behind. While there is no log, because
    the last writer closed it, the file alone is the database. A journal that a killed writer left is another matter:
    nobody can read before it is played back, which SQLite does when it may write.
    """
    journal, ahead = (file.with_name(file.name + ending) for ending in ("-journal", "-wal"))
    if journal.exists() and journal.stat().st_size:
        options = "mode=rw"
    else:
        options = "mode=ro" if ahead.exists() or not _keeps_log(file) else "mode=ro&immutable=1"
    address = f"file:{quote(str(file.resolve()))}?{options}"
    connection = sqlite3.connect(address, timeout=_LOCK_WAIT_S, uri=True, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _keeps_log(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(20)[18:] == b"\x02\x02"
