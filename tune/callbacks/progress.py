"""The live view: what a study is doing, on a terminal; plain lines everywhere else."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tune.callbacks.forecast import Pace, remaining_seconds, remaining_seed_epochs
from tune.callbacks.strip import strip
from tune.ledger import Decision, Ledger
from tune.ledger.records import STATES
from tune.rungs import Rung
from tune.standings import Standing, incumbent, scored_baseline, standings

_UNKNOWN = "\N{EN DASH}"
_LEAST_S = 0.25
_WIDTH = 80
_NEWEST = 6
_PACED = 100
"""The standings are worked out again after this many times what it took: at most 1 % of a core."""
_COUNTED = 20
"""All trials are counted again after this many times what it took: at most 5 % of a core."""


@dataclass(frozen=True)
class _Snapshot:
    """What the view shows; drawn again as time passes, taken again when there is news."""

    counts: Counter[str]
    reached: tuple[int, ...]
    spent: int
    redone: int
    rate: float | None
    left_s: float | None
    share: float
    best: Standing | None
    newest: tuple[Decision, ...]


class Progress:
    """Shows a study while it runs.

    How its state evolves: `start()` → `refresh()` after every report, from any thread, and `note(message)` now and
    then → `stop()`. Between refreshes the time goes on by itself.

    Args:
        ledger: The study's memory.
        in_flight: Says which trials are being trained.
        console: Where to show it; lines without control characters when it is no terminal.
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
        self._shown = len(ledger.decisions)
        self._taken_at = self._ranked_at = float("-inf")
        self._ranking_s = self._taking_s = 0.0
        self._ranked_of = -1
        self._best: Standing | None = None
        self._snapshot: _Snapshot | None = None

    def start(self) -> None:
        """Begins to show; what was decided before is not told again."""
        self._shown = len(self._ledger.decisions)
        self._pace.add(self._clock(), self._ledger.spent)
        if self._console.is_terminal:
            self._take()
            self._live = Live(
                console=self._console,
                get_renderable=self.view,
                auto_refresh=True,
                refresh_per_second=2,
                transient=True,
            )
            self._live.start()

    def refresh(self) -> None:
        """Shows what is new; calls that follow too soon do nothing."""
        with self._lock:
            if self._live is None:
                self._print_new()
            elif self._clock() - self._taken_at >= max(_LEAST_S, _COUNTED * self._taking_s):
                self._take()

    def note(self, message: str) -> None:
        """Prints a line that stays, above the live view where there is one."""
        self._console.print(Text(message), soft_wrap=True, highlight=False)

    def stop(self) -> None:
        """Shows the last news and ends."""
        with self._lock:
            if self._live is None:
                self._print_new()
                return
            self._live.stop()
            self._live = None

    def _print_new(self) -> None:
        new = self._ledger.decisions[self._shown :]
        self._shown += len(new)
        for decision in new:
            if decision.trial is not None:
                self.note(_said(decision))

    def _take(self) -> None:
        """Takes a snapshot; in the thread that writes the ledger, so that nothing changes meanwhile."""
        ledger, now, running = self._ledger, self._clock(), self._in_flight()
        self._pace.add(now, ledger.spent)
        self._rank(now, running)
        rate, remaining = self._pace.rate(), remaining_seed_epochs(ledger)
        reached = Counter(rung for trial in ledger.trials for rung in trial.reached)
        self._snapshot = _Snapshot(
            counts=Counter(trial.state(trial.number in running) for trial in ledger.trials),
            reached=tuple(reached[rung] for rung in range(len(ledger.study.rungs))),
            spent=ledger.spent,
            redone=ledger.redone,
            rate=rate,
            left_s=remaining_seconds(ledger, rate),
            share=ledger.spent / (ledger.spent + remaining) if remaining else 1.0,
            best=self._best,
            newest=tuple(decision for decision in ledger.decisions[-_NEWEST:] if decision.trial is not None),
        )
        self._taken_at, self._taking_s = now, self._clock() - now - (self._ranking_s if self._ranked_at == now else 0.0)

    def _rank(self, now: float, running: frozenset[int]) -> None:
        """Finds the best trial again if there are decisions that it may hang on, and not too often."""
        decided = len(self._ledger.decisions)
        if decided == self._ranked_of or now - self._ranked_at < _PACED * self._ranking_s:
            return
        best = incumbent(standings(self._ledger, running))
        self._ranked_of, self._ranked_at, self._best = decided, now, best
        self._ranking_s = self._clock() - now

    def view(self) -> RenderableType:
        """Returns the live view as of now."""
        shown = self._snapshot
        assert shown is not None
        elapsed = self._ledger.elapsed_s()
        left = _UNKNOWN
        if shown.left_s is not None:
            left = "about " + _clock_time(max(0.0, shown.left_s - (self._clock() - self._taken_at)))
        study = self._ledger.study
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold", no_wrap=True, min_width=8)
        grid.add_column()
        rate = _UNKNOWN if shown.rate is None else f"{shown.rate:.3g} seed-epochs/s"
        redone = f" ({shown.redone:,} trained again)" if shown.redone else ""
        states = ", ".join(f"{shown.counts[state]} {state}" for state in STATES if shown.counts[state])
        grid.add_row("done", ProgressBar(total=1.0, completed=shown.share, width=self._width(), complete_style="green"))
        grid.add_row("trials", f"{shown.counts.total()} of {study.trials}: {states or 'none yet'}")
        grid.add_row("rungs", _rungs(study.rungs, shown.reached))
        grid.add_row("trained", f"{shown.spent:,} seed-epochs{redone}, {rate}")
        for name, line in self._best_lines(shown.best):
            grid.add_row(name, line)
        grid.add_row()
        for decision in shown.newest:
            at = datetime.fromtimestamp(decision.time, tz=UTC).astimezone().strftime("%H:%M:%S")
            grid.add_row(Text(at, style="dim"), Text(_said(decision), no_wrap=True, overflow="ellipsis"))
        share = f"  {100 * shown.share:.0f}%" if shown.rate is not None else ""
        title = Text.assemble((study.name, "bold"), f"{share}  {_clock_time(elapsed)} elapsed, {left} left")
        return Group(title, grid)

    def _width(self) -> int:
        """Returns how wide the second column may be."""
        return min(_WIDTH, self._console.width) - 10

    def _best_lines(self, best: Standing | None) -> list[tuple[str, Text]]:
        if best is None or best.summary is None:
            return [("best", Text(_UNKNOWN))]
        summary, options = best.summary, self._console.options
        names = list(self._ledger.study.varying)
        sure = "confirmed" if best.state == "confirmed" else "provisional"
        failed = f"{summary.failed}/{summary.seeds} seeds failed"
        baseline = scored_baseline(self._ledger)
        marks = strip(list(best.losses.values()), baseline, self._width(), ascii_only=options.ascii_only)
        return [
            ("best", Text(f"trial {best.number}, {sure}: score {best.score:.4g}, mean {summary.mean:.4g}, {failed}")),
            ("", Text(_setting({name: best.trial.parameters.get(name) for name in names}))),
            ("", marks),
        ]


def _rungs(rungs: Sequence[Rung], reached: Sequence[int]) -> str:
    """Returns how many trials reached each rung."""
    steps = [f"{rung.epochs} x {rung.seeds}: {count}" for rung, count in zip(rungs, reached, strict=True)]
    return f"{',  '.join(steps)}   (epochs x seeds: trials)"


def _said(decision: Decision) -> str:
    """Returns a decision in one line."""
    if decision.kind == "start":
        return f"trial {decision.trial} started: {_setting(decision.detail['parameters'])} ({decision.reason})"
    died = decision.kind == "attempt" and decision.detail.get("died", True)
    verb = "died: " if died else "failed: " if decision.kind == "fail" else ""
    return f"trial {decision.trial} {verb}{decision.reason}"


def _setting(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in parameters.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clock_time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
