"""What must hold before somebody may work on a study, and what its folder gets first."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tune.errors import UserMistake
from tune.ledger.backup.copy import is_copy, refuse_foreign
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.database.database import Database
from tune.ledger.identity import holds_study, refuse_growth, refuse_other, stored_study, study_detail
from tune.ledger.origin.belonging import refuse_strange, take_folder
from tune.ledger.origin.made_from import MadeFrom, in_words
from tune.ledger.provenance import process_detail
from tune.ledger.reader import Clock, LedgerReader
from tune.ledger.records import Kind
from tune.ledger.storage.disk_space import hold_reserve
from tune.ledger.storage.files import make_folder, refuse_links
from tune.ledger.storage.folders import checkpoints_of, folder_at, retry_with, shared_of
from tune.study.growth import described, differences
from tune.study.study import Study


def refuse_unfit(study: Study, folder: Path, clock: Clock, *, grow: bool) -> Study:
    """Makes sure that a folder may hold a study, before anything is written; returns the one that it holds.

    Args:
        study: The one asked for.
        folder: Its folder; the study asked for is returned where it holds none.
        clock: Seconds since the epoch.
        grow: Whether a study that is there may become the one asked for.

    Raises:
        StudyConflict: If the folder holds another study, or one that cannot grow to this.
        UserMistake: If the folder is the copy of a study, or shared storage is another study's.
    """
    refuse_links(folder)
    if is_copy(folder):
        raise UserMistake(f"{folder}: is the copy of a study; bring it here: latent-tune resume {folder}")
    there = stored_study(folder) if holds_study(folder) else study
    if differences(there, study):
        refuse_conflict(LedgerReader.read(folder, clock=clock, curves=False, connect=True), study, grow=grow)
    if study.storage.shared is not None:
        refuse_foreign(folder_at(shared_of(study)), folder)
    return there


def refuse_conflict(there: LedgerReader, study: Study, *, grow: bool) -> None:
    """Raises StudyConflict if a study that is there is not the one asked for, and may not or cannot become it."""
    if grow:
        refuse_growth(there.study, study, there.folder, len(there.trials))
    else:
        refuse_other(study, there.study, there.folder)


def make_database(study: Study, folder: Path, should_stop: Callable[[], bool]) -> Database:
    """Opens a study's database to write, making it and the folder where they are not there.

    Args:
        study: The study.
        folder: Its folder; where the database cannot be opened, what was made of its path is removed again.
        should_stop: Asked while the database is locked or away.

    Raises:
        UserMistake: If the folder cannot be written or the database not opened.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        database = Database(
            *(study.storage.database, folder, study.name),
            create=True,
            maximize=study.score.maximize,
            should_stop=should_stop,
        )
        if study.storage.database is not None:
            with closing_where_refused(database):
                refuse_strange(database, folder, to_write=True)
    except UserMistake:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise
    return database


@contextmanager
def closing_where_refused(database: Database) -> Iterator[None]:
    """Closes a database if what is done with it fails."""
    try:
        yield
    except BaseException:
        database.close()
        raise


def settle(study: Study, database: Database, folder: Path) -> None:
    """Makes a folder that of a study, now that nobody else works on it: the database's word, and room for the end."""
    if study.storage.database is not None:
        take_folder(database, folder)
    hold_reserve(folder)


def make_checkpoints(study: Study, folder: Path, should_stop: Callable[[], bool]) -> CheckpointStore:
    """Returns where a study's trainers put their state; its folder is made."""
    place = checkpoints_of(study, folder)
    store = CheckpointStore(folder_at(place, retry_with(place, should_stop)))
    if (disk := store.folder.disk) is not None:
        refuse_links(disk)
        disk.mkdir(parents=study.storage.shared is not None, exist_ok=True)
    return store


def first_decisions(
    there: LedgerReader, study: Study, made_from: MadeFrom | None, detail: Mapping[str, Any]
) -> Iterator[tuple[Kind, str, dict[str, Any]]]:
    """Yields kind, reason and detail of the decisions that a process begins its work with.

    What the study is made from is told when it is opened; where it differs from what old results are of, with the
    decision that accepts it, so that a process that is killed between the two has accepted nothing.

    Args:
        there: The study as it is; it takes each decision over before the next is asked for.
        study: What it is to be.
        made_from: What it is made from now; None where nobody looked.
        detail: What to remember of this process.
    """
    now = None if made_from is None else made_from.with_missing(there.made_from)
    different = there.made_from.differences(now) if there.made_from and now and there.spent else {}
    told = {} if now is None else {"made_from": now.model_dump(mode="json")}
    yield "open", "", {**process_detail(), **study_detail(there.study), **({} if different else told), **detail}
    if different:
        yield "accept", in_words(different), told
    if changed := differences(there.study, study):
        grown = {
            "study": study.model_dump(mode="json", by_alias=True),
            "longer": len(study.rungs) > len(there.study.rungs),
            "revived": study.search.halving == "promote",
        }
        yield "grow", described(changed), grown
