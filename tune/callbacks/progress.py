"""The live view: what a study is doing, on a terminal; plain lines everywhere else."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tune.callbacks.forecast import Pace, remaining_seconds, remaining_seed_epochs
from tune.callbacks.screen import Lines, Snapshot, draw, title
from tune.callbacks.slots import Load, Loads
from tune.callbacks.tally import Tally
from tune.callbacks.told import clock_time, said
from tune.ledger import Decision, Ledger
from tune.standings import Standing, scored_baseline

_LEAST_S = 0.5
_REDRAWN_S = 1.0
_SIZE_S = 0.25
_LEADERS = 10
_NEWEST = 10
_PACED = 400
"""The best trials are found again after this many times what it took: at most 1/400 of a core."""


@dataclass(frozen=True)
class _Drawn:
    """What was drawn last, and of what: it is drawn again when one of these has changed."""

    shown: Snapshot
    load: Load
    size: tuple[int, int]
    lines: Lines


class Progress:
    """Shows a study while it runs.

    How its state evolves: `start()` → `refresh()` after every report, from any thread, and `note(message)` now and
    then → `stop()`. On a terminal a thread draws the view again once a second, so that the time goes on by itself.

    Args:
        ledger: The study's memory.
        in_flight: Says which trials are being trained.
        console: Where to show it; lines without control characters when it is no terminal, or a dumb one.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        in_flight: Callable[[], frozenset[int]],
        console: Console,
        clock: Callable[[], float],
    ) -> None:
        self._ledger, self._in_flight, self._console, self._clock = ledger, in_flight, console, clock
        self._lock = threading.Lock()
        self._pace = Pace()
        self._live: Live | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._redraw, name="live view", daemon=True)
        self._told = len(ledger.decisions)
        self._newest: deque[Decision] = deque(maxlen=_NEWEST)
        self._taken_at = self._ranked_at = float("-inf")
        self._ranking_s = 0.0
        self._ranked_of = -1
        self._leaders: tuple[Standing, ...] = ()
        self._left: tuple[float, float] | None = None
        self._drawn: _Drawn | None = None

    def start(self) -> None:
        """Begins to show; what was decided before is not told again."""
        self._told = len(self._ledger.decisions)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._tally, self._loads = Tally(self._ledger), Loads(self._ledger, self._clock)
            self._newest.extend(one for one in self._ledger.decisions[-4 * _NEWEST :] if _is_news(one))
            self._take()
            self._live = Live(
                console=self._console, get_renderable=self.view, auto_refresh=False, transient=True
            )
            self._live.start(refresh=True)
            self._thread.start()

    def refresh(self) -> None:
        """Shows what is new; calls that follow too soon do nothing."""
        with self._lock:
            if self._live is None:
                self._print_new()
            elif self._clock() - self._taken_at >= _LEAST_S:
                self._take()

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
        live.stop()

    def _print_new(self) -> None:
        for decision in self._new():
            if decision.trial is not None:
                self.note(said(decision))

    def _new(self) -> list[Decision]:
        new = self._ledger.decisions[self._told :]
        self._told += len(new)
        return new

    def _take(self) -> None:
        """Takes a snapshot; in the thread that writes the ledger, so that nothing changes meanwhile."""
        ledger, now, running = self._ledger, self._clock(), self._in_flight()
        self._pace.add(now, ledger.spent)
        self._tally.follow()
        self._newest.extend(one for one in self._new() if _is_news(one))
        self._rank(now, running)
        rate, remaining = self._pace.rate(), remaining_seed_epochs(self._tally)
        slow, fast = self._pace.spread() or (rate, rate)
        longest, shortest = (remaining_seconds(ledger, remaining, one) for one in (slow, fast))
        left = None if longest is None or shortest is None else (shortest, longest)
        shown = Snapshot(
            study=ledger.study,
            counts=self._tally.counts(running),
            reached=tuple(self._tally.reached),
            spent=ledger.spent,
            redone=ledger.redone,
            gpu_hours=ledger.gpu_seconds / 3600,
            rate=rate,
            share=ledger.spent / (ledger.spent + remaining) if remaining else 1.0,
            leaders=self._leaders,
            baseline=scored_baseline(ledger),
            training=tuple(sorted(running)),
            newest=tuple(self._newest),
        )
        self._taken_at, self._left, self._shown = now, left, shown

    def _rank(self, now: float, running: frozenset[int]) -> None:
        """Finds the best trials again if there are decisions that they may hang on, and not too often."""
        decided = len(self._ledger.decisions)
        if decided == self._ranked_of or now - self._ranked_at < _PACED * self._ranking_s:
            return
        self._leaders = tuple(self._tally.leaders(_LEADERS, running))
        self._ranked_of, self._ranked_at = decided, now
        self._ranking_s = self._clock() - now

    def view(self) -> RenderableType:
        """Returns the live view as of now."""
        shown, load, elapsed = self._shown, self._loads.now(), self._ledger.elapsed_s()
        size = (self._console.width, self._console.height)
        drawn = self._drawn
        if drawn is None or drawn.shown is not shown or drawn.load is not load or drawn.size != size:
            drawn = self._drawn = _Drawn(shown, load, size, draw(shown, load, elapsed, self._console))
        return Group(title(shown, elapsed, self._left_in_words(), size[0]), drawn.lines)

    def _left_in_words(self) -> str:
        if self._left is None:
            return "time left unknown"
        since = self._clock() - self._taken_at
        low, high = (clock_time(max(0.0, one - since)) for one in self._left)
        return f"about {low} left" if low == high else f"{low} to {high} left"

    def _redraw(self) -> None:
        """Draws the view once a second, and at once when the terminal has another size: then from an empty screen.

        What was drawn for another width wraps, so nobody knows how many lines it takes now.
        """
        size, waited = self._console.size, 0.0
        while not self._over.wait(_SIZE_S):
            waited += _SIZE_S
            resized = self._console.size != size
            if not resized and waited < _REDRAWN_S:
                continue
            size, waited = self._console.size, 0.0
            with self._lock:
                live = self._live
            if live is not None:
                if resized:
                    self._console.clear()
                live.refresh()


def _is_news(decision: Decision) -> bool:
    """Says whether the live view tells a decision: of trials that begin it shows which are in training."""
    return decision.trial is not None and decision.kind != "start"
