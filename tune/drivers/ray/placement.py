"""On what units of work train: wherever a slot is free, packed on GPUs, or each on its own type of accelerator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tune.drivers.gpu_packing import GpuSlots, asked, detail_of, in_words
from tune.drivers.ray.nodes import Nodes
from tune.ledger.ledger import Ledger
from tune.optimizer.work import Work

More: TypeAlias = Callable[[], Work | None]
"""Returns further work of the study; None when there is none now."""


@dataclass(frozen=True)
class Placed:
    """Work that is to begin.

    Attributes:
        work: What is trained.
        asked: Of Ray: amount by resource.
        gpus: What the trainer is told to have; None: as the study says.
    """

    work: Work
    asked: Mapping[str, float]
    gpus: float | None = None


class Placement(Protocol):
    """Gives slots to units of work.

    How its state evolves, for each unit: `reserve(unit)` keeps a slot → `place(unit, more)` finds work for it →
    `ended(unit)` gives it back, also where there was no work. In the end `hand_back()` returns what never began.

    Attributes:
        movable: Whether a unit may go on on any other node.
    """

    movable: bool

    @property
    def slots(self) -> int:
        """How many units train at once."""

    def reserve(self, unit: str) -> bool:
        """Keeps a slot for a unit; says whether one was free."""

    def place(self, unit: str, more: More) -> Placed | None:
        """Returns what is to begin in that slot; None where no work can."""

    def ended(self, unit: str, *, out_of_memory: bool = False) -> None:
        """Takes note that a unit holds its slot no more."""

    def hand_back(self) -> list[Work]:
        """Returns work that was taken and waits, for others to take up."""


class AnySlot(Placement):
    """Every unit asks for the same, of any node.

    Args:
        nodes: Those that live.
        busy: Says how many units train.
    """

    movable = True

    def __init__(self, nodes: Nodes, busy: Callable[[], int]) -> None:
        self._nodes, self._busy = nodes, busy

    @property
    def slots(self) -> int:
        """As many as fit on the nodes."""
        return self._nodes.slots

    def reserve(self, unit: str) -> bool:  # noqa: ARG002 - all are alike
        """Says whether fewer train than fit."""
        return self._busy() < self.slots

    def place(self, unit: str, more: More) -> Placed | None:  # noqa: ARG002
        """Returns whatever comes next."""
        work = more()
        return None if work is None else Placed(work, self._nodes.asked)

    def ended(self, unit: str, *, out_of_memory: bool = False) -> None:
        """Nothing to do: who trains is counted elsewhere."""

    def hand_back(self) -> list[Work]:
        """Nothing waits."""
        return []


class PackedOnGpus(Placement):
    """Units share GPUs, as many as fit on one of a type; one that ran out of memory had too many neighbours.

    Args:
        gpus: The GPUs.
        ledger: Where it is told that fewer share one.
    """

    movable = False

    def __init__(self, gpus: GpuSlots, ledger: Ledger) -> None:
        self._gpus, self._ledger = gpus, ledger

    @property
    def slots(self) -> int:
        """As many as fit on the GPUs."""
        return self._gpus.total

    def reserve(self, unit: str) -> bool:
        """Keeps room on the quickest type of GPU that has some."""
        return self._gpus.take(unit) is not None

    def place(self, unit: str, more: More) -> Placed | None:
        """Returns whatever comes next, on the GPU that was kept."""
        work = more()
        if work is None:
            return None
        kind, packed = self._gpus.taken(unit)
        return Placed(work, asked(self._gpus.cpus, kind, packed.gpus), packed.gpus)

    def ended(self, unit: str, *, out_of_memory: bool = False) -> None:
        """Gives the room back, and has fewer share that type of GPU if the unit ran out of memory."""
        if out_of_memory and self._gpus.out_of_memory(unit):
            packing = self._gpus.packing
            self._ledger.decide("pack", reason=in_words(packing), detail=detail_of(packing))
        self._gpus.give_back(unit)

    def hand_back(self) -> list[Work]:
        """Nothing waits."""
        return []
