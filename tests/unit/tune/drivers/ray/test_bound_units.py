"""Units that are bound to a type of accelerator: each begins when one of its type is free."""

from tests.unit.tune.drivers.ray.test_nodes import node
from tune.optimizer.work import Work
from tune.study.node import ACCELERATOR
from tune.study.sections import Resources


def work(trial: int, kind: str) -> Work:
    return Work(trial, {"x": 0.1, ACCELERATOR: kind}, (1, 2), 0, 3)


def bound(*there: object, kinds: tuple[str, ...], **resources: float) -> object:
    from tune.drivers.ray.bound_units import BoundUnits
    from tune.drivers.ray.nodes import Nodes

    return BoundUnits(Nodes(Resources.model_validate(resources), lambda: [*there], accelerators=kinds))  # type: ignore[arg-type, list-item]


def test_units_overtake_those_whose_accelerator_is_busy() -> None:
    """Two for the one A100 come first; the one for the L4 begins beside the first of them, the second waits."""
    units = bound(
        *(node("a", 4, 1, accelerator="A100"), node("b", 4, 1, accelerator="L4")),
        kinds=("A100", "L4"),
        gpus_per_trial=1,
    )
    queue = [work(0, "A100"), work(1, "A100"), work(2, "L4"), work(3, "L4")]
    given: list[Work] = []

    def more() -> Work | None:
        return queue.pop(0) if queue else None

    for unit in ("one", "two"):
        assert units.free  # type: ignore[attr-defined]
        given.append(units.next(more))  # type: ignore[attr-defined]
        asked = units.begun(unit, given[-1], {"gpus": 1.0, "threads": 1})  # type: ignore[attr-defined]
        assert asked["settings"] == {"gpus": 1.0, "threads": 1}
    assert [one.trial for one in given] == [0, 2]
    assert asked["asked"] == {"CPU": 1.0, "GPU": 1.0, "accelerator_type:L4": 0.001}
    assert not units.free  # type: ignore[attr-defined]
    assert units.next(more) is None  # type: ignore[attr-defined]
    units.ended("two")  # type: ignore[attr-defined]
    assert units.next(more).trial == 3  # type: ignore[attr-defined]
    units.ended("one")  # type: ignore[attr-defined]
    assert units.next(more).trial == 1  # type: ignore[attr-defined]
    assert units.hand_back() == []  # type: ignore[attr-defined]


def test_what_never_began_is_handed_back() -> None:
    """Whatever waits when the study is to stop is taken back by the optimizer."""
    units = bound(node("a", 4, 1, accelerator="A100"), kinds=("A100",), gpus_per_trial=1)
    queue = [work(0, "A100"), work(1, "A100")]
    units.begun("one", units.next(lambda: queue.pop(0)), {})  # type: ignore[attr-defined]
    assert units.next(lambda: queue.pop(0) if queue else None) is None  # type: ignore[attr-defined]
    assert [one.trial for one in units.hand_back()] == [1]  # type: ignore[attr-defined]
    assert units.hand_back() == []  # type: ignore[attr-defined]


def test_on_processors_alone_no_gpu_is_held() -> None:
    """Neither asked for, nor counted as used; any node will do."""
    units = bound(
        node("a", 2), node("b", 4, 1, accelerator="A100"), kinds=("A100", "cpu"), gpus_per_trial=1, cpus_per_trial=2
    )
    asked = units.begun("one", work(0, "cpu"), {"gpus": 1.0, "threads": 2})  # type: ignore[attr-defined]
    assert asked == {"asked": {"CPU": 2.0}, "settings": {"gpus": 0.0, "threads": 2}}
