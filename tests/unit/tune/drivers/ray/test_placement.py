"""On what units of work train: each way of placing them keeps a slot, finds work for it and gives it back."""

from pathlib import Path

from tests.fakes.ledgers import latent_study
from tests.unit.tune.drivers.ray.test_nodes import node
from tune.drivers.gpu_packing import GpuNode, GpuSlots, Packed, packing_from
from tune.ledger.ledger import Ledger
from tune.optimizer.work import Work
from tune.study.sections import Resources

WORK = Work(0, {"x": 0.1}, (1, 2), 0, 3)


def test_any_slot_will_do() -> None:
    """As many train as fit on the nodes, and each asks for what the study says."""
    from tune.drivers.ray.nodes import Nodes
    from tune.drivers.ray.placement import AnySlot, Placed

    training: list[str] = []
    nodes = Nodes(Resources(cpus_per_trial=2), lambda: [node("a", 4), node("b", 1)])
    slots = AnySlot(nodes, lambda: len(training))
    assert slots.slots == 2
    for unit in ("one", "two"):
        assert slots.reserve(unit)
        assert slots.place(unit, lambda: WORK) == Placed(WORK, {"CPU": 2.0})
        training.append(unit)
    assert not slots.reserve("three")
    assert slots.place("three", lambda: None) is None
    assert slots.movable
    assert slots.hand_back() == []


def test_packed_units_share_a_gpu_until_one_runs_out_of_memory(tmp_path: Path) -> None:
    """Each is told its share; a slot for which there is no work is free again; fewer share one after a death."""
    from tune.drivers.ray.placement import PackedOnGpus, Placed

    ledger = Ledger.open(latent_study(), tmp_path, clock=lambda: 0.0)
    gpus = GpuSlots({"A100": Packed(2, "measured", 2)}, 1.0, lambda: [GpuNode(8, 1, "A100")])
    slots = PackedOnGpus(gpus, ledger)
    half = Placed(WORK, {"CPU": 1.0, "GPU": 0.5, "accelerator_type:A100": 0.001}, 0.5)
    for unit in ("one", "two"):
        assert slots.reserve(unit)
        assert slots.place(unit, lambda: WORK) == half
    assert not slots.reserve("three")
    slots.ended("one")
    assert slots.reserve("three")
    assert slots.place("three", lambda: None) is None
    slots.ended("three")
    slots.ended("two", out_of_memory=True)
    assert slots.slots == 1
    assert ledger.packed is not None
    assert packing_from(ledger.packed)["A100"].reason == "out of memory with 2 on each; measured"
    assert slots.reserve("four")
    assert not slots.reserve("five")
    assert not slots.movable
    ledger.close("interrupted")
