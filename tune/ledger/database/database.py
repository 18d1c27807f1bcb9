"""Decisions and notes in the database, beside Optuna's own trials (`tune.ledger.database.optuna_mirror`)."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.engine import URL

from tune.errors import StudyBusy, UserMistake
from tune.ledger.database.connection import (
    check_file,
    engine_settings,
    engine_url,
    is_outage,
    is_sqlite,
    making_alone,
    parse_url,
    refuse_damage,
    set_journal,
    url_of,
    without_driver,
    without_password,
)
from tune.ledger.records import Decision
from tune.ledger.storage.files import sync_folder
from tune.ledger.storage.outages import OutageRetry, retried

TAKEN_OVER = "another process has taken this study over and decides now; this one stops"

_STUDIES = Table("studies", MetaData(), Column("study_id", Integer), Column("study_name", String))
"""Of Optuna's tables, which it makes, what says where a study is; Optuna itself takes a second to be imported."""

# Beside Optuna's tables: its own attributes can be written to no trial that is closed, and not compared and swapped.
_TABLES = MetaData()
_DECISIONS = Table(
    "latent_tune_decisions",
    _TABLES,
    Column("study", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("decision", Text, nullable=False),
)
_NOTES = Table(
    "latent_tune_notes",
    _TABLES,
    Column("study", Integer, primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# What is asked again and again is put together once.
_DECISION_THERE = select(_DECISIONS.c.decision).where(
    _DECISIONS.c.study == bindparam("study"), _DECISIONS.c.sequence == bindparam("sequence")
)
_ADD_DECISION = insert(_DECISIONS)
_NOTE_THERE = (_NOTES.c.study == bindparam("of"), _NOTES.c.key == bindparam("name"))
_NOTE = select(_NOTES.c.value).where(*_NOTE_THERE)
_SET_NOTE = update(_NOTES).values(value=bindparam("text")).where(*_NOTE_THERE)
_LEASE_IS_OURS = (*_NOTE_THERE, _NOTES.c.value.contains(bindparam("owner")))
_LOCK_LEASE = update(_NOTES).values(value=_NOTES.c.value).where(*_LEASE_IS_OURS)
_BEAT = update(_NOTES).values(value=bindparam("text")).where(*_LEASE_IS_OURS)
_DROP_LEASE = delete(_NOTES).where(*_LEASE_IS_OURS)


class Database:
    """One Optuna study. What is asked of it is asked again while the database is locked or away.

    Args:
        url: SQLAlchemy URL; None for SQLite in the study folder.
        folder: The study folder.
        name: The study's name.
        create: Whether to make the study when it is not there; without, nothing is ever written.
        maximize: Whether higher values are better, for Optuna's study.
        should_stop: Asked while the database is locked or away; when it says yes, nothing is waited for.

    Attributes:
        owner: Of the lease under which this process writes; once it is set, nothing is written when the lease is gone.
        retry: With which everything is asked.
        engine: SQLAlchemy's, with Optuna's tables and ours.
        study_id: Of the study in it.
        network: The kind of network filesystem that an SQLite file lies on, None otherwise; known to a writer only.

    Raises:
        UserMistake: If the database cannot be opened, or holds no such study and `create` is false.
    """

    def __init__(
        self,
        url: URL | str | None,
        folder: Path,
        name: str,
        *,
        create: bool,
        maximize: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        file = folder / "study.db"
        parsed = url if isinstance(url, URL) else url_of(file) if url is None else parse_url(url)
        self._lite = is_sqlite(parsed)
        if self._lite and not create and not Path(str(parsed.database)).is_file():
            missing = file.name if url is None else without_password(parsed)
            raise UserMistake(f"{folder}: no study there ({missing} is missing); give a folder that `run` made")
        self.url = parsed.render_as_string(hide_password=False)
        self.owner: str | None = None
        self.network: str | None = None
        self._shown = str(file) if url is None else without_password(parsed)
        self.retry = OutageRetry(self._shown, should_stop, passes=is_outage)
        if create and self._lite:
            check_file(parsed)
            if not Path(str(parsed.database)).is_file():
                _make_whole(Path(str(parsed.database)), name, maximize=maximize)
        try:
            if create and self._lite:
                self.network = self.retry(lambda: set_journal(parsed))
            make = create and url is not None  # the study's own file was made whole, or holds its study
            if self._lite:
                self.retry(lambda: self._open(parsed, name, readonly=not create, make=make, maximize=maximize))
            else:  # whoever starts a study should hear at once that its server does not answer
                self._open(parsed, name, readonly=not create, make=make, maximize=maximize)
        except KeyError:
            raise UserMistake(f"{self._shown}: holds no study called {name}") from None
        except ImportError as error:
            raise UserMistake(without_driver(parsed, error)) from error
        except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
            first = str(error.__cause__ or error).splitlines()[0]
            again = "; put a copy of it back, or run the study in another folder (--results DIR)" if self._lite else ""
            raise UserMistake(f"{self._shown}: the study's database cannot be opened: {first}{again}") from error

    def _open(self, url: URL, name: str, *, readonly: bool, make: bool, maximize: bool) -> None:
        settings = engine_settings(url, readonly=readonly)
        self.engine = sqlalchemy.create_engine(engine_url(url), **settings)
        try:
            if make:
                from tune.ledger.database.making import make_study

                with making_alone(url):
                    make_study(engine_url(url), settings, name, maximize=maximize)
                    _TABLES.create_all(self.engine)
            self.study_id = self._id_of(name)
            refuse_damage(self.engine, _TABLES, lite=self._lite)
        except BaseException:
            self.engine.dispose()
            raise

    def _id_of(self, name: str) -> int:
        with self.engine.connect() as connection:
            found = connection.scalar(select(_STUDIES.c.study_id).where(_STUDIES.c.study_name == name))
        if found is None:
            raise KeyError(name)
        return int(found)

    @retried
    def decisions(self) -> Iterator[Decision]:
        """Yields the decisions in the order in which they were taken; TypeError or ValueError: one is none."""
        query = select(_DECISIONS.c.decision).where(_DECISIONS.c.study == self.study_id).order_by(_DECISIONS.c.sequence)
        with self.engine.connect() as connection:
            texts = connection.scalars(query).all()
        return (Decision(**json.loads(text)) for text in texts)

    @retried
    def append(self, sequence: int, decision: Decision) -> None:
        """Writes a decision durably, once, however often it is tried.

        Raises:
            StudyBusy: If another process has taken the study over.
        """
        value = {key: item for key, item in asdict(decision).items() if item not in (None, "", {})}
        row = {"study": self.study_id, "sequence": sequence, "decision": json.dumps(value)}
        with self.writing() as connection:
            there = connection.scalar(_DECISION_THERE, row)
            # Ours it is when the connection broke after the server had taken it and before it could say so.
            if there is None:
                connection.execute(_ADD_DECISION, row)
            elif there != row["decision"]:
                raise StudyBusy(TAKEN_OVER)
        self._settle()

    @retried
    def note(self, key: str) -> Any:
        """Returns the value of a note, None when there is none."""
        with self.engine.connect() as connection:
            text = connection.scalar(_NOTE, self._at(key))
        try:
            return None if text is None else json.loads(text)
        except (TypeError, ValueError):
            raise self.nonsense(key, text) from None

    def nonsense(self, key: str, value: Any) -> UserMistake:
        """Returns the mistake of a note that this program has not written so."""
        what = f"{self._shown}: what its database notes as '{key}' cannot be: {value!r:.60}"
        return UserMistake(f"{what}; it is damaged or was changed by another program; put a copy of it back")

    @retried
    def replace_note(self, key: str, old: Any, new: Any) -> bool:
        """Writes a note if it still has the value `old`; says whether it did, or an earlier try had. None is no note.

        It is one statement, so of two processes that try it at once one wins.
        """
        same = (*_NOTE_THERE, _NOTES.c.value == json.dumps(old))
        try:
            with self.engine.begin() as connection:
                if old is None:
                    connection.execute(insert(_NOTES).values(study=self.study_id, key=key, value=json.dumps(new)))
                    return True
                statement = delete(_NOTES) if new is None else update(_NOTES).values(value=json.dumps(new))
                if connection.execute(statement.where(*same), self._at(key)).rowcount == 1:
                    return True
        except sqlalchemy.exc.IntegrityError:
            pass
        return bool(self.note(key) == new)

    @retried
    def set_note(self, key: str, value: Any) -> None:
        """Writes a note, whatever it was.

        Raises:
            StudyBusy: If another process has taken the study over.
        """
        text = json.dumps(value)
        with self.writing() as connection:
            if not connection.execute(_SET_NOTE, {**self._at(key), "text": text}).rowcount:
                connection.execute(insert(_NOTES).values(study=self.study_id, key=key, value=text))

    def beat(self, lease: Mapping[str, Any]) -> bool:
        """Writes the lease that this process holds anew, in one try; says whether it still holds it."""
        with self.engine.begin() as connection:
            return connection.execute(_BEAT, {**self._ours, "text": json.dumps(lease)}).rowcount == 1

    def drop_lease(self) -> None:
        """Removes the lease if this process holds it, in one try."""
        with self.engine.begin() as connection:
            connection.execute(_DROP_LEASE, self._ours)

    def _settle(self) -> None:
        """Moves what was committed from SQLite's write-ahead log into its file, and empties the log.

        Of a damaged log SQLite takes what stands before the damage. Where all of it is in the file already, that is old
        pages over new ones: a file that was whole reads as malformed. An empty log cannot be damaged.
        """
        if self._lite:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the connections."""
        self.engine.dispose()

    def _at(self, key: str) -> dict[str, Any]:
        """By what `_NOTE_THERE` knows a note."""
        return {"of": self.study_id, "name": key}

    @property
    def _ours(self) -> dict[str, Any]:
        """By what `_LEASE_IS_OURS` knows our lease: its owner is a random word, its heartbeat changes all the time."""
        return {**self._at("lease"), "owner": self.owner or ""}

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction in which the lease is ours from its first statement to its end, because that locks its row."""
        with self.engine.begin() as connection:
            if self.owner is not None and not connection.execute(_LOCK_LEASE, self._ours).rowcount:
                raise StudyBusy(TAKEN_OVER)
            yield connection


def _make_whole(file: Path, name: str, *, maximize: bool) -> None:
    """Makes the SQLite file of a study, whole or not at all.

    SQLite makes each table by itself: killed between a table and its unique index, a file would be left that takes two
    studies of one name. So it is made beside its place and then linked there, which fails when a rival was faster.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch()
    try:
        Database(url_of(temporary), file.parent, name, create=True, maximize=maximize).close()
        assert not temporary.with_name(f"{temporary.name}-wal").exists(), "SQLite kept a log beside the file"
        with suppress(FileExistsError):
            os.link(temporary, file)
        sync_folder(file.parent)
    finally:
        for left in file.parent.glob(f"{temporary.name}*"):
            left.unlink(missing_ok=True)
