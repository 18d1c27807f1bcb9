"""The trackers of a study while it is worked on: a thread for each, which reads the ledger at its own pace."""

import shlex
import threading
import traceback
from collections.abc import Sequence
from queue import SimpleQueue
from time import monotonic

from rich.console import Console
from rich.text import Text

from tune.ledger.log import log
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.disk_space import vanished
from tune.views.trackers.follower import Follower
from tune.views.trackers.loading import NamedLogger, load_loggers
from tune.views.trackers.logger import Logger
from tune.views.trackers.marks import Marks
from tune.views.trackers.secrets import without_secrets

FOLDER = "trackers"
"""In the study folder: what each tracker was told."""

PATIENCE_S = 20.0
"""How long the end of a study waits for a tracker, in seconds; of one that is interrupted, a quarter of that."""

_PACE_S = 0.25
_LONGEST_PAUSE_S = 60.0
_SILENT_S = 30.0


class Tracker:
    """Keeps one tracker in step with a ledger, in a thread.

    How its state evolves: made → `begin()` → the thread tells what is new, a few times a second; where that fails, it
    makes another logger after a pause that doubles up to a minute, which is told what is missing → `end()`. What is to
    be said of it comes out of `said`, once for each time that it fails.

    Args:
        ledger: The study's memory, which is only read.
        logger: Who is told.
    """

    def __init__(self, ledger: LedgerReader, logger: NamedLogger) -> None:
        self._ledger, self._named = ledger, logger
        self.said: SimpleQueue[str] = SimpleQueue()
        self._over, self._finished, self._left, self.complete = threading.Event(), False, False, False
        self._failures, self._silent = 0, False
        self._heard_at: float | None = None  # while a call is under way, when the one before ended
        self._thread = threading.Thread(target=self._work, name=f"latent-tune {logger.name}", daemon=True)

    def begin(self) -> None:
        """Begins to tell what there is."""
        self._thread.start()

    def look(self) -> None:
        """Sees whether it answers."""
        heard = self._heard_at
        if heard is not None and not self._silent and monotonic() - heard > _SILENT_S:
            self._silent = True
            self._say(f"has not answered for {_SILENT_S:.0f} s; {self._later()}")

    def end(self, *, finished: bool, patience_s: float) -> None:
        """Has it told the rest, as far as it takes that in time; then it is left alone.

        Args:
            finished: Whether the study is.
            patience_s: How long to wait, in seconds.
        """
        self._finished = finished
        self._over.set()
        self._thread.join(patience_s)
        if not self.complete and not self._failures:
            self._say(f"has not taken everything within {patience_s:.0f} s; {self._later()}")
        self._left = True

    def _work(self) -> None:
        while not self.complete and not self._left:
            closing = self._over.is_set()
            try:
                self._follow()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a logger raises, the study goes on
                self._fail(error)
            if closing:
                return
            self._over.wait(min(2.0 ** (self._failures - 1), _LONGEST_PAUSE_S) if self._failures else _PACE_S)

    def _follow(self) -> None:
        """Tells what there is until it is over; raises whatever the logger does."""
        self._heard()
        logger, marks = None, None
        try:
            marks = Marks(self._ledger.folder / FOLDER / self._named.marks)
            logger = self._named.make()
            follower = Follower(self._ledger, logger, marks, self._heard)
            closing = False
            while not closing and not self._left:
                closing = self._over.is_set()
                self._refuse_vanished()
                self._heard()
                follower.close(finished=self._finished) if closing else follower.follow()
                self._recovered()
                self._heard_at = None
                self._over.wait(_PACE_S)
            self._heard()
            self._close(logger, marks)
            self.complete = closing
        except BaseException:
            self._close(logger, marks)
            raise
        finally:
            self._heard_at = None

    def _refuse_vanished(self) -> None:
        """Raises StudyStopped if the study's folder is gone: nothing is to be made there again."""
        gone = vanished(self._ledger.folder)
        if gone is not None:
            raise gone

    def _close(self, logger: Logger | None, marks: Marks | None) -> None:
        try:
            if logger is not None:
                logger.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it has been told everything, or has failed before
            self._log(f"close: {_described(error)}")
        if marks is not None:
            marks.close()

    def _fail(self, error: BaseException) -> None:
        self._failures += 1
        if self._failures == 1:
            self._say(f"takes nothing: {_described(error)}; {self._later()}")
            self._log("".join(traceback.format_exception(error)))

    def _recovered(self) -> None:
        if self._failures or self._silent:
            self._failures, self._silent = 0, False
            self._say("takes what it is told again, and has all so far")

    def _heard(self) -> None:
        """Takes note that the logger has taken something; whoever does so after it was left alone is too late."""
        if self._left:
            raise TimeoutError("it was left alone")
        self._heard_at = monotonic()

    def _later(self) -> str:
        again = f"latent-tune resume {shlex.quote(str(self._ledger.folder))}"
        return f"the study goes on; it is told the rest as soon as it takes it, or with: {again}"

    def _say(self, text: str) -> None:
        where = f" ({self._named.place})" if self._named.place else ""
        said = without_secrets(f"{self._named.name}{where} {text}")
        self.said.put(said)
        self._log(said)

    def _log(self, text: str) -> None:
        if not self._left:
            log.warning("loggers: %s", without_secrets(text))


class Trackers:
    """All trackers of a study; one that fails, hangs or is away ends no study and slows none.

    How its state evolves: made, and each begins → `refresh()` says what is to be said of them → … → `close()`.

    Args:
        ledger: The study's memory.
        console: Where it is said.

    Raises:
        UserMistake: If one cannot be loaded.
    """

    def __init__(self, ledger: LedgerReader, console: Console) -> None:
        self._console = console
        named = load_loggers(ledger.study.loggers, ledger.folder)
        self._trackers = [Tracker(ledger, one) for one in named]
        for one in named:
            self._print(f"every run is told to {one.name}{f' ({one.place})' if one.place else ''}")
        for tracker in self._trackers:
            tracker.begin()

    def refresh(self) -> None:
        """Says what is new of them, but nothing twice."""
        for tracker in self._trackers:
            tracker.look()
        self._tell(self._trackers)

    def close(self, *, finished: bool) -> None:
        """Has them told how the study stands.

        Args:
            finished: Whether it is, and not interrupted.
        """
        until = monotonic() + (PATIENCE_S if finished else PATIENCE_S / 4)
        for tracker in self._trackers:
            tracker.end(finished=finished, patience_s=max(0.1, until - monotonic()))
        self._tell(self._trackers)

    def _tell(self, trackers: Sequence[Tracker]) -> None:
        for tracker in trackers:
            while not tracker.said.empty():
                self._print(tracker.said.get())

    def _print(self, text: str) -> None:
        self._console.print(Text(text), highlight=False, soft_wrap=True)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
