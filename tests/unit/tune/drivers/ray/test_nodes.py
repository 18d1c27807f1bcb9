"""The nodes of a cluster: how many trials they have room for, counted again as they come and go."""

import pytest

from tests.fakes.clock import Clock
from tune.errors import UserMistake
from tune.study.sections import Resources


def node(address: str, cpus: float, gpus: float = 0, *, free: float | None = None, accelerator: str = "") -> object:
    """One node, by default with everything free."""
    from tune.drivers.ray.nodes import Node

    total = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount}
    return Node(f"id of {address}", address, total, {"CPU": cpus if free is None else free}, accelerator)


def test_a_trial_lies_on_one_node() -> None:
    """Two nodes with three cores each have room for two trials of two cores, not for three."""
    from tune.drivers.ray.nodes import Nodes

    assert Nodes(Resources(cpus_per_trial=2), lambda: [node("a", 3), node("b", 3)]).slots == 2  # type: ignore[list-item]


@pytest.mark.parametrize(("share", "slots"), [(1 / 3, 3), (0.1, 10), (0.3333, 3), (0.4, 2)])
def test_shares_of_a_gpu_add_up(share: float, slots: int) -> None:
    """Three thirds are one, however floats round."""
    from tune.drivers.ray.nodes import Nodes

    assert Nodes(Resources(gpus_per_trial=share), lambda: [node("a", 64, 1)]).slots == slots  # type: ignore[list-item]


def test_nodes_are_counted_again() -> None:
    """A node that joins adds slots, one that leaves takes its own with it, within seconds."""
    from tune.drivers.ray.nodes import Nodes

    there, clock = [node("a", 2)], Clock()
    nodes = Nodes(Resources(cpus_per_trial=1), lambda: list(there), clock)  # type: ignore[arg-type]
    there.append(node("b", 4))
    assert (nodes.slots, nodes.lives("id of b")) == (2, False)
    clock.now += 3
    assert (nodes.slots, nodes.lives("id of b")) == (6, True)
    there.pop(0)
    clock.now += 3
    assert (nodes.slots, nodes.lives("id of a")) == (4, False)


def test_what_fits_on_no_node_is_refused_with_what_each_has() -> None:
    """Together they have two GPUs, but a trial cannot lie on two machines."""
    from tune.drivers.ray.nodes import Nodes

    there = [node("10.0.0.1", 8, 1, accelerator="A100"), node("10.0.0.2", 4, 1)]
    nodes = Nodes(Resources(cpus_per_trial=1, gpus_per_trial=2), lambda: there)  # type: ignore[arg-type, return-value]
    with pytest.raises(UserMistake) as refused:
        nodes.refuse_none()
    assert str(refused.value) == (
        "resources: one trial asks for 1 CPU and 2 GPU, and no single node of the cluster has that: "
        "10.0.0.1 8 CPU, 1 GPU (A100); 10.0.0.2 4 CPU, 1 GPU; lower resources.cpus_per_trial or "
        "resources.gpus_per_trial, give --address of a cluster with larger nodes, or wait until they have joined "
        "(ray status)"
    )


def test_room_by_type_of_accelerator() -> None:
    """A trial is placed on nodes that have its type; on processors alone it fits anywhere."""
    from tune.drivers.ray.nodes import Nodes

    there = [node("a", 8, 2, accelerator="A100"), node("b", 4, 1, accelerator="L4"), node("c", 3)]
    asked = Resources(cpus_per_trial=1, gpus_per_trial=1)
    nodes = Nodes(asked, lambda: there, accelerators=("A100", "L4", "cpu"))  # type: ignore[arg-type, return-value]
    assert [nodes.room_on(kind) for kind in ("A100", "L4", "cpu", "H100")] == [2, 1, 15, 0]
    assert nodes.slots == 15
    nodes.refuse_none()
    gpus = Nodes(asked, lambda: there, accelerators=("A100", "L4"))  # type: ignore[arg-type, return-value]
    assert gpus.slots == 3


def test_an_accelerator_that_no_node_has_is_refused_with_what_each_has() -> None:
    """Before anything trains, where Ray would wait for ever."""
    from tune.drivers.ray.nodes import Nodes

    there = [node("10.0.0.1", 8, 1, accelerator="A100"), node("10.0.0.2", 4)]
    nodes = Nodes(Resources(gpus_per_trial=1), lambda: there, accelerators=("A100", "H100"))  # type: ignore[arg-type, return-value]
    with pytest.raises(UserMistake) as refused:
        nodes.refuse_none()
    assert str(refused.value) == (
        "node.accelerator: H100: no node of the cluster has that and room for a trial (1 CPU and 1 GPU): "
        "10.0.0.1 8 CPU, 1 GPU (A100); 10.0.0.2 4 CPU, 0 GPU; name what there is, give --address of another cluster, "
        "or wait until such nodes have joined (ray status)"
    )
