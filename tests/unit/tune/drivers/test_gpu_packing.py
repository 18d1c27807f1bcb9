"""How many trials share a GPU: measured, packed, one fewer when memory runs out."""

from math import nan
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.drivers.calibration import Measured
from tune.drivers.gpu_packing import GpuNode, GpuSlots, Packed, asked, detail_of, in_words, packing_from, slots_here
from tune.errors import UserMistake
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.sections import Resources

GB = 10**9


@pytest.mark.parametrize(
    ("room", "peak", "busy", "trials"),
    [
        (80, 10, 0.10, 6),  # 64 GB may be used
        (80, 10, 0.30, 3),  # memory has room for 6, time for 3
        (80, 8, 0.74, 1),  # as the published runs on an H200: two would only slow each other down
        (24, 20, 0.10, 1),  # more than the headroom leaves: still one
        (80, 16, None, 4),  # time is not told
        (80, 16, 0.0, 4),
        (80, 1, 0.5, 2),
        (80, 0, 0.0, 0),  # the trainer does not use it
    ],
)
def test_as_many_as_memory_and_time_have_room_for(room: int, peak: int, busy: float | None, trials: int) -> None:
    """A fifth of the memory stays free, utilisation adds up to one at most, and one trial always runs."""
    assert Packed.of(Measured(1.0, peak * GB, room * GB, busy), 5).trials == trials


@pytest.mark.parametrize("trials", range(1, 60))
def test_so_many_really_fit_where_ray_counts_in_ten_thousandths(trials: int) -> None:
    """What one asks for is rounded down: seven times 0.1429 would be more than a GPU."""
    gpus = Packed(trials, "", 5).gpus
    assert round(gpus * 10_000) * trials <= 10_000
    assert round(gpus * 10_000) == pytest.approx(gpus * 10_000)


def test_a_packing_is_kept_as_it_is() -> None:
    """What the ledger keeps says the same again, in words and in numbers."""
    packing = {"A100": Packed.of(Measured(2.0, 8 * GB, 40 * GB, 0.2), 5), "": Packed.of(Measured(nan), 5)}
    assert packing_from(detail_of(packing)) == packing
    assert in_words(packing) == (
        "A100: 4 trials on each (one trial of 5 seeds took 8 GB of 40 GB, utilisation 20%); "
        "GPU: not used (the trainer used no GPU)"
    )
    assert in_words({}) == "no GPU in the cluster: trials use none"


def slots_of(*nodes: GpuNode, **packing: Packed) -> GpuSlots:
    """Slots of a cluster whose trials have one core each."""
    return GpuSlots(dict(packing), 1.0, lambda: nodes)


def test_each_type_is_packed_on_its_own_and_the_quickest_first() -> None:
    """Two A100 take three trials each, an L4 one; cores limit as well; nodes without GPU take none."""
    a100, l4 = Packed(3, "", 5, epoch_s=1.0), Packed(1, "", 5, epoch_s=4.0)
    slots = slots_of(GpuNode(16, 2, "A100"), GpuNode(16, 1, "L4"), GpuNode(64, 0, ""), A100=a100, L4=l4)
    assert slots.total == 7
    taken = [slots.take(str(number)) for number in range(8)]
    assert [one and one[0] for one in taken] == ["A100"] * 6 + ["L4", None]
    slots.give_back("2")
    assert slots.take("8") == ("A100", a100)
    assert slots_of(GpuNode(2, 4, "A100"), A100=a100).total == 2


def test_a_type_that_joins_later_has_a_gpu_for_each_trial() -> None:
    """Nothing is known of it, so nothing is risked, and the others are taken first."""
    slots = slots_of(GpuNode(16, 1, "A100"), GpuNode(16, 2, "H100"), A100=Packed(2, "", 5, epoch_s=9.0))
    taken = [slots.take(str(number)) for number in range(4)]
    assert [(one[0], one[1].gpus) for one in taken if one] == [("A100", 0.5)] * 2 + [("H100", 1.0)] * 2


def test_out_of_memory_packs_one_fewer_once() -> None:
    """Neighbours that die together count once; other types stay as they are; one is the least."""
    slots = slots_of(
        GpuNode(16, 2, "A100"), GpuNode(16, 1, "L4"), A100=Packed(3, "measured", 5, 1.0), L4=Packed(2, "", 5, 2.0)
    )
    for key in "abcd":
        slots.take(key)
    assert slots.out_of_memory("a")
    assert not slots.out_of_memory("b")
    assert slots.packing["A100"].reason == "out of memory with 3 on each; measured"
    assert (slots.packing["A100"].trials, slots.packing["L4"].trials, slots.total) == (2, 2, 6)
    for key in "abcd":
        slots.give_back(key)
    slots.take("e")
    assert slots.out_of_memory("e")
    assert slots.packing["A100"].reason == "out of memory with 2 on each; measured"
    slots.give_back("e")
    slots.take("f")
    assert not slots.out_of_memory("f")
    assert slots.packing["A100"].trials == 1


def test_what_is_asked_of_ray() -> None:
    """A share of a GPU, and a sliver of the mark by which Ray knows its type."""
    assert asked(2, "A100", 0.25) == {"CPU": 2, "GPU": 0.25, "accelerator_type:A100": 0.001}
    assert asked(2, "", 0.25) == {"CPU": 2, "GPU": 0.25}
    assert asked(2, "A100", 0.0) == {"CPU": 2}


@pytest.mark.parametrize(
    ("cpus_each", "gpus_each", "cpus", "gpus", "slots"),
    [(1, 0, 8, 2, 8), (4, 1, 16, 2, 2), (1, 0.5, 16, 2, 4), (1, 0.6, 16, 2, 2), (1, 2, 16, 3, 1), (1, 1, 8, 0, 0)],
)
def test_slots_of_one_machine(cpus_each: float, gpus_each: float, cpus: int, gpus: int, slots: int) -> None:
    """Cores and GPUs both count, and no trial is on two halves of different GPUs."""
    assert slots_here(Resources(cpus_per_trial=cpus_each, gpus_per_trial=gpus_each), cpus, gpus) == slots


def test_a_ledger_keeps_the_packing(tmp_path: Path) -> None:
    """The latest is there when the study is opened again; nonsense in its place is said to be such."""
    study = quadratic_study(resources={"gpus_per_trial": "auto"})
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    assert ledger.packed is None
    for trials in (3, 2):
        ledger.decide("pack", reason="so", detail=detail_of({"A100": Packed(trials, "so", 5)}))
    ledger.close("interrupted")
    again = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert again.packed is not None
    assert packing_from(again.packed) == {"A100": Packed(2, "so", 5)}
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    ledger.decide("pack", detail={"gpus": {"A100": {"trials": -1}}})
    ledger.close("interrupted")
    with pytest.raises(UserMistake, match="trials on each GPU must be 0 or more"):
        LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))


def test_gpu_seconds_are_of_what_a_unit_held(tmp_path: Path) -> None:
    """Where it is measured the study says no number: the unit does."""
    ledger = Ledger.open(quadratic_study(resources={"gpus_per_trial": "auto"}), tmp_path / "q", clock=Clock(tick_s=1.0))
    ledger.decide("start", 0, 0, detail={"parameters": {"x": 0.5, "fragile": False}})
    losses: dict[str, Any] = {"validation_loss": [0.5, 0.5]}
    ledger.record(0, [1, 2], 1, losses, 10.0, gpus=0.25)
    ledger.record(0, [1, 2], 2, losses, 10.0)
    assert ledger.gpu_seconds == 2.5
