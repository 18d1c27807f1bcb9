"""How many trials share a GPU where `resources.gpus_per_trial` is `auto`, and which GPUs they are on.

What one trial takes is measured once for each type of GPU (`tune.drivers.calibration`). The numbers are in the ledger,
so a study that is continued packs as before; types that are new to it are measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import floor, isfinite
from typing import Any, Self

from tune.drivers.calibration import Measured
from tune.study.sections import Resources
from tune.study.units import show_size

HEADROOM = 0.2
"""Of a GPU's memory, what stays free: other configurations take more than the one that was measured."""

_STEPS = 10_000  # in so many does Ray divide a GPU
_SLIVER = 0.001  # of a node's mark for its type of GPU, as Ray's own `accelerator_type` asks for


@dataclass(frozen=True)
class Packed:
    """What was found out about one type of GPU.

    Attributes:
        trials: How many share one; 0 where trials do not use it.
        reason: Why, for people.
        seeds: How many trained together when it was measured.
        epoch_s: How long an epoch of them took alone on one; None where it is not known.
    """

    trials: int
    reason: str
    seeds: int
    epoch_s: float | None = None

    @property
    def gpus(self) -> float:
        """GPUs that one trial asks for: rounded down to what Ray counts in, or fewer would fit."""
        return floor(_STEPS / self.trials) / _STEPS if self.trials else 0.0

    @classmethod
    def of(cls, measured: Measured, seeds: int) -> Self:
        """Returns what follows from a short run.

        As many as leave `HEADROOM` of the memory free, and as their utilisation adds up to no more than the whole; at
        least one. Where utilisation is not told, memory alone decides.
        """
        epoch_s = measured.epoch_s if isfinite(measured.epoch_s) else None
        if not measured.peak_bytes:
            return cls(0, "the trainer used no GPU", seeds, epoch_s)
        by_memory = int(measured.room_bytes * (1 - HEADROOM) / measured.peak_bytes)
        by_time = floor(1 / measured.utilisation + 1e-9) if measured.utilisation else by_memory
        trials = max(1, min(by_memory, by_time))
        busy = "not told" if measured.utilisation is None else f"{measured.utilisation:.0%}"
        took = f"{show_size(measured.peak_bytes)} of {show_size(measured.room_bytes)}, utilisation {busy}"
        together = f"{seeds} seed{'s' if seeds != 1 else ''}"
        return cls(trials, f"one trial of {together} took {took}", seeds, epoch_s)

    @classmethod
    def unmeasured(cls, why: str, seeds: int) -> Self:
        """Returns one trial on a GPU, because it could not be measured."""
        return cls(1, why, seeds)


Packing = dict[str, Packed]
"""By type of GPU, as Ray names it; "" where Ray does not know it."""


def detail_of(packing: Mapping[str, Packed]) -> dict[str, Any]:
    """Returns what a decision of the kind `pack` keeps."""
    return {"gpus": {name: asdict(one) for name, one in packing.items()}}


def packing_from(detail: Mapping[str, Any]) -> Packing:
    """Returns what a decision of the kind `pack` says."""
    return {name: Packed(**one) for name, one in detail["gpus"].items()}


def in_words(packing: Mapping[str, Packed]) -> str:
    """Returns it in one line."""
    if not packing:
        return "no GPU in the cluster: trials use none"
    return "; ".join(f"{name or 'GPU'}: {_count(one)} ({one.reason})" for name, one in packing.items())


def _count(one: Packed) -> str:
    return f"{one.trials} trial{'s' if one.trials != 1 else ''} on each" if one.trials else "not used"


@dataclass(frozen=True)
class GpuNode:
    """What one machine of the cluster offers.

    Attributes:
        cpus: Cores.
        gpus: GPUs.
        kind: Their type as Ray names it, "" where it does not know it.
    """

    cpus: float
    gpus: float
    kind: str


@dataclass
class GpuSlots:
    """Which GPU the next trial is to ask for.

    How its state evolves: `take(key)` says what a trial asks for → `give_back(key)` when it has ended → or
    `out_of_memory(key)` before that, and then fewer share that type.

    Attributes:
        packing: By type.
        cpus: Cores of one trial.
        nodes: Says what the cluster offers now.
    """

    packing: Packing
    cpus: float
    nodes: Callable[[], Sequence[GpuNode]]
    _taken: dict[str, tuple[str, Packed]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many trials fit at once."""
        return sum(self._room().values())

    def take(self, key: str) -> tuple[str, Packed] | None:
        """Returns the type of GPU for a trial, and how it is packed: the quickest that has room; None when none has."""
        busy = [kind for kind, _ in self._taken.values()]
        free = [kind for kind, room in self._room().items() if busy.count(kind) < room]
        if not free:
            return None
        # Of those that were not measured nothing is known, so they come last.
        best = min(free, key=lambda kind: (self._packed(kind).epoch_s or float("inf"), kind))
        self._taken[key] = best, self._packed(best)
        return self._taken[key]

    def taken(self, key: str) -> tuple[str, Packed]:
        """Returns the type of GPU that a trial has taken, and how it was packed then."""
        return self._taken[key]

    def give_back(self, key: str) -> None:
        """Takes note that a trial has ended."""
        self._taken.pop(key, None)

    def out_of_memory(self, key: str) -> bool:
        """Has one trial fewer share the type of GPU of a trial that ran out of memory; says whether it does.

        Not below one; and not when it was packed less densely since that trial began, for neighbours die together.
        """
        kind, then = self._taken.get(key, ("", None))
        now = self._packed(kind)
        if then is None or then.trials != now.trials or now.trials <= 1:
            return False
        fewer = f"out of memory with {now.trials} on each; {now.reason.partition('; ')[2] or now.reason}"
        self.packing[kind] = replace(now, trials=now.trials - 1, reason=fewer)
        return True

    def _packed(self, kind: str) -> Packed:
        return self.packing.get(kind) or Packed.unmeasured("it joined later and was not measured", 0)

    def _room(self) -> dict[str, int]:
        """Returns how many trials fit, by type."""
        room: dict[str, int] = {}
        for node in self.nodes():
            if node.gpus:
                fit = min(int(node.gpus * self._packed(node.kind).trials), int(node.cpus / self.cpus))
                room[node.kind] = room.get(node.kind, 0) + fit
        return room


def slots_here(resources: Resources, cpus: int, gpus: int) -> int:
    """Returns how many trials fit on one machine at once; 0 where it has no room for one.

    Args:
        resources: What a trial asks for, its GPUs as a number.
        cpus: Cores of the machine.
        gpus: GPUs of the machine.
    """
    by_cpu = int(cpus / resources.cpus_per_trial)
    if not resources.gpus:
        return by_cpu
    return min(by_cpu, gpus * int(1 / resources.gpus) if resources.gpus < 1 else int(gpus / resources.gpus))


def asked(cpus: float, kind: str, gpus: float) -> dict[str, float]:
    """Returns what a trial asks Ray for, so that it comes to a GPU of that type."""
    wanted = {"CPU": cpus}
    if gpus:
        wanted["GPU"] = gpus
    if gpus and kind:
        wanted[f"accelerator_type:{kind}"] = _SLIVER
    return wanted
