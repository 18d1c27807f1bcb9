"""Tells the study's folder what the Ray driver knows of its cluster (`tune.ledger.cluster_state`)."""

import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

from ray import tune as ray_tune

from tune.drivers.ray.nodes import Nodes
from tune.drivers.ray.watch import Watch
from tune.ledger.cluster_state import WRITE_S, ClusterState, NodeState, TrainingState, WaitingState


class ClusterStateWriter(ray_tune.Callback):  # type: ignore[misc] # Ray ships no types
    """Writes every few seconds which trials train where, which wait, and what the nodes have.

    Args:
        watch: Knows the trials.
        nodes: Knows the nodes.
        folder: Of the study.
        clock: Seconds, never backwards.
    """

    def __init__(self, watch: Watch, nodes: Nodes, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch, self._nodes, self._folder, self._clock = watch, nodes, folder, clock
        self._wrote = clock() - WRITE_S

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles what it is given into its experiment folder, where nobody reads it

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Ray calls this several times a second, whether or not anything was reported."""
        if self._clock() - self._wrote >= WRITE_S:
            self._wrote = self._clock()
            self.now().write(self._folder)

    def now(self) -> ClusterState:
        """Returns what is known now."""
        addresses = {node.id: node.address for node in self._nodes.now}
        training = [
            TrainingState(
                trial=unit.work.trial,
                address=addresses.get(unit.place.node, "a node that is gone") if unit.place is not None else "",
                silent_s=round(unit.timer.lasted_s, 1),
                limit_s=unit.timer.limit_s if isfinite(unit.timer.limit_s) else None,
                ended=unit.said,
            )
            for unit in self._watch.training
        ]
        waiting = [
            WaitingState(trial=unit.work.trial, waits_s=round(time.monotonic() - unit.since, 1))
            for unit in self._watch.waiting
        ]
        nodes = [
            NodeState(address=node.address, total=dict(node.total), free=dict(node.free), accelerator=node.accelerator)
            for node in self._nodes.now
        ]
        return ClusterState(
            written=time.time(),
            asked=self._nodes.asked,
            slots=self._nodes.slots,
            nodes=tuple(nodes),
            training=tuple(training),
            waiting=tuple(waiting),
        )
