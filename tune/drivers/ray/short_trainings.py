"""Short trainings of a check on the nodes of a Ray cluster, each in a process of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tune.drivers.probing.asked import Asked, Sent
from tune.drivers.probing.child import told
from tune.drivers.probing.processes import PATIENCE_S, collected
from tune.drivers.probing.training import Event, Start
from tune.drivers.ray.connection import cluster
from tune.drivers.ray.environment import set_environment
from tune.drivers.ray.node_checks import refuse_blind_nodes
from tune.drivers.ray.nodes import Node, Nodes
from tune.errors import Interrupted
from tune.scoring.check.measured import Probed
from tune.study.node import accelerators
from tune.study.study import Study
from tune.study.user_code import user_path
from tune.trainer import TrainerClass

_LOOK_S = 0.2


@dataclass(frozen=True)
class OnNodes:
    """Does each short training in a fresh process on a node of a cluster.

    Attributes:
        study: Of which they are.
        trainer: The class, where it cannot be imported by the name that the study has.
        nodes: One node of each type; the first is where what names none trains.
        slots: How many trials the cluster has room for.
        should_stop: Asked meanwhile.
    """

    study: Study
    trainer: TrainerClass | None
    nodes: dict[str, Node]
    slots: int
    should_stop: Callable[[], bool]

    @property
    def types(self) -> list[str]:
        """The types of node, such as `4 CPU, 1 GPU (A100)`."""
        return list(self.nodes)

    def __call__(self, asked: Asked) -> Probed:
        """Has it done on the node of the type that is asked for.

        Raises:
            Interrupted: If it was asked to stop.
        """
        kind = asked.node or self.types[0]
        resources = self.study.resources
        remote = ray.remote(max_calls=1)(_short_training).options(
            num_cpus=resources.cpus_per_trial,
            num_gpus=resources.gpus,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(self.nodes[kind].id, soft=False),
        )
        sent = Sent(asked, self.study.model_dump_json(by_alias=True), user_path())
        return collected(asked, self._events(remote.remote(sent.dumped(), self.trainer), asked), kind)

    def _events(self, answer: Any, asked: Asked) -> list[Event]:
        until = time.monotonic() + 3 * asked.seconds + PATIENCE_S
        while not ray.wait([answer], timeout=_LOOK_S)[0]:
            if self.should_stop():
                ray.cancel(answer, force=True)
                raise Interrupted("interrupted; a check keeps nothing")
            if time.monotonic() > until:
                ray.cancel(answer, force=True)
                return [{"died": "no end in time", "kind": "stalled"}]
        try:
            events: list[Event] = ray.get(answer)
        except ray.exceptions.OutOfMemoryError as error:
            return [{"died": _first_line(error), "kind": "out_of_memory"}]
        except ray.exceptions.RayError as error:
            return [{"died": _first_line(error), "kind": "crashed"}]
        return events


@contextmanager
def on_nodes(
    study: Study, folder: Path, address: str, trainer: TrainerClass | None, should_stop: Callable[[], bool]
) -> Iterator[OnNodes]:
    """Connects to a cluster and yields what does short trainings there.

    Args:
        study: The study.
        folder: Its folder, which every node must see where checkpoints lie in it.
        address: Of the cluster.
        trainer: As of `OnNodes`.
        should_stop: As of `OnNodes`.

    Raises:
        UserMistake: If the cluster cannot be reached, has no room for a trial, or a node lacks what the study needs.
    """
    set_environment(address)
    with cluster(study, address):
        refuse_blind_nodes(study, folder)
        nodes = Nodes(study.resources, accelerators=accelerators(study))
        nodes.refuse_none()
        fit = [node for node in nodes.now if node.room(nodes.asked)]
        by_type: dict[str, Node] = {}
        for node in fit:
            by_type.setdefault(_kind(node), node)
        yield OnNodes(study, trainer, by_type, nodes.slots, should_stop)


def _kind(node: Node) -> str:
    """Returns what type a node is of, such as `4 CPU` or `8 CPU, 1 GPU (A100)`."""
    _, _, resources = str(node).partition(" ")
    return resources.removesuffix(", 0 GPU")


def _short_training(sent: str, trainer: TrainerClass | None) -> list[Event]:
    """Does one on a node, and returns what it has to tell."""
    return list(told(Sent.loaded(sent), Start(psutil.Process().create_time()), trainer))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
