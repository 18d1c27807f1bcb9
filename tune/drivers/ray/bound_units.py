"""Units of work that are bound to a type of accelerator by their configuration (`tune.study.node`)."""

from tune.drivers.ray.nodes import Nodes
from tune.drivers.ray.placement import More, Placed, Placement
from tune.ledger.log import log
from tune.optimizer.work import Work
from tune.study.node import CPU, accelerator_of

_MOST_WAITING = 64


class BoundUnits(Placement):
    """Each begins when an accelerator of its type is free; meanwhile others overtake it.

    Args:
        nodes: The nodes that live.
    """

    movable = False

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._training: dict[str, str] = {}  # by unit, on what
        self._waiting: list[Work] = []
        self._missed: set[str] = set()

    @property
    def slots(self) -> int:
        """As many as fit on the nodes, whatever the type."""
        return self._nodes.slots

    def reserve(self, unit: str) -> bool:  # noqa: ARG002 - of which type it is to be, its work will say
        """Says whether fewer train than fit."""
        return len(self._training) < self.slots

    def place(self, unit: str, more: More) -> Placed | None:
        """Returns the first work whose accelerator is free, of what waits and of what there is more."""
        work = self._next(more)
        if work is None:
            return None
        kind = _kind(work)
        self._training[unit] = kind
        return Placed(work, self._nodes.asked_on(kind), 0.0 if kind == CPU else None)

    def ended(self, unit: str, *, out_of_memory: bool = False) -> None:  # noqa: ARG002 - nobody shares its slot
        """Takes note that a unit holds its slot no more."""
        self._training.pop(unit, None)

    def hand_back(self) -> list[Work]:
        """Returns what waits for an accelerator of its type."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _next(self, more: More) -> Work | None:
        for work in self._waiting:
            if self._has_room(work):
                self._waiting.remove(work)
                return work
        while len(self._waiting) < _MOST_WAITING and (further := more()) is not None:
            if self._has_room(further):
                return further
            self._waiting.append(further)
        return None

    def _has_room(self, work: Work) -> bool:
        kind, training = _kind(work), list(self._training.values())
        room = self._nodes.room_on(kind)
        if not room and kind not in self._missed:
            self._missed.add(kind)
            log.warning("trial %d waits: no node with accelerator %s is left (ray status)", work.trial, kind)
        return training.count(kind) < room


def _kind(work: Work) -> str:
    return accelerator_of(work.configuration) or CPU
