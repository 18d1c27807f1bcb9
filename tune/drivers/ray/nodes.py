"""The machines of a Ray cluster, which come and go while a study runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune as ray_tune
from ray._private.state import available_resources_per_node

from tune.drivers.gpu_packing import asked as asked_of
from tune.errors import UserMistake
from tune.study.node import ACCELERATOR, CPU
from tune.study.sections import Resources

_LOOK_S = 2.0
_ID_LABEL = "ray.io/node-id"
_TYPE = "accelerator_type:"  # so begins the mark of a node whose GPUs Ray knows
_ROUNDING = 1e-6  # Ray counts in ten-thousandths, so a third of a GPU three times is hardly more than one


@dataclass(frozen=True)
class Node:
    """One machine, as Ray saw it a moment ago.

    Attributes:
        id: Ray's name of it, which no other node of this cluster ever has.
        address: Its IP address.
        total: Amount by resource, `CPU` and `GPU`.
        free: What nobody has reserved of it.
        accelerator: The type of its GPUs, "" where there are none or Ray does not know it.
        host: Its name.
    """

    id: str
    address: str
    total: Mapping[str, float]
    free: Mapping[str, float]
    accelerator: str = ""
    host: str = ""

    def room(self, asked: Mapping[str, float]) -> int:
        """Returns how many trials fit on it, were it empty."""
        return _fit(self.total, asked)

    def room_left(self, asked: Mapping[str, float]) -> int:
        """Returns how many more trials fit on it now."""
        return _fit(self.free, asked)

    def __str__(self) -> str:
        gpus = f", {self.total.get('GPU', 0):g} GPU{f' ({self.accelerator})' if self.accelerator else ''}"
        return f"{self.address} {self.total.get('CPU', 0):g} CPU{gpus}"


def asked_by(resources: Resources) -> dict[str, float]:
    """Returns what one trial asks of a node, amount by resource; what it does not ask for is absent."""
    asked = {"CPU": float(resources.cpus_per_trial), "GPU": resources.gpus}
    return {name: amount for name, amount in asked.items() if amount}


def in_words(asked: Mapping[str, float]) -> str:
    """Returns resources as people read them: `1 CPU and 0.5 GPU`."""
    return " and ".join(f"{amount:g} {name}" for name, amount in asked.items())


def alive() -> list[Node]:
    """Asks Ray for the nodes that live, sorted by address."""
    free = available_resources_per_node()
    nodes = [
        Node(
            *(each["NodeID"], each["NodeManagerAddress"], _counted(each["Resources"])),
            free=_counted(free.get(each["NodeID"], {})),
            accelerator=next(
                (name.removeprefix(_TYPE) for name in sorted(each["Resources"]) if name.startswith(_TYPE)), ""
            ),
            host=each["NodeManagerHostname"],
        )
        for each in ray.nodes()
        if each["Alive"]
    ]
    return sorted(nodes, key=lambda node: (node.address, node.id))


class Nodes:
    """The nodes that a study has; they are counted again every two seconds, for some leave and others join.

    Args:
        resources: What the study says that one trial occupies.
        look: Returns the nodes that live.
        clock: Seconds, never backwards.
        accelerators: Those on which trials of the study train; empty: wherever there is room.

    Attributes:
        asked: What one trial asks of a node; where some train on processors alone, what these ask.
    """

    def __init__(
        self,
        resources: Resources,
        look: Callable[[], list[Node]] = alive,
        clock: Callable[[], float] = time.monotonic,
        *,
        accelerators: Sequence[str] = (),
    ) -> None:
        self._resources, self._accelerators = resources, accelerators
        self.asked = self.asked_on(CPU) if CPU in accelerators else asked_by(resources)
        self._look, self._clock = look, clock
        self._seen, self._looked = look(), clock()

    @property
    def now(self) -> Sequence[Node]:
        """The nodes that live."""
        if self._clock() - self._looked >= _LOOK_S:
            self._seen, self._looked = self._look(), self._clock()
        return self._seen

    @property
    def slots(self) -> int:
        """How many trials fit at once; one trial lies on one node."""
        if self._accelerators:
            return sum(max(self._room_on(node, kind) for kind in self._accelerators) for node in self.now)
        return sum(node.room(self.asked) for node in self.now)

    def room_on(self, kind: str) -> int:
        """Returns how many trials fit at once on accelerators of a type."""
        return sum(self._room_on(node, kind) for node in self.now)

    def asked_on(self, kind: str) -> dict[str, float]:
        """Returns what a trial asks Ray for that is to train on an accelerator of a type."""
        return asked_of(self._resources.cpus_per_trial, kind, 0.0 if kind == CPU else self._resources.gpus)

    def _room_on(self, node: Node, kind: str) -> int:
        return node.room(_unmarked(self.asked_on(kind))) if kind in (CPU, node.accelerator) else 0

    def lives(self, node: str) -> bool:
        """Says whether the node of this id is there."""
        return any(each.id == node for each in self.now)

    def refuse_none(self) -> None:
        """Raises UserMistake if one trial fits on no node, empty or not; or on none that has its accelerator."""
        each = "; ".join(str(node) for node in self.now) or "no node at all"
        if lacking := [kind for kind in self._accelerators if not self.room_on(kind)]:
            wanted = in_words(_unmarked(self.asked_on(lacking[0])))
            raise UserMistake(
                f"{ACCELERATOR}: {', '.join(lacking)}: no node of the cluster has that and room for a trial "
                f"({wanted}): {each}; name what there is, give --address of another cluster, or wait until such nodes "
                "have joined (ray status)"
            )
        if self.slots:
            return
        raise UserMistake(
            f"resources: one trial asks for {in_words(self.asked)}, and no single node of the cluster has that: "
            f"{each}; lower resources.cpus_per_trial or resources.gpus_per_trial, give --address of a cluster with "
            "larger nodes, or wait until they have joined (ray status)"
        )


def request(config: Mapping[str, Any]) -> ray_tune.PlacementGroupFactory:
    """Returns what Ray is to reserve for a unit of work: its `asked`, on a node that is none of those to `avoid`."""
    avoid = {_ID_LABEL: f"!in({','.join(config['avoid'])})"} if config["avoid"] else {}
    labels = {"bundle_label_selector": [avoid]} if avoid else {}
    return ray_tune.PlacementGroupFactory([dict(config["asked"])], **labels)


def _fit(have: Mapping[str, float], asked: Mapping[str, float]) -> int:
    return min(int(have.get(name, 0.0) / amount + _ROUNDING) for name, amount in asked.items())


def _unmarked(asked: Mapping[str, float]) -> dict[str, float]:
    """Returns what is asked of a node without the mark of its type of accelerator."""
    return {name: amount for name, amount in asked.items() if not name.startswith(_TYPE)}


def _counted(resources: Mapping[str, float]) -> dict[str, float]:
    return {name: float(resources[name]) for name in ("CPU", "GPU") if resources.get(name)}
