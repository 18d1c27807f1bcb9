"""Which unit of work would be done sooner on another node, because its own is slow.

A node may be slow for reasons that nobody sees: a GPU that throttles, a neighbour, a failing disk. The rule is made so
that it cannot make things worse:

- a unit is moved only onto a slot that has stood idle for a while with no other work for it, so nothing is displaced;
- only when its epochs take more than `SLOWER` times as long as on its peers: as the same trial's on another node, or,
  where it has not been on one, as those of the slowest of at least `PEERS` other trials there;
- only when what that saves is more than it cost to begin the unit where it is;
- only once, so a trial that is slow by itself, wherever it is, costs one start at most;
- it is saved first, so no epoch is trained twice.

Otherwise a slow node keeps its work: slow is better than idle.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from statistics import median

from tune.optimizer.work import Work

SLOWER = 3.0
PEERS = 3
IDLE_S = 10.0
"""How long a slot must have stood idle: longer than it takes to hand one out."""

_RECENT = 5
_ENOUGH = 2


@dataclass
class _Unit:
    """One unit in training; `begin_s` is what its first epoch took, with loading and compiling."""

    work: Work
    node: str
    begin_s: float = nan
    epoch: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))


class Stragglers:
    """Seconds per seed-epoch of every trial on every node.

    How its state evolves: `began(...)` → `heard(...)` with every report → `slow(...)` says why a unit is to be moved,
    once → `ended(...)`.
    """

    def __init__(self) -> None:
        self._units: dict[str, _Unit] = {}
        self._known: dict[tuple[int, str], float] = {}
        self._moved: set[int] = set()

    def began(self, unit: str, work: Work, node: str) -> None:
        """Takes note of where a unit trains from now on."""
        self._units[unit] = _Unit(work, node, epoch=work.from_epoch)

    def heard(self, unit: str, held_s: Sequence[float]) -> None:
        """Takes note of the seconds that its next epochs took, all seeds together."""
        if (one := self._units.get(unit)) is None:
            return
        for seconds in held_s:
            one.epoch += 1
            if isnan(one.begin_s):  # the first epoch of a unit says little of the others
                one.begin_s = seconds
            else:
                one.recent.append(seconds / len(one.work.seeds))
        if len(one.recent) >= _ENOUGH:
            self._known[one.work.trial, one.node] = median(one.recent)

    def ended(self, unit: str) -> None:
        """Takes note that a unit has ended."""
        self._units.pop(unit, None)

    def node(self, unit: str) -> str:
        """Returns where a unit trains; "" when it does not."""
        return self._units[unit].node if unit in self._units else ""

    def on(self, node: str) -> int:
        """Returns how many units train on a node."""
        return sum(one.node == node for one in self._units.values())

    def slow(self, unit: str, elsewhere: Collection[str]) -> str:
        """Returns in one line why a unit is to be moved to one of the nodes that have an idle slot; "" when it is not.

        Args:
            unit: The unit.
            elsewhere: Nodes with an idle slot.
        """
        one = self._units.get(unit)
        if one is None or one.work.trial in self._moved or len(one.recent) < _ENOUGH:
            return ""
        here, there = median(one.recent), self._reference(one, set(elsewhere) - {one.node})
        left = (one.work.to_epoch - one.epoch) * len(one.work.seeds)
        if not (here > SLOWER * there and left * (here - there) > one.begin_s):  # nan: not known, and False
            return ""
        self._moved.add(one.work.trial)
        return f"{here:.3g} s per seed-epoch, {here / there:.1f} times as long as on other nodes"

    def _reference(self, one: _Unit, nodes: Collection[str]) -> float:
        """Returns the seconds per seed-epoch to expect of a unit on other nodes; nan when not enough is known."""
        own = [pace for (trial, node), pace in self._known.items() if trial == one.work.trial and node in nodes]
        if own:
            return max(own)
        others = {trial: pace for (trial, node), pace in self._known.items() if node in nodes}
        return max(others.values()) if len(others) >= PEERS else nan
