"""What the slots of a study and the GPUs of this machine do."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from tune.gpus import visible_gpus
from tune.ledger.cluster_state import ClusterState
from tune.ledger.reader import LedgerReader

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

    def __init__(self, ledger: LedgerReader, clock: Callable[[], float]) -> None:
        self._ledger, self._clock = ledger, clock
        self._gpus = visible_gpus()
        self._looked = float("-inf")
        self._load = Load()

    def now(self) -> Load:
        """Returns what is busy, as last looked at."""
        if self._clock() - self._looked >= _EVERY_S:
            self._looked, self._load = self._clock(), self._look()
        return self._load

    def _look(self) -> Load:
        state = ClusterState.read(self._ledger.folder)
        looked = [(gpu.sample(), gpu.total_bytes) for gpu in self._gpus]
        samples = [(sample, total) for sample, total in looked if sample is not None]
        busy = [sample.utilisation for sample, _ in samples if sample.utilisation is not None]
        used = sum(sample.used_bytes for sample, _ in samples) if samples else None
        total = sum(total for _, total in samples) if samples else None
        return Load(self._slots(state), _gpus(state), fmean(busy) if busy else None, used, total)

    def _slots(self, state: ClusterState | None) -> int | None:
        if state is not None:
            return state.slots
        sessions = self._ledger.sessions
        return 1 if sessions and sessions[-1].detail.get("driver") == "inline" else None


def _gpus(state: ClusterState | None) -> tuple[float, float] | None:
    nodes = state.nodes if state is not None else ()
    total = sum(node.total.get("GPU", 0.0) for node in nodes)
    return (total, total - sum(node.free.get("GPU", 0.0) for node in nodes)) if total else None
