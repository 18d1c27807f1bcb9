"""How a study is shown while it is worked on, and in the end: to people, to programs, or only its answer."""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TextIO, cast

from rich.console import Console
from rich.text import Text

from tune.cli.session.first_trials import FirstTrials
from tune.drivers.job import Job
from tune.ledger.cursor import DecisionCursor
from tune.ledger.ledger import Ledger
from tune.ledger.log import log
from tune.ledger.reader import LedgerReader
from tune.ledger.servers import servers
from tune.ledger.storage.disk_space import estimate, free_bytes
from tune.study.study import Study
from tune.study.units import show_size
from tune.study.user_code import user_path
from tune.views.console import Terminal
from tune.views.live.json_events import Events, EventStream, Messages
from tune.views.live.progress import Progress
from tune.views.plan.rounds import rounds_of
from tune.views.results import Results
from tune.views.sentences import answer
from tune.views.tensorboard.writer import TensorBoard
from tune.views.terminal.rounds import print_rounds
from tune.views.terminal.status import status
from tune.views.terminal.summary import print_summary
from tune.views.trackers.tracking import Trackers

OutputMode = Literal["view", "quiet", "json"]
"""view: a live view, then the results; quiet: nothing but the answer; json: events, one JSON object per line."""

_UNWRAPPED = 100_000


class _Lasting(Terminal):
    """A console whose reader may leave, as `head` does: rich would end the process, and the study with it."""

    def on_broken_pipe(self) -> None:
        """Writes nothing from now on."""
        with suppress(SystemExit):
            super().on_broken_pipe()


class View(Protocol):
    """Shows a study while it runs."""

    def start(self) -> None:
        """Begins; what was decided before is not told again."""

    def refresh(self) -> None:
        """Shows what is new."""

    def stop(self) -> None:
        """Shows the last news and ends."""


class Show:
    """Where a study is shown, and how much of it.

    Args:
        mode: How.
        out: Where to; not used by `view`, which writes to the terminal.

    Attributes:
        console: For what is said on the way: silent when quiet, an event per line in `json`.
    """

    def __init__(self, mode: OutputMode, out: TextIO) -> None:
        self._mode, self._out = mode, out
        self._stream = EventStream(out)
        if mode == "json":
            lines = cast("TextIO", Messages(self._stream))  # rich asks for more than it uses
            self.console = Terminal(file=lines, width=_UNWRAPPED)
        else:
            self.console = _Lasting(quiet=mode == "quiet")

    def view(self, ledger: Ledger, in_flight: Callable[[], frozenset[int]], stopping: Callable[[], bool]) -> View:
        """Returns what shows a study while it is worked on.

        Args:
            ledger: Its memory.
            in_flight: Says which trials are being trained.
            stopping: Says whether the study was asked to stop.
        """
        if self._mode == "json":
            return Events(ledger, in_flight, self._stream, time.time)
        if self._mode == "quiet":
            return QuietView()
        return Progress(ledger, in_flight, self.console, time.time, stopping)

    def results(self, results: Results) -> None:
        """Prints what a study found, as much of it as is wanted; programs are told by `end`."""
        if self._mode == "view":
            print_summary(results, self.console)
            if results.study.plan:
                self.console.print()
                print_rounds(rounds_of(results.ledger, results.ranked, results.seconds), results.study, self.console)
        elif self._mode == "quiet" and results.best is not None:  # why there is none, the error says that ends it
            console = Terminal(file=self._out)
            for sentence in answer(results):
                console.print(Text(sentence), highlight=False, soft_wrap=True)

    def end(self, results: Results, report: Path | None, best: Path | None) -> None:
        """Tells programs what a study found.

        Args:
            results: Of the study.
            report: Its report; None where it could not be written.
            best: The file that trains its winner again; None where there is none.
        """
        if self._mode == "json":
            self._stream.emit(
                "result",
                time.time(),
                status=status(results.ledger),
                answer=answer(results),
                report=report and str(report),
                best=best and str(best),
            )


def tell_servers(study: Study, console: Console) -> None:
    """Says to which servers working on a study has connected."""
    for key, place in servers(study).items():
        console.print(Text(f"connected to {place} ({key})"), highlight=False, soft_wrap=True)


class QuietView:
    """Shows nothing."""

    def start(self) -> None:
        """Does nothing."""

    def refresh(self) -> None:
        """Does nothing."""

    def stop(self) -> None:
        """Does nothing."""


