"""A study that is there, sent to trackers at once."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.errors import FileMistakes, UserMistake
from tune.ledger.reader import LedgerReader
from tune.study import document
from tune.study.document import Document
from tune.study.loggers import Loggers
from tune.views.trackers.follower import Follower
from tune.views.trackers.loading import NamedLogger, load_loggers
from tune.views.trackers.marks import Marks
from tune.views.trackers.secrets import without_secrets


def send(folder: Path, spec: Mapping[str, Any], *, connect: bool = False) -> list[str]:
    """Tells trackers all that a study has, and returns where it was sent to, in words.

    MLflow is not told again what it has. Nothing is written in the study folder, but by a W&B that is offline. A
    process may work on the study meanwhile.

    Args:
        folder: The study folder.
        spec: Names and options as under `loggers` in a study file, such as `{"mlflow": {"tracking_uri": "http://..."}}`.
        connect: Whether to connect to servers that the study names (`tune.ledger.servers`).

    Raises:
        UserMistake: If there is no study, `spec` names no logger, or a tracker does not take it; then it may be sent
            again.
    """
    loggers, mistakes = document.validate(Loggers, Document("loggers", dict(spec)))
    if loggers is None:
        raise FileMistakes("loggers", mistakes)
    ledger = LedgerReader.read(folder, clock=time.time, connect=connect)
    return [_send(ledger, one) for one in load_loggers(loggers, folder)]


def _send(ledger: LedgerReader, named: NamedLogger) -> str:
    where = f"{named.name} ({named.place})" if named.place else named.name
    try:
        logger = named.make()
        try:
            finished = bool(ledger.sessions) and ledger.sessions[-1].ended == "finished"
            Follower(ledger, logger, Marks(None), lambda: None).close(finished=finished)
        finally:
            logger.close()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a logger raises
        cause = without_secrets(f"{type(error).__name__}: {error}")
        raise UserMistake(
            f"{where} does not take {ledger.folder}: {cause}; see that it answers, and send it again"
        ) from None
    return where
