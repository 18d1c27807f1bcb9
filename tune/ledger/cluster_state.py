"""What the driver of a study knows of its cluster, for whoever reads the study's folder.

A small file beside the ledger, written every few seconds while the study is worked on and removed in the end. Nothing
in it is needed to continue a study.
"""

from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tune.ledger.storage.files import write_atomically

FILE = "driver.json"
WRITE_S = 5.0
STALE_S = 30.0
"""Six missed writes."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class NodeState(_Said):
    """One machine of the cluster: what it has by resource (`CPU`, `GPU`), and what nobody has reserved of it."""

    address: str
    total: dict[str, float]
    free: dict[str, float]
    accelerator: str = ""


class TrainingState(_Said):
    """One trial in training: where, and for how many seconds nothing was heard of it; after `limit_s` it is ended.

    `limit_s` is None where the study does not want to know. `ended` is why its process was told to end, "" while it may
    live.
    """

    trial: int
    address: str
    silent_s: float
    limit_s: float | None
    ended: str = ""


class WaitingState(_Said):
    """One trial that waits for room, and for how many seconds."""

    trial: int
    waits_s: float


class ClusterState(_Said):
    """What a driver knew at a moment.

    Attributes:
        written: The moment, in seconds since the epoch by the clock of the driver's machine.
        asked: What one trial asks of a node, amount by resource.
        slots: How many trials the living nodes have room for.
        nodes: Those nodes.
        training: Trials in training.
        waiting: Trials that wait for room.
    """

    written: float
    asked: dict[str, float]
    slots: int
    nodes: tuple[NodeState, ...]
    training: tuple[TrainingState, ...]
    waiting: tuple[WaitingState, ...]

    def write(self, folder: Path) -> None:
        """Writes it into a study's folder; a disk that does not take it costs nothing but this."""
        with suppress(OSError):
            write_atomically(folder / FILE, lambda file: file.write(self.model_dump_json().encode()))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Returns what lies in a study's folder; None where there is none, or none that can be read."""
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    def age_s(self, now: float) -> float:
        """Returns how old it is, in seconds; a clock that differs from the driver's shows in it."""
        return max(0.0, now - self.written)


def forget(folder: Path) -> None:
    """Removes what `ClusterState.write` wrote."""
    with suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)
