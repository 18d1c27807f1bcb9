"""The Optuna study under the ledger: decisions, notes, and one Optuna trial per trial."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.engine import URL

from tune.errors import StudyBusy, UserMistake
from tune.ledger.engine import (
    check_file,
    engine_settings,
    is_sqlite,
    making_alone,
    parse,
    set_journal,
    shown,
    without_driver,
)
from tune.ledger.files import sync_folder
from tune.ledger.optuna_storage import OnceStorage
from tune.ledger.patience import Patience, patient
from tune.ledger.records import Decision, Trial
from tune.space import Choice, IntRange, LogUniform, Uniform

optuna.logging.set_verbosity(optuna.logging.WARNING)

TAKEN_OVER = "another process has taken this study over and decides now; this one stops"
_FINISHED = {"confirmed": TrialState.COMPLETE, "stopped": TrialState.PRUNED, "failed": TrialState.FAIL}

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


# Optuna's own, of which its interface offers no cheap count and no cheap look-up.
_OPTUNA_TRIALS = Table(
    "trials",
    MetaData(),
    Column("trial_id", Integer, primary_key=True),
    Column("study_id", Integer),
    Column("number", Integer),
)


class Database:
    """One Optuna study. What is asked of it is asked again while the database is locked or away.

    Args:
        url: SQLAlchemy URL; None for SQLite in the study folder.
        folder: The study folder.
        name: The study's name.
        create: Whether to make the study when it is not there; without, nothing is ever written.
        should_stop: Asked while the database is locked or away; when it says yes, nothing is waited for.

    Attributes:
        owner: Of the lease under which this process writes; once it is set, nothing is written when the lease is gone.
        patience: With which everything is asked.
        network: The kind of network filesystem that an SQLite file lies on, None otherwise; known to a writer only.

    Raises:
        UserMistake: If the database cannot be opened, or holds no such study and `create` is false.
    """

    def __init__(
        self,
        url: str | None,
        folder: Path,
        name: str,
        *,
        create: bool,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        file = folder / "study.db"
        parsed = parse(url or f"sqlite:///{file.resolve()}")
        self._lite = is_sqlite(parsed)
        if self._lite and not create and not Path(str(parsed.database)).is_file():
            missing = file.name if url is None else shown(parsed)
            raise UserMistake(f"{folder}: no study there ({missing} is missing); give a folder that `run` made")
        self.url = parsed.render_as_string(hide_password=False)
        self.owner: str | None = None
        self.network: str | None = None
        self._trial_ids: dict[int, int] = {}  # by trial number
        self._shown = str(file) if url is None else shown(parsed)
        self.patience = Patience(self._shown, should_stop)
        if create and self._lite:
            check_file(parsed)
            if not Path(str(parsed.database)).is_file():
                _make_whole(Path(str(parsed.database)), name)
        try:
            if create and self._lite:
                self.network = self.patience(lambda: set_journal(parsed))
            make = create and url is not None  # the study's own file was made whole, or holds its study
            if self._lite:
                self.patience(lambda: self._open(parsed, name, readonly=not create, make=make))
            else:  # whoever starts a study should hear at once that its server does not answer
                self._open(parsed, name, readonly=not create, make=make)
        except KeyError:
            raise UserMistake(f"{self._shown}: holds no study called {name}") from None
        except ImportError as error:
            raise UserMistake(without_driver(parsed, error)) from error
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
            first = str(error.__cause__ or error).splitlines()[0]
            again = "; put a copy of it back, or run the study in another folder (--results DIR)" if self._lite else ""
            raise UserMistake(f"{self._shown}: the study's database cannot be opened: {first}{again}") from error
        # Optuna offers no public way from a study to its id in the storage.
        self._id = self._study._study_id  # noqa: SLF001

    def _open(self, url: URL, name: str, *, readonly: bool, make: bool) -> None:
        with making_alone(url) if make else nullcontext():
            self._storage = OnceStorage(
                self.url,
                engine_kwargs=engine_settings(url, readonly=readonly),
                skip_table_creation=not make,
                skip_compatibility_check=not make,
            )
            if make:
                _TABLES.create_all(self._storage.engine)
            self._study = (
                optuna.create_study(storage=self._storage, study_name=name, direction="minimize", load_if_exists=True)
                if make
                else optuna.load_study(storage=self._storage, study_name=name)
            )
            if self._lite:
                self._refuse_damage()

    @patient
    def decisions(self) -> Iterator[Decision]:
        """Yields the decisions in the order in which they were taken; TypeError or ValueError: one is none."""
        query = select(_DECISIONS.c.decision).where(_DECISIONS.c.study == self._id).order_by(_DECISIONS.c.sequence)
        with self._storage.engine.connect() as connection:
            texts = connection.scalars(query).all()
        return (Decision(**json.loads(text)) for text in texts)

    @patient
    def append(self, sequence: int, decision: Decision) -> None:
        """Writes a decision durably, once, however often it is tried.

        Raises:
            StudyBusy: If another process has taken the study over.
        """
        value = {key: item for key, item in asdict(decision).items() if item not in (None, "", {})}
        row = {"study": self._id, "sequence": sequence, "decision": json.dumps(value)}
        here = (_DECISIONS.c.study == self._id, _DECISIONS.c.sequence == sequence)
        with self._writing() as connection:
            there = connection.scalar(select(_DECISIONS.c.decision).where(*here))
            # Ours it is when the connection broke after the server had taken it and before it could say so.
            if there is None:
                connection.execute(insert(_DECISIONS).values(row))
            elif there != row["decision"]:
                raise StudyBusy(TAKEN_OVER)
        self._settle()

    @patient
    def note(self, key: str) -> Any:
        """Returns the value of a note, None when there is none."""
        with self._storage.engine.connect() as connection:
            text = connection.scalar(select(_NOTES.c.value).where(*self._at(key)))
        return None if text is None else json.loads(text)

    @patient
    def replace_note(self, key: str, old: Any, new: Any) -> bool:
        """Writes a note if it still has the value `old`; says whether it did, or an earlier try had. None is no note.

        It is one statement, so of two processes that try it at once one wins.
        """
        same = (*self._at(key), _NOTES.c.value == json.dumps(old))
        try:
            with self._storage.engine.begin() as connection:
                if old is None:
                    connection.execute(insert(_NOTES).values(study=self._id, key=key, value=json.dumps(new)))
                    return True
                statement = delete(_NOTES) if new is None else update(_NOTES).values(value=json.dumps(new))
                if connection.execute(statement.where(*same)).rowcount == 1:
                    return True
        except sqlalchemy.exc.IntegrityError:
            pass
        return bool(self.note(key) == new)

    @patient
    def set_note(self, key: str, value: Any) -> None:
        """Writes a note, whatever it was.

        Raises:
            StudyBusy: If another process has taken the study over.
        """
        text = json.dumps(value)
        with self._writing() as connection:
            if not connection.execute(update(_NOTES).values(value=text).where(*self._at(key))).rowcount:
                connection.execute(insert(_NOTES).values(study=self._id, key=key, value=text))

    def beat(self, lease: Mapping[str, Any]) -> bool:
        """Writes the lease that this process holds anew, in one try; says whether it still holds it."""
        with self._storage.engine.begin() as connection:
            mine = update(_NOTES).values(value=json.dumps(lease)).where(*self._lease_is_ours())
            return connection.execute(mine).rowcount == 1

    def drop_lease(self) -> None:
        """Removes the lease if this process holds it, in one try."""
        with self._storage.engine.begin() as connection:
            connection.execute(delete(_NOTES).where(*self._lease_is_ours()))

    @patient
    def trial_count(self) -> int:
        """Returns how many Optuna trials there are."""
        # Numbers count up with ids. Optuna's own count reads all of every trial.
        here = _OPTUNA_TRIALS.c.study_id == self._id
        last = select(_OPTUNA_TRIALS.c.number).where(here).order_by(_OPTUNA_TRIALS.c.trial_id.desc()).limit(1)
        with self._storage.engine.connect() as connection:
            number: int | None = connection.scalar(last)
        return 0 if number is None else number + 1

    @patient
    def finished_trials(self) -> set[int]:
        """Returns the numbers of the Optuna trials that are closed."""
        return {trial.number for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()}

    @patient
    def add_trial(self, trial: Trial, space: Mapping[str, LogUniform | Uniform | IntRange | Choice]) -> None:
        """Adds the Optuna trial of a new trial; they must be added in the order of their numbers."""
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(trial.parameters),
            distributions={key: distribution(parameter) for key, parameter in space.items()},
        )
        template.number = trial.number
        self._trial_ids[trial.number] = self._storage.create_new_trial(self._id, template_trial=template)

    @patient
    def report(self, trial: Trial, epochs: int, baseline: float | None) -> None:
        """Shows a trial's latest result in its Optuna trial."""
        last = trial.last
        if last is None:
            return
        trial_id = self._trial_id(trial.number)
        self._storage.set_trial_intermediate_value(trial_id, epochs, last.score)
        shown = {
            "losses": {str(seed): loss if isfinite(loss) else None for seed, loss in last.losses.items()},
            "rung": last.rung,
            "baseline": baseline,
        }
        for key, value in shown.items():
            self._storage.set_trial_user_attr(trial_id, key, value)

    @patient
    def finish(self, trial: Trial) -> None:
        """Closes a trial's Optuna trial: COMPLETE, PRUNED or FAIL, with its reason."""
        state = _FINISHED[trial.state(in_flight=False)]
        trial_id = self._trial_id(trial.number)
        if self._storage.get_trial(trial_id).state.is_finished():
            return
        self._storage.set_trial_user_attr(trial_id, "reason", trial.reason)
        values = [trial.last.score] if trial.last is not None and state != TrialState.FAIL else None
        self._storage.set_trial_state_values(trial_id, state, values)

    def _settle(self) -> None:
        """Moves what was committed from SQLite's write-ahead log into its file: a damaged log then loses little.

        It costs 0.7 ms (ext4 on an NVMe disk), a decision 0.9 ms.
        """
        if self._lite:
            with self._storage.engine.connect() as connection:
                connection.execute(sqlalchemy.text("PRAGMA wal_checkpoint(PASSIVE)"))

    def _refuse_damage(self) -> None:
        """Raises RuntimeError if SQLite finds its file inconsistent."""
        with self._storage.engine.connect() as connection:
            found = connection.scalar(sqlalchemy.text("PRAGMA integrity_check(1)"))
        if found != "ok":
            raise RuntimeError(f"it is damaged: {' '.join(str(found).split())}")

    @patient
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

    def _trial_id(self, number: int) -> int:
        """Returns the id of an Optuna trial; to find one by its number, the database would look through all."""
        if number not in self._trial_ids:
            trials = _OPTUNA_TRIALS.c
            query = select(trials.number, trials.trial_id).where(trials.study_id == self._id)
            with self._storage.engine.connect() as connection:
                self._trial_ids = {row.number: row.trial_id for row in connection.execute(query)}
        return self._trial_ids[number]

    def _at(self, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return _NOTES.c.study == self._id, _NOTES.c.key == key

    def _lease_is_ours(self) -> tuple[ColumnElement[bool], ...]:
        # An owner is a random word that stands nowhere else; the heartbeat beside it changes all the time.
        return *self._at("lease"), _NOTES.c.value.contains(self.owner or "")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction in which the lease is ours from its first statement to its end, because that locks its row."""
        with self._storage.engine.begin() as connection:
            if self.owner is not None:
                touch = update(_NOTES).values(value=_NOTES.c.value).where(*self._lease_is_ours())
                if not connection.execute(touch).rowcount:
                    raise StudyBusy(TAKEN_OVER)
            yield connection


def _make_whole(file: Path, name: str) -> None:
    """Makes the SQLite file of a study, whole or not at all.

    SQLite makes each table by itself: killed between a table and its unique index, a file would be left that takes two
    studies of one name. So it is made beside its place and then linked there, which fails when a rival was faster.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch()
    try:
        Database(f"sqlite:///{temporary.resolve()}", file.parent, name, create=True).close()
        assert not temporary.with_name(f"{temporary.name}-wal").exists(), "SQLite kept a log beside the file"
        with suppress(FileExistsError):
            os.link(temporary, file)
        sync_folder(file.parent)
    finally:
        for left in file.parent.glob(f"{temporary.name}*"):
            left.unlink(missing_ok=True)
