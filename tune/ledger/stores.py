"""Where a ledger's content lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tune.ledger.checkpoints.store import Checkpoints
from tune.ledger.curves.store import CurveStore
from tune.ledger.database.database import Database
from tune.ledger.origin.belonging import refuse_strange
from tune.ledger.servers import refuse_server
from tune.ledger.storage.files import refuse_links
from tune.ledger.storage.folders import checkpoints_of, folder_at
from tune.study.study import Study


@dataclass(frozen=True)
class Stores:
    """Decisions and notes, states of trainers, and what they told.

    Attributes:
        database, checkpoints, curves: These three.
        connect: Whether checkpoints are looked at where they lie in an object store.
    """

    database: Database
    checkpoints: Checkpoints
    curves: CurveStore
    connect: bool = True

    @classmethod
    def to_read(cls, study: Study, folder: Path, *, connect: bool) -> Self:
        """Opens those of a study to look at it.

        Args:
            study: The study.
            folder: Its folder.
            connect: Whether to connect to servers that the study names (`tune.ledger.servers`).

        Raises:
            UserMistake: If they are not there, or would have to be connected for.
        """
        if not connect:
            refuse_server(study, folder)
        database = Database(study.storage.database, folder, study.name, create=False)
        if study.storage.database is not None:
            refuse_strange(database, folder, to_write=False)
        checkpoints = Checkpoints(folder_at(checkpoints_of(study, folder), connect=connect))
        if (disk := checkpoints.folder.disk) is not None:
            refuse_links(disk)
        return cls(database, checkpoints, CurveStore(folder / "curves", writable=False), connect)