@contextmanager
def showing(mode: OutputMode) -> Iterator[Show]:
    """Has a study shown in a mode.

    Unless it is the live view, standard output is for the study alone until this ends: what a trainer, a library or a
    worker prints goes to standard error.
    """
    if mode == "view":
        yield Show(mode, sys.stdout)
        return
    with _own_stdout() as out:
        yield Show(mode, out)


@contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """Yields standard output, and has everybody else's go to standard error."""
    theirs = sys.stdout
    try:
        theirs.flush()
        descriptor = theirs.fileno()
    except (io.UnsupportedOperation, AttributeError):  # no file, as in a notebook
        with redirect_stdout(sys.stderr):
            yield theirs
        return
    out = os.fdopen(os.dup(descriptor), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), descriptor)
    try:
        with redirect_stdout(sys.stderr):
            yield out
    finally:
        with suppress(OSError):  # the reader of a pipe has left
            out.flush()
        os.dup2(out.fileno(), descriptor)
        with suppress(OSError):
            out.close()


def output_mode(options: argparse.Namespace) -> OutputMode:
    """Returns how a study is shown while it is worked on."""
    return "json" if options.json else "quiet" if options.quiet else "view"


@contextmanager
def views(job: Job, show: Show) -> Iterator[None]:
    """Shows the study while it is worked on: on the terminal, in the log, in TensorBoard, in trackers."""
    ledger = job.optimizer.ledger
    _announce(ledger, show.console)
    progress = show.view(ledger, lambda: job.optimizer.in_flight, job.should_stop)
    board = _board(ledger)
    trackers = Trackers(ledger, show.console)
    first = FirstTrials(ledger, show.console)
    cursor = DecisionCursor(ledger, len(ledger.decisions))

    def watch() -> None:
        for decision in cursor.take():
            whose = "study" if decision.trial is None else f"trial {decision.trial}"
            log.info("%s: %s: %s", whose, decision.kind, decision.reason)
        for refresh in (progress.refresh, first.refresh, trackers.refresh, *([board.refresh] if board else [])):
            _harmless(refresh)

    job.watch = watch
    progress.start()
    finished = False
    try:
        yield
        finished = True
    finally:
        watch()
        progress.stop()
        if board:
            _harmless(board.close)
        _harmless(partial(trackers.close, finished=finished))


def tell_trackers(ledger: LedgerReader, show: Show) -> None:
    """Has the trackers of a finished study told what they have not taken yet.

    Raises:
        UserMistake: If one cannot be loaded.
    """
    Trackers(ledger, show.console).close(finished=True)


def _board(ledger: Ledger) -> TensorBoard | None:
    """Returns the view in TensorBoard; None where it cannot be begun, as on a full disk."""
    try:
        return TensorBoard(ledger)
    except Exception:
        log.exception("TensorBoard gets nothing from this process; the study goes on")
        return None


def _announce(ledger: Ledger, console: Console) -> None:
    before = ledger.sessions[:-1]
    text = f"study {ledger.study.name} in {ledger.folder}: "
    if before:
        unfinished = sum(trial.open for trial in ledger.trials)
        text += (
            f"continuing with {len(ledger.trials)} of {ledger.study.trials} trials, {unfinished} of them unfinished; "
            f"the last process was {before[-1].ended}"
        )
    else:
        text += f"{ledger.study.trials} trials, up to {ledger.study.top.seeds} seeds each"
    console.print(text, highlight=False, soft_wrap=True)
    tell_servers(ledger.study, console)
    if len(user_path()) > 1:
        console.print(Text(f"working in {user_path()[0]}, where it was begun"), highlight=False, soft_wrap=True)
    for line in ledger.sessions[-1].read:
        log.info("recording: %s", line)
        console.print(Text(f"recording: {line}"), highlight=False, soft_wrap=True)
    usage = ledger.checkpoints.usage()
    more, free = estimate(ledger.study, usage.largest) - usage.size, free_bytes(ledger.folder)
    if free - ledger.study.storage.min_free < more:
        console.print(
            f"its checkpoints may come to {show_size(more)} more, and {show_size(free)} are free; it pauses when less "
            f"than storage.min_free is left ({show_size(ledger.study.storage.min_free)})",
            highlight=False,
            soft_wrap=True,
        )


def _harmless(call: Callable[[], None]) -> None:
    """A view that fails is said once in the log; it never ends a study."""
    try:
        call()
    except Exception:
        log.exception("a view failed; the study goes on")
