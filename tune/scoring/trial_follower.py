"""Which trials have changed, for whoever keeps something up for each of them."""

from collections.abc import Collection
from dataclasses import dataclass

from tune.ledger.cursor import DecisionCursor
from tune.ledger.reader import LedgerReader


@dataclass(frozen=True)
class Changes:
    """What was decided about trials.

    Attributes:
        anew: Whether what is known of all trials is void: the baseline has become known, all scores are others,
            or the study has grown.
        trials: The numbers of those that have changed, each once; of all where `anew`.
    """

    anew: bool
    trials: Collection[int]


class TrialFollower:
    """Follows the trials of a ledger.

    How its state evolves: `changes()` says what has changed since it was last asked; at first that is every trial.

    Args:
        ledger: The study's memory.
    """

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger, self._cursor, self._baseline = ledger, DecisionCursor(ledger), ledger.baseline

    def changes(self) -> Changes:
        """Returns what has changed since the last time."""
        new = self._cursor.take()
        anew = self._ledger.baseline is not self._baseline or any(one.kind in ("grow", "rescale") for one in new)
        self._baseline = self._ledger.baseline
        if anew:
            return Changes(anew, range(len(self._ledger.trials)))
        return Changes(anew, dict.fromkeys(one.trial for one in new if one.trial is not None))
