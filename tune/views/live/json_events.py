"""The events of a study for programs: one JSON object per line (`docs/terminal.md` says every key)."""

import io
import json
import time
from collections.abc import Callable
from typing import Any, TextIO

from tune.ledger.cursor import DecisionCursor
from tune.ledger.log import log
from tune.ledger.reader import LedgerReader
from tune.ledger.records import STATES
from tune.views import wording
from tune.views.live.snapshot import Snapshots

_PROGRESS_S = 10.0


class EventStream:
    """Writes events, each as one line, as they happen.

    A reader that has left does not end a study: it is said once in the log, and nothing more is written.

    Args:
        out: Where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out: TextIO | None = out

    def emit(self, event: str, moment: float, **values: Any) -> None:
        """Writes an event; numbers in it that are not finite become null.

        Args:
            event: Its kind.
            moment: When it happened, in seconds since the epoch.
            values: What else is said of it: plain values.
        """
        if self._out is None:
            return
        line = json.dumps(wording.plain({"event": event, "time": moment, **values}), allow_nan=False)
        try:
            self._out.write(f"{line}\n")
            self._out.flush()
        except OSError as error:
            self._out = None
            log.warning("nobody reads the events any more (%s); the study goes on", error)


class Messages(io.TextIOBase):
    """A file for people's lines, each of which becomes an event `message`.

    Args:
        stream: Takes the events.
    """

    def __init__(self, stream: EventStream) -> None:
        self._stream, self._begun = stream, ""

    def write(self, text: str) -> int:
        """Takes text; what its last line feed is followed by waits for the rest of its line."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                self._stream.emit("message", time.time(), text=line.rstrip())
        return len(text)


class Events:
    """Tells a study's decisions and headway while it runs.

    How its state evolves: `start()` → `refresh()` after every report → `stop()`.

    Args:
        ledger: The study's memory.
        in_flight: Says which trials are being trained.
        stream: Takes the events.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        in_flight: Callable[[], frozenset[int]],
        stream: EventStream,
        clock: Callable[[], float],
    ) -> None:
        self._ledger, self._in_flight, self._stream, self._clock = ledger, in_flight, stream, clock
        self._snapshots = Snapshots(ledger, in_flight, clock)
        self._cursor = DecisionCursor(ledger)
        self._progress_at = float("-inf")

    def start(self) -> None:
        """Tells which study this is and how far; what was decided before is not told again."""
        ledger = self._ledger
        self._cursor.skip()
        self._stream.emit(
            "begin",
            self._clock(),
            study=ledger.study.name,
            folder=str(ledger.folder),
            trials=len(ledger.trials),
            planned_trials=ledger.study.trials,
            seed_epochs_spent=ledger.spent,
            rungs=[rung.model_dump() for rung in ledger.study.rungs],
            budget=ledger.study.budget.model_dump(mode="json"),
        )
        self._tell_headway()

    def refresh(self) -> None:
        """Tells the new decisions, and once in ten seconds the headway."""
        self._tell_decisions()
        if self._clock() - self._progress_at >= _PROGRESS_S:
            self._tell_headway()

    def stop(self) -> None:
        """Tells the last decisions and the headway in the end."""
        self._tell_decisions()
        self._tell_headway(exact=True)

    def _tell_decisions(self) -> None:
        for one in self._cursor.take():
            if one.of_search:
                about = {"trial": one.trial, "rung": one.rung, "reason": one.reason, "detail": dict(one.detail)}
                self._stream.emit(one.kind, one.time, **about)

    def _tell_headway(self, *, exact: bool = False) -> None:
        shown, self._progress_at = self._snapshots.take(exact=exact), self._clock()
        training, best = self._in_flight(), shown.best
        counts = self._snapshots.counts(training)
        self._stream.emit(
            "progress",
            self._progress_at,
            trials={state: counts[state] for state in STATES},
            training=sorted(training),
            reached=list(shown.reached),
            seed_epochs_spent=shown.spent,
            seed_epochs_redone=shown.redone,
            seed_epochs_left=shown.remaining,
            gpu_hours_used=shown.gpu_hours,
            money_used=shown.money,
            seconds=self._ledger.elapsed_s(),
            seconds_left=None if shown.left_s is None else list(shown.left_s),
            best=best and {"number": best.number, "score": best.score, "confirmed": best.state == "confirmed"},
        )
