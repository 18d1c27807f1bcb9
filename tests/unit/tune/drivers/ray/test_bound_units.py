"""Units that are bound to a type of accelerator: each begins when one of its type is free."""

from typing import TYPE_CHECKING

from tests.unit.tune.drivers.ray.test_nodes import node
from tune.optimizer.work import Work
from tune.study.node import ACCELERATOR
from tune.study.sections import Resources

if TYPE_CHECKING:
    from tune.drivers.ray.bound_units import BoundUnits
    from tune.drivers.ray.nodes import Node


def work(trial: int, kind: str) -> Work:
    return Work(trial, {"x": 0.1, ACCELERATOR: kind}, (1, 2), 0, 3)


def bound(*there: "Node", kinds: tuple[str, ...], **resources: float) -> "BoundUnits":
    from tune.drivers.ray.bound_units import BoundUnits
    from tune.drivers.ray.nodes import Nodes

    return BoundUnits(Nodes(Resources.model_validate(resources), lambda: [*there], accelerators=kinds))


def test_units_overtake_those_whose_accelerator_is_busy() -> None:
    """Two for the one A100 come first; the one for the L4 begins beside the first of them, the second waits."""
    units = bound(
        *(node("a", 4, 1, accelerator="A100"), node("b", 4, 1, accelerator="L4")),
        kinds=("A100", "L4"),
        gpus_per_trial=1,
    )
    queue = [work(0, "A100"), work(1, "A100"), work(2, "L4"), work(3, "L4")]

    def begun(unit: str) -> int | None:
        placed = units.place(unit, lambda: queue.pop(0) if queue else None)
        assert placed is None or placed.gpus is None
        return None if placed is None else placed.work.trial

    assert units.reserve("one")
    assert begun("one") == 0
    assert units.reserve("two")
    placed = units.place("two", lambda: queue.pop(0) if queue else None)
    assert placed is not None
    assert (placed.work.trial, placed.asked) == (2, {"CPU": 1.0, "GPU": 1.0, "accelerator_type:L4": 0.001})
    assert not units.reserve("three")
    assert begun("three") is None
    units.ended("three")
    units.ended("two")
    assert begun("four") == 3
    units.ended("one")
    assert begun("five") == 1
    assert units.hand_back() == []


def test_what_never_began_is_handed_back() -> None:
    """Whatever waits when the study is to stop is taken back by the optimizer."""
    units = bound(node("a", 4, 1, accelerator="A100"), kinds=("A100",), gpus_per_trial=1)
    queue = [work(0, "A100"), work(1, "A100")]
    assert units.place("one", lambda: queue.pop(0)) is not None
    assert units.place("two", lambda: queue.pop(0) if queue else None) is None
    assert [one.trial for one in units.hand_back()] == [1]
    assert units.hand_back() == []


def test_on_processors_alone_no_gpu_is_held() -> None:
    """Neither asked for, nor counted as used; any node will do."""
    units = bound(
        node("a", 2), node("b", 4, 1, accelerator="A100"), kinds=("A100", "cpu"), gpus_per_trial=1, cpus_per_trial=2
    )
    placed = units.place("one", lambda: work(0, "cpu"))
    assert placed is not None
    assert (placed.asked, placed.gpus) == ({"CPU": 2.0}, 0.0)
