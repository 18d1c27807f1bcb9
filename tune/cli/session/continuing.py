"""Continuing a study from its folder alone, or having it do more."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tune.cli.session.existing import dead, last_driver
from tune.cli.session.origin import working_folder_of
from tune.cli.session.work import Request
from tune.ledger.backup.copy import is_copy
from tune.ledger.backup.restore import fetch
from tune.ledger.reader import LedgerReader
from tune.study.growth import extended
from tune.study.places import is_uri
from tune.study.study import Study


@dataclass(frozen=True)
class More:
    """What a study is to do more than it did.

    Attributes:
        trials: So many in all; None: as before.
        epochs: Of a full training; None: as before.
        seeds: Further ones.
        changes: `path=value`, as given to `--set`.
        retry: Trials that died, to be tried again; of all that did where there are none; None: of none.
    """

    trials: int | None = None
    epochs: int | None = None
    seeds: Sequence[int] = ()
    changes: Sequence[str] = ()
    retry: Sequence[int] | None = None


def continued(
    where: str, results: Path, more: More, request: Request, tell: Callable[[str], None] = lambda _: None
) -> tuple[Path, Study, Request]:
    """Returns the folder of a study, the study that it is to be, and how it is to be worked on.

    From here on it works where the study did.

    Args:
        where: The study's folder; or the copy of one whose machine was lost, which comes into `results`.
        results: Where it then comes.
        more: What it is to do more.
        request: How; whose driver is "", has the one that trained it last.
        tell: Takes a line for people, where a study came from elsewhere.

    Raises:
        UserMistake: If there is no study, or it cannot become the one asked for.
    """
    folder = Path(where)
    if is_uri(where) or is_copy(folder):
        folder = fetch(where, results)
        tell(f"{where.partition('?')[0]} is in {folder} now")
    ledger = LedgerReader.read(folder, clock=time.time, curves=False, connect=True)
    (folder,) = working_folder_of(ledger, folder)
    retry = [] if more.retry is None else dead(ledger, more.retry)
    study = extended(
        *(ledger.study, str(folder)), trials=more.trials, epochs=more.epochs, seeds=more.seeds, changes=more.changes
    )
    grow = bool(more.changes or more.seeds) or more.trials is not None or more.epochs is not None
    return folder, study, replace(request, driver=request.driver or last_driver(ledger), grow=grow, retry=retry)
