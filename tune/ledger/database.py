"""The Optuna study under the ledger: decisions, notes, and one Optuna trial per trial."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, delete, insert, select, update

from tune.errors import StudyBusy, UserMistake
from tune.ledger.files import sync_folder
from tune.ledger.records import Decision, Trial
from tune.space import Choice, IntRange, LogUniform, Uniform

optuna.logging.set_verbosity(optuna.logging.WARNING)

_NETWORK_FILESYSTEMS = ("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "9p")
_FINISHED = {"confirmed": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}
_LOCK_WAIT_S = 60

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


def distribution(parameter: LogUniform | Uniform | IntRange | Choice) -> BaseDistribution:
    """Returns Optuna's name for a parameter."""
    match parameter:
        case LogUniform():
            low, high = parameter.log_uniform
            return FloatDistribution(low, high, log=True)
        case Uniform():
            low, high = parameter.uniform
            return FloatDistribution(low, high)
        case IntRange():
            least, most = parameter.int_
            return IntDistribution(least, most, log=parameter.log)
        case Choice():
            return CategoricalDistribution(parameter.choice)


class Database:
    """One Optuna study.

    Args:
        url: SQLAlchemy URL; None for SQLite in the study folder.
        folder: The study folder.
        name: The study's name.
        create: Whether to make the study when it is not there; without, nothing is ever written.

    Raises:
        UserMistake: If the database cannot be opened, or holds no such study and `create` is false.
    """

    def __init__(self, url: str | None, folder: Path, name: str, *, create: bool) -> None:
        file = folder / "study.db"
        if url is None and not file.is_file():
            if not create:
                raise UserMistake(f"{folder}: no study there (study.db is missing); give a folder that `run` made")
            _make_whole(file, name)
        self.url = url or (f"sqlite:///{file.resolve()}" if create else _read_only(file.resolve()))
        create = create and url is not None
        shown = str(file) if url is None else sqlalchemy.make_url(url).render_as_string(hide_password=True)
        lite = self.url.startswith("sqlite")
        try:
            self._storage = optuna.storages.RDBStorage(
                self.url,
                engine_kwargs={"connect_args": {"timeout": _LOCK_WAIT_S}} if lite else {"pool_pre_ping": True},
                skip_table_creation=not create,
                skip_compatibility_check=not create,
            )
            if create:
                _TABLES.create_all(self._storage.engine)
            self._study = (
                optuna.create_study(storage=self._storage, study_name=name, direction="minimize", load_if_exists=True)
                if create
                else optuna.load_study(storage=self._storage, study_name=name)
            )
        except KeyError:
            raise UserMistake(f"{shown}: holds no study called {name}") from None
            if lite:
                self._refuse_damage()
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, RuntimeError) as error:
            first = str(error.__cause__ or error).splitlines()[0]
            again = "; put a copy of it back, or run the study in another folder (--results DIR)" if lite else ""
            raise UserMistake(f"{shown}: the study's database cannot be opened: {first}{again}") from error
        # Optuna offers no public way from a study to its id in the storage.
        self._id = self._study._study_id  # noqa: SLF001

    def decisions(self) -> Iterator[Decision]:
        """Yields the decisions in the order in which they were taken; TypeError or ValueError: one is none."""
        query = select(_DECISIONS.c.decision).where(_DECISIONS.c.study == self._id).order_by(_DECISIONS.c.sequence)
        with self._storage.engine.connect() as connection:
            texts = connection.scalars(query).all()
        return (Decision(**json.loads(text)) for text in texts)

    def append(self, sequence: int, decision: Decision) -> None:
        """Writes a decision durably.

        Raises:
            StudyBusy: If another process has written one at this place.
        """
        value = {key: item for key, item in asdict(decision).items() if item not in (None, "", {})}
        row = {"study": self._id, "sequence": sequence, "decision": json.dumps(value)}
        try:
            with self._storage.engine.begin() as connection:
                connection.execute(insert(_DECISIONS).values(row))
            self._settle()
        except sqlalchemy.exc.IntegrityError:
            raise StudyBusy("another process has taken this study over and decides now; this one stops") from None

    def note(self, key: str) -> Any:
        """Returns the value of a note, None when there is none."""
        query = select(_NOTES.c.value).where(_NOTES.c.study == self._id, _NOTES.c.key == key)
        with self._storage.engine.connect() as connection:
            text = connection.scalar(query)
        return None if text is None else json.loads(text)

    def replace_note(self, key: str, old: Any, new: Any) -> bool:
        """Writes a note if it still has the value `old`; says whether it did. None is no note.

        It is one statement, so of two processes that try it at once one wins.
        """
        here = (_NOTES.c.study == self._id, _NOTES.c.key == key)
        try:
            with self._storage.engine.begin() as connection:
                if old is None:
                    row = {"study": self._id, "key": key, "value": json.dumps(new)}
                    connection.execute(insert(_NOTES).values(row))
                    return True
                same = (*here, _NOTES.c.value == json.dumps(old))
                statement = delete(_NOTES) if new is None else update(_NOTES).values(value=json.dumps(new))
                return connection.execute(statement.where(*same)).rowcount == 1
        except sqlalchemy.exc.IntegrityError:
            return False

    def set_note(self, key: str, value: Any) -> None:
        """Writes a note, whatever it was; only for notes that the holder of the lease alone writes."""
        while not self.replace_note(key, self.note(key), value):
            pass

    def trial_count(self) -> int:
        """Returns how many Optuna trials there are."""
        return self._storage.get_n_trials(self._id)

    def finished_trials(self) -> set[int]:
        """Returns the numbers of the Optuna trials that are closed."""
        return {trial.number for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()}

    def add_trial(self, trial: Trial, space: Mapping[str, LogUniform | Uniform | IntRange | Choice]) -> None:
        """Adds the Optuna trial of a new trial; they must be added in the order of their numbers."""
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(trial.parameters),
                distributions={key: distribution(parameter) for key, parameter in space.items()},
            )
        )

    def report(self, trial: Trial, epochs: int, baseline: float | None) -> None:
        """Shows a trial's latest result in its Optuna trial."""
        last = trial.last
        if last is None:
            return
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
        self._storage.set_trial_intermediate_value(trial_id, epochs, last.score)
        shown = {
            "losses": {str(seed): loss if isfinite(loss) else None for seed, loss in last.losses.items()},
            "rung": last.rung,
            "baseline": baseline,
        }
        for key, value in shown.items():
            self._storage.set_trial_user_attr(trial_id, key, value)

    def finish(self, trial: Trial) -> None:
        """Closes a trial's Optuna trial: COMPLETE, PRUNED or FAIL, with its reason."""
        state = _FINISHED[trial.state(in_flight=False)]
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
        if self._storage.get_trial(trial_id).state.is_finished():
            return
        self._storage.set_trial_user_attr(trial_id, "reason", trial.reason)
        values = [trial.last.score] if trial.last is not None and state != TrialState.FAIL else None
        self._storage.set_trial_state_values(trial_id, state, values)

    def _settle(self) -> None:
        """Moves what was committed from SQLite's write-ahead log into its file: a damaged log then loses little.

        It costs 0.7 ms (ext4 on an NVMe disk), a decision 0.9 ms.
        """
        if self.url.startswith("sqlite"):
            with self._storage.engine.connect() as connection:
                connection.execute(sqlalchemy.text("PRAGMA wal_checkpoint(PASSIVE)"))

    def _refuse_damage(self) -> None:
        """Raises RuntimeError if SQLite finds its file inconsistent."""
        with self._storage.engine.connect() as connection:
            found = connection.scalar(sqlalchemy.text("PRAGMA integrity_check(1)"))
        if found != "ok":
            raise RuntimeError(f"it is damaged: {' '.join(str(found).split())}")

    def follow(self, going_on: Sequence[int], space: Mapping[str, LogUniform | Uniform | IntRange | Choice]) -> None:
        """Has the Optuna trials follow a study that has grown: those that may go on are open, all know the wider space.

        Optuna's interface can do neither: to it a closed trial is closed, and a choice never has more values. Its
        tables can, and what they say then is what they would say had the study been as wide from the beginning: a
        choice is stored by its place, and further ones stand after the old.
        """
        tables = MetaData()
        tables.reflect(self._storage.engine, only=("trials", "trial_params"))
        rows, values = tables.tables["trials"], tables.tables["trial_params"]
        mine = select(rows.c.trial_id).where(rows.c.study_id == self._id)
        with self._storage.engine.begin() as connection:
            for name, parameter in space.items():
                told = optuna.distributions.distribution_to_json(distribution(parameter))
                here = values.c.param_name == name, values.c.trial_id.in_(mine)
                connection.execute(update(values).where(*here).values(distribution_json=told))
            for number in going_on:
                trial = rows.c.study_id == self._id, rows.c.number == number
                connection.execute(update(rows).where(*trial).values(state="RUNNING", datetime_complete=None))

    def close(self) -> None:
        """Closes the connections."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _read_only(file: Path) -> str:
    """Returns the URL of a SQLite file that is only looked at, which changes nothing in its folder.

    Else a reader would move the journal of a killed process into the database. Where there is no journal no process
    has the file open, and SQLite is told that nobody will change it: it then makes no files of its own beside it.
    """
    mode = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    return f"sqlite:///file:{quote(str(file))}?{mode}&uri=true"


def _make_whole(file: Path, name: str) -> None:
    """Makes the SQLite file of a study, whole or not at all.

    SQLite makes each table by itself: killed between a table and its unique index, a file would be left that takes two
    studies of one name. So it is made beside its place and then linked there, which fails when a rival was faster.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        database = Database(f"sqlite:///{temporary.resolve()}", file.parent, name, create=True)
        if not _on_network(file.parent):
            with database._storage.engine.connect() as connection:  # noqa: SLF001 - of this very class
                connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
        database.close()
        with suppress(FileExistsError):
            os.link(temporary, file)
        sync_folder(file.parent)
    finally:
        for left in file.parent.glob(f"{temporary.name}*"):
            left.unlink(missing_ok=True)


def _on_network(folder: Path) -> bool:
    """Says whether a folder lies on a network filesystem, where SQLite's write-ahead log is not safe."""
    mounts = Path("/proc/mounts")
    if not mounts.is_file():
        return False
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        _, point, filesystem, *_ = line.split()
        inside = folder.resolve().is_relative_to(point)
        if inside and len(point) >= len(best):
            best, kind = point, filesystem
    return kind.startswith(_NETWORK_FILESYSTEMS)
