"""What the slots of a study and the GPUs of this machine do."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tune.ledger import Ledger
from tune.ledger.driving import Driving

_EVERY_S = 5.0


@dataclass(frozen=True)
class Load:
    """What is busy.

    Attributes:
        slots: How many trials there is room for; None where the driver has not said.
        gpus: How many GPUs the study's nodes have, and how many of them are held; None where none is known of.
        utilisation: Share of the time just past in which the GPUs of this machine ran a kernel, 0 to 1, their mean;
            None where NVML does not tell.
        used_bytes, total_bytes: Memory of the GPUs of this machine; None where NVML does not tell.
    """

    slots: int | None = None
    gpus: tuple[float, float] | None = None
    utilisation: float | None = None
    used_bytes: int | None = None
    total_bytes: int | None = None


class Loads:
    """Looks at slots and GPUs, at most once in five seconds.

    Args:
        ledger: The study's; its driver says what it knows of its cluster in the study's folder.
        clock: Seconds since the epoch.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger, self._clock = ledger, clock
        self._nvml, self._handles = _own_gpus()
        self._looked = float("-inf")
        self._load = Load()

    def now(self) -> Load:
        """Returns what is busy, as last looked at."""
        if self._clock() - self._looked >= _EVERY_S:
            self._looked, self._load = self._clock(), self._look()
        return self._load

    def _look(self) -> Load:
        driving = Driving.read(self._ledger.folder)
        samples = [sample for handle in self._handles if (sample := _sample(self._nvml, handle)) is not None]
        busy = [share for share, _, _ in samples if share is not None]
        utilisation = sum(busy) / len(busy) if busy else None
        memory = (
            (sum(used for _, used, _ in samples), sum(total for _, _, total in samples)) if samples else (None,) * 2
        )
        return Load(self._slots(driving), _gpus(driving), utilisation, *memory)

    def _slots(self, driving: Driving | None) -> int | None:
        if driving is not None:
            return driving.slots
        sessions = self._ledger.sessions
        return 1 if sessions and sessions[-1].detail.get("driver") == "inline" else None


def _gpus(driving: Driving | None) -> tuple[float, float] | None:
    nodes = driving.nodes if driving is not None else ()
    total = sum(node.total.get("GPU", 0.0) for node in nodes)
    return (total, total - sum(node.free.get("GPU", 0.0) for node in nodes)) if total else None


def _own_gpus() -> tuple[Any, list[Any]]:
    """Returns NVML and its handles of the GPUs that this process may use; none where it does not answer."""
    import pynvml

    try:
        pynvml.nvmlInit()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = [str(index) for index in range(pynvml.nvmlDeviceGetCount())] if visible is None else visible.split(",")
    except pynvml.NVMLError:
        return pynvml, []
    found = []
    for name in (one.strip() for one in names):
        with suppress(pynvml.NVMLError, ValueError):
            by_uuid = name.startswith(("GPU-", "MIG-"))
            found.append(
                pynvml.nvmlDeviceGetHandleByUUID(name) if by_uuid else pynvml.nvmlDeviceGetHandleByIndex(int(name))
            )
    return pynvml, found


def _sample(nvml: Any, handle: Any) -> tuple[float | None, int, int] | None:
    """Returns utilisation (None: not told), used and total bytes of a GPU; None where NVML does not answer."""
    utilisation = None
    with suppress(nvml.NVMLError):
        utilisation = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError:
        return None
    return utilisation, int(memory.used), int(memory.total)
