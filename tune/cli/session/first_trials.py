"""The short form of a check, told while a study runs: when a trial is the first one at its rung."""

from rich.console import Console
from rich.text import Text

from tune.ledger.cursor import DecisionCursor
from tune.ledger.ledger import Ledger
from tune.ledger.log import log
from tune.scoring.check.first_trials import first_trial
from tune.scoring.check.items import Item


class FirstTrials:
    """Tells what the first trial at each rung shows, each item once.

    Args:
        ledger: The study's memory; what earlier processes came to has been told.
        console: Where it is told.
    """

    def __init__(self, ledger: Ledger, console: Console) -> None:
        self._ledger, self._console = ledger, console
        self._cursor = DecisionCursor(ledger, len(ledger.decisions))
        self._rungs = {rung for trial in ledger.trials for rung in trial.reached}
        self._told: set[str] = set()

    def refresh(self) -> None:
        """Looks whether there is something to tell."""
        if self._ledger.study.check.mode == "off":
            return
        reached = [decision for decision in self._cursor.take() if decision.kind == "reach"]
        new = [decision.trial for decision in reached if decision.trial is not None]
        for rung in sorted({rung for trial in new for rung in self._ledger.trials[trial].reached} - self._rungs):
            self._rungs.add(rung)
            for item in first_trial(self._ledger, rung):
                if item.name not in self._told:
                    self._tell(item)

    def _tell(self, item: Item) -> None:
        self._told.add(item.name)
        line = f"check, {item.name}: {item.measured}" + (f"; {item.advice}" if item.advice else "")
        log.warning("%s", line)
        self._console.print(Text(line), style="yellow", highlight=False, soft_wrap=True)
