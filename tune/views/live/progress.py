"""The live view: what a study is doing, on a terminal; plain lines everywhere else."""

import threading
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tune.ledger.cursor import DecisionCursor
from tune.ledger.reader import LedgerReader
from tune.views.live.load import Loads
from tune.views.live.screen import Moment, draw, said, title
from tune.views.live.snapshot import Snapshots

_LEAST_S = 0.5
_REDRAWN_S = 1.0
_SIZE_S = 0.25


class Progress:
    """Shows a study while it runs.

    How its state evolves: `start()` → `refresh()` after every report, from any thread, and `note(message)` now and
    then → `stop()`. On a terminal a thread draws the view again once a second, so that the time goes on by itself.

    Args:
        ledger: The study's memory.
        in_flight: Says which trials are being trained.
        console: Where to show it; lines without control characters when it is no terminal, or a dumb one.
        clock: Seconds since the epoch.
        stopping: Says whether the study was asked to stop; whoever asked was answered on the terminal, past the view.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        in_flight: Callable[[], frozenset[int]],
        console: Console,
        clock: Callable[[], float],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._stopping, self._stops = stopping, False
        self._ledger, self._in_flight, self._console, self._clock = ledger, in_flight, console, clock
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="live view", daemon=True)
        self._cursor = DecisionCursor(ledger)

    def start(self) -> None:
        """Begins to show; what was decided before is not told again."""
        self._cursor.skip()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._snapshots = Snapshots(self._ledger, self._in_flight, self._clock)
            self._loads = Loads(self._ledger, self._clock)
            self._shown = self._snapshots.take()
            self._live = Live(console=self._console, get_renderable=self.view, auto_refresh=False, transient=True)
            self._live.start(refresh=True)
            self._thread.start()

    def refresh(self) -> None:
        """Shows what is new; calls that follow too soon do nothing."""
        with self._lock:
            if self._live is None:
                self._print_new()
            elif self._clock() - self._shown.taken >= _LEAST_S:
                self._shown = self._snapshots.take()

    def note(self, message: str) -> None:
        """Prints a line that stays, above the live view where there is one."""
        self._console.print(Text(message), soft_wrap=True, highlight=False)

    def stop(self) -> None:
        """Shows the last news and ends."""
        with self._lock:
            live, self._live = self._live, None
        if live is None:
            self._print_new()
            return
        self._over.set()
        self._thread.join()
        self._follow_stop()
        live.stop()

    def _print_new(self) -> None:
        for decision in self._cursor.take():
            if decision.of_search:
                self.note(said(decision))

    def view(self) -> RenderableType:
        """Returns the live view as of now; any thread may ask."""
        shown, training, elapsed_s = self._shown, self._in_flight(), self._ledger.elapsed_s()
        moment = Moment(self._snapshots.counts(training), training, self._loads.now(), elapsed_s)
        since_s = None if self._stopping() else self._clock() - shown.taken
        heading = title(shown, elapsed_s, since_s, self._console.width)
        return Group(heading, draw(shown, moment, self._console))

    def redraw(self) -> None:
        """Draws the view as of now, if it is shown."""
        with self._lock:
            live = self._live
        if live is not None:
            live.refresh()

    def _keep_drawing(self) -> None:
        """Draws the view once a second, and at once when the terminal has another size: then from an empty screen.

        What was drawn for another width wraps, so nobody knows how many lines it takes now.
        """
        size, waited = self._console.size, 0.0
        while not self._over.wait(_SIZE_S):
            waited += _SIZE_S
            resized, asked = self._console.size != size, self._follow_stop()
            if not (resized or asked) and waited < _REDRAWN_S:
                continue
            size, waited = self._console.size, 0.0
            if resized:
                self._console.clear()
            self.redraw()

    def _follow_stop(self) -> bool:
        """Says whether the study was asked to stop since it was last looked; then the view begins on an empty screen.

        The answer to Ctrl-C has moved the view, so nobody knows where its lines are: they and the answer scroll away.
        """
        if self._stops or not self._stopping():
            return False
        self._stops = True
        self._console.print("\n" * self._console.height)
        self._console.clear()
        return True
