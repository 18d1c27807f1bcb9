"""Moves units of work from slow nodes to idle ones (`tune.drivers.ray.stragglers` has the rule)."""

import time
from collections.abc import Callable, Collection

from tune.drivers.ray.nodes import Node, Nodes
from tune.drivers.ray.stragglers import IDLE_S, Stragglers
from tune.ledger.log import log
from tune.optimizer.work import Work


class Moves:
    """Which units are to be moved, and where to.

    How its state evolves: `unwanted()` while a slot is offered that no work is for → `away(unit)` says that a unit is
    to be paused → its trial is saved, and `left(unit)` returns its work to be handed out again → `avoided(work)` is the
    node that it then avoids.

    Args:
        nodes: The nodes that live.
        stragglers: How fast they are.
        resting: Returns the nodes on which an actor of this study rests, whose slot Tune keeps for the next unit.
        clock: Seconds, never backwards.
    """

    def __init__(
        self,
        nodes: Nodes,
        stragglers: Stragglers,
        resting: Callable[[], Collection[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes, self.stragglers, self._resting, self._clock = nodes, stragglers, resting, clock
        self._unwanted_since: float | None = None
        self._leaving: dict[str, Work] = {}
        self._avoided: dict[int, str] = {}

    def unwanted(self) -> None:
        """Takes note that a slot is free and there is no work for it."""
        if self._unwanted_since is None:
            self._unwanted_since = self._clock()

    def wanted(self) -> None:
        """Takes note that there was work for a free slot, or that none is free."""
        self._unwanted_since = None

    def away(self, unit: str, work: Work) -> bool:
        """Says whether a unit is to be moved away from its node; then it is expected to be paused."""
        if self._unwanted_since is None or self._clock() - self._unwanted_since < IDLE_S or self._leaving:
            return False
        node = self.stragglers.node(unit)
        why = self.stragglers.slow(unit, [each.id for each in self._nodes.now if each.id != node and self._idle(each)])
        if not why:
            return False
        log.warning("trial %d is moved to another node, where a slot is idle: %s", work.trial, why)
        self._leaving[unit], self._avoided[work.trial] = work, node
        return True

    def _idle(self, node: Node) -> bool:
        """Says whether a slot of a node is free for another unit."""
        asked = self._nodes.asked
        free = node.room_left(asked) > 0 or node.id in self._resting()
        return free and self.stragglers.on(node.id) < node.room(asked)

    def left(self, unit: str) -> Work | None:
        """Returns the work of a unit that has left its node, None when it was not to; asked once of each."""
        return self._leaving.pop(unit, None)

    def avoided(self, work: Work) -> list[str]:
        """Returns the ids of the nodes on which work is not to be placed; none that would leave no other."""
        node = self._avoided.get(work.trial)
        return [node] if node is not None and self.possible([node]) else []

    def possible(self, avoid: list[str]) -> bool:
        """Says whether a trial fits on some node other than these."""
        return any(each.room(self._nodes.asked) for each in self._nodes.now if each.id not in avoid)
