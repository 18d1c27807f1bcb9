"""The log of a study: a file in its folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tune.ledger.printable import printable

log = logging.getLogger("latent-tune")


def _neutralise(record: logging.LogRecord) -> bool:
    """Has a message act on no terminal, also where no log is open and logging itself prints it."""
    record.msg, record.args = printable(record.getMessage()), None
    return True


log.addFilter(_neutralise)


class _Log(logging.FileHandler):
    """The study's log; a line that the disk does not take is lost, and nothing else."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns a line as people may see it, whoever logs it and whatever a traceback says."""
        return printable(super().format(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line, if it can."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leaves it at that; the rest of logging would print a traceback into the live view."""

    def close(self) -> None:
        """Closes it, whatever the disk says of lines that it did not take."""
        with suppress(OSError):
            super().close()


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Keeps a log; its file is made with the first line, which comes after the study was opened."""
    handler = _Log(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
