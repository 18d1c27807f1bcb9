"""Where somebody stands in the decisions of a study."""

from collections.abc import Sequence

from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision


class DecisionCursor:
    """Reads the decisions of a ledger once each, in their order.

    How its state evolves: `take()` returns what was decided since it was last called, `skip()` passes over it.

    Args:
        ledger: Whose decisions.
        at: How many of them are passed over at first.
    """

    def __init__(self, ledger: LedgerReader, at: int = 0) -> None:
        self._decisions, self._taken = ledger.decisions, at

    @property
    def behind(self) -> bool:
        """Whether there are decisions to take."""
        return self._taken < len(self._decisions)

    def take(self) -> Sequence[Decision]:
        """Returns the decisions since the last time."""
        new = self._decisions[self._taken :]
        self._taken += len(new)
        return new

    def skip(self) -> None:
        """Passes over all that was decided so far."""
        self._taken = len(self._decisions)
