"""What is new in a ledger, by trial."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tune.ledger import Decision, Ledger
from tune.ledger.rows import known_rows
from tune.ledger.tail import CurveTail


@dataclass
class News:
    """What is new of one trial: rows of its curves as they were appended, and decisions about it."""

    tables: list[pa.Table] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, each with its metrics by name."""
        for table in self.tables:
            yield from table.to_pylist()


class Newsreader:
    """Reads what was added to a ledger since it was last looked at.

    Args:
        ledger: The study's memory.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._tail, self._told = ledger, CurveTail(ledger.folder / "curves"), 0

    def read(self) -> dict[int, News]:
        """Returns what is new by trial, the lowest number first."""
        decisions = self._ledger.decisions[self._told :]  # before the rows: what these rest on is then among them
        self._told += len(decisions)
        known = len(self._ledger.trials)  # a ledger that is only read may be behind the curves
        news: dict[int, News] = defaultdict(News)
        for table in self._tail.read():
            for trial, rows in _by_trial(known_rows(table, known)):
                news[trial].tables.append(rows)
        for decision in decisions:
            if decision.trial is not None:
                news[decision.trial].decisions.append(decision)
        return dict(sorted(news.items()))


def _by_trial(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yields the rows of each trial, in their order."""
    if not table.num_rows:
        return
    numbers = table["trial"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    ordered, numbers = table.take(order).combine_chunks(), numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        yield int(numbers[start]), ordered.slice(start, end - start)
