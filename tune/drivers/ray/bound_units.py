"""Units of work that are bound to a type of accelerator by their configuration (`tune.study.node`)."""

from collections.abc import Callable, Mapping
from typing import Any

from tune.drivers.ray.nodes import Nodes
from tune.ledger.log import log
from tune.optimizer.work import Work
from tune.study.node import CPU, accelerator_of

_MOST_WAITING = 64


class BoundUnits:
    """Hands out units of work, each when an accelerator of its type is free; meanwhile others overtake it.

    How its state evolves: `next(...)` returns work and keeps what cannot begin yet → `begun(...)` → `ended(...)`;
    in the end `hand_back()` returns what never began.

    Args:
        nodes: The nodes that live.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._training: dict[str, str] = {}  # by unit, on what
        self._waiting: list[Work] = []
        self._missed: set[str] = set()

    @property
    def free(self) -> bool:
        """Says whether a slot may be free."""
        return len(self._training) < self._nodes.slots

    def next(self, more: Callable[[], Work | None]) -> Work | None:
        """Returns work that can begin; None where there is none.

        Args:
            more: Returns further work of the study; None when there is none now.
        """
        for work in self._waiting:
            if self._has_room(work):
                self._waiting.remove(work)
                return work
        while len(self._waiting) < _MOST_WAITING and (further := more()) is not None:
            if self._has_room(further):
                return further
            self._waiting.append(further)
        return None

    def begun(self, unit: str, work: Work, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Takes note that a unit begins; returns what it asks Ray for, and its training settings.

        Args:
            unit: Its name.
            work: What it trains.
            settings: Of units of the study, see `tune.drivers.unit.TrainingSettings`.
        """
        kind = _kind(work)
        self._training[unit] = kind
        return {"asked": self._nodes.asked_on(kind), "settings": {**settings, **({"gpus": 0.0} if kind == CPU else {})}}

    def ended(self, unit: str) -> None:
        """Takes note that a unit holds its slot no more."""
        self._training.pop(unit, None)

    def hand_back(self) -> list[Work]:
        """Returns what waits, for others to take up."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _has_room(self, work: Work) -> bool:
        kind, training = _kind(work), list(self._training.values())
        room = self._nodes.room_on(kind)
        if not room and kind not in self._missed:
            self._missed.add(kind)
            log.warning("trial %d waits: no node with accelerator %s is left (ray status)", work.trial, kind)
        return training.count(kind) < room


def _kind(work: Work) -> str:
    return accelerator_of(work.configuration) or CPU
