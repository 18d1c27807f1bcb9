"""What the live view counts, kept up decision by decision, so that showing a study costs the same throughout."""

from collections import Counter
from heapq import nsmallest
from typing import Any

from tune.ledger.reader import LedgerReader
from tune.ledger.records import STATES, State, Trial
from tune.scoring.standings import Standing, rank
from tune.scoring.trial_follower import TrialFollower
from tune.study.values import frozen


class TrialCounts:
    """Counts of a study's trials.

    How its state evolves: `follow()` takes over what was decided since it was last called; call it before looking.

    Args:
        ledger: The study's memory.

    Attributes:
        ledger: The same.
        open: The trials that head for a rung.
        reached: By rung index, how many trials stand there or went on.
        entered: By rung index, how many trials head for it, stand there or went on.
    """

    def __init__(self, ledger: LedgerReader) -> None:
        self.ledger, self._follower = ledger, TrialFollower(ledger)
        self._begin()
        self.follow()

    def _begin(self) -> None:
        study = self.ledger.study
        self._states: dict[int, State] = {}
        self._counts: Counter[State] = Counter(dict.fromkeys(STATES, 0))
        self._entered: dict[int, tuple[int, int]] = {}  # by trial: how many rungs, and how many of them alive
        self._seen: dict[int, frozenset[int]] = {}  # by trial: the rungs reached
        self._scores: list[dict[int, float]] = [{} for _ in study.rungs]  # by highest rung; those that died left out
        self._kinds: list[Counter[tuple[Any, ...]]] = [Counter() for _ in study.rungs]
        self.open: set[int] = set()
        self.reached = [0 for _ in study.rungs]
        self.entered = [0 for _ in study.rungs]

    def follow(self) -> None:
        """Takes over what was decided since the last time."""
        changes = self._follower.changes()
        if changes.anew:
            self._begin()
        for number in changes.trials:
            self._take(self.ledger.trials[number])

    def counts(self, in_flight: frozenset[int]) -> Counter[State]:
        """Returns how many trials are in each state; any thread may ask.

        Args:
            in_flight: The trials being trained; of those that began or were promoted since `follow` it need not know.
        """
        counts = self._counts.copy()
        for number in in_flight:
            before = self._states.get(number)
            if before in (None, "waiting", "paused"):
                counts["running"] += 1
            if before in ("waiting", "paused"):
                counts[before] -= 1
        return counts

    def kinds(self, rung: int) -> list[int]:
        """Returns how many trials that entered a rung are compared apart there, those that died left out."""
        return [count for count in self._kinds[rung].values() if count]

    def leaders(self, most: int, in_flight: frozenset[int]) -> list[Standing]:
        """Returns the best trials, best first, as `standings` ranks them; those that died left out.

        Args:
            most: How many at most; 1 or more.
            in_flight: The trials being trained.
        """
        chosen: list[int] = []
        for rung in reversed(range(len(self._scores))):
            scores = self._scores[rung]
            wanted = most - len(chosen)
            if rung == len(self._scores) - 1:  # the first of these is chosen among all that it cannot be told from
                wanted = len(scores)
            if wanted > 0:
                chosen += nsmallest(wanted, scores, key=scores.__getitem__)
        return rank(self.ledger, (self.ledger.trials[one] for one in chosen), in_flight)[:most]

    def _take(self, trial: Trial) -> None:
        number, state = trial.number, trial.state(in_flight=False)
        (self.open.add if trial.open else self.open.discard)(number)
        if number in self._states:
            self._counts[self._states[number]] -= 1
        self._counts[state] += 1
        self._states[number] = state
        self._enter(trial)
        for rung in trial.reached.keys() - self._seen.get(number, frozenset()):
            self.reached[rung] += 1
        self._seen[number] = frozenset(trial.reached)
        for scores in self._scores:
            scores.pop(number, None)
        if trial.last is not None and state != "failed":
            self._scores[trial.last.rung][number] = trial.last.score

    def _enter(self, trial: Trial) -> None:
        """Counts a trial at the rungs that it has entered, by what it is compared with there while it lives."""
        entered, alive = self._entered.get(trial.number, (0, 0))
        now = trial.rung + 1, 0 if trial.ended == "failed" else trial.rung + 1
        for index in range(entered, now[0]):
            self.entered[index] += 1
        for index in range(max(alive, now[1])):
            self._kinds[index][self._kind(trial, index)] += (index < now[1]) - (index < alive)
        self._entered[trial.number] = now

    def _kind(self, trial: Trial, rung: int) -> tuple[Any, ...]:
        return () if rung else tuple(frozen(trial.parameters.get(name)) for name in self.ledger.study.protected)
