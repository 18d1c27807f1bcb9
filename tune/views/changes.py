"""What is new in a ledger, by trial."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tune.ledger.cursor import DecisionCursor
from tune.ledger.curves.arrays import array_of, values_of
from tune.ledger.curves.files import known_rows
from tune.ledger.curves.follow import CurveTail
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision

_MOST_ROWS = 1000


@dataclass
class TrialChanges:
    """What is new of one trial, or a part of it, if there is much.

    Attributes:
        trial: Its number.
        tables: Rows of its curves as they were appended.
        decisions: About it; they come with its last part, for they may rest on all rows.
    """

    trial: int
    tables: list[pa.Table] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows, each with its metrics by name."""
        return [row for table in self.tables for row in table.to_pylist()]

    def has_room_for(self, table: pa.Table) -> bool:
        """Says whether further rows belong to this part."""
        rows: int = sum(one.num_rows for one in self.tables) + table.num_rows
        return rows <= _MOST_ROWS


class Newsreader:
    """Reads what was added to a ledger since it was last looked at.

    Args:
        ledger: The study's memory.
    """

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger, self._tail, self._cursor = ledger, CurveTail(ledger.folder / "curves"), DecisionCursor(ledger)

    def read(self) -> list[TrialChanges]:
        """Returns what is new, trial by trial, in parts of at most a thousand rows."""
        decisions = self._cursor.take()  # before the rows: what these rest on is then among them
        known = len(self._ledger.trials)  # a ledger that is only read may be behind the curves
        news: dict[int, list[TrialChanges]] = defaultdict(list)
        for table in self._tail.read():
            for trial, rows in _by_trial(known_rows(table, known)):
                for start in range(0, rows.num_rows, _MOST_ROWS):
                    piece, parts = rows.slice(start, _MOST_ROWS), news[trial]
                    if not parts or not parts[-1].has_room_for(piece):
                        parts.append(TrialChanges(trial))
                    parts[-1].tables.append(piece)
        for decision in decisions:
            if decision.trial is not None:
                parts = news[decision.trial]
                if not parts:
                    parts.append(TrialChanges(decision.trial))
                parts[-1].decisions.append(decision)
        return [part for _, parts in sorted(news.items()) for part in parts]


def _by_trial(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yields the rows of each trial, in their order."""
    if not table.num_rows:
        return
    trials = values_of(table["trial"])
    order = np.argsort(trials, kind="stable")
    ordered, trials = table.take(array_of(order)).combine_chunks(), trials[order]
    starts = np.flatnonzero(np.diff(trials, prepend=trials[0] - 1))
    for start, end in zip(starts, [*starts[1:], len(trials)], strict=True):
        yield int(trials[start]), ordered.slice(start, end - start)
