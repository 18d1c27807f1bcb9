"""What rows of curves came to that are no more: it stands beside those of a file in which each stands once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

KEY = b"account"
"""In the metadata of a Parquet file: it holds every row once, and takes the place of all files before it."""


@dataclass(frozen=True)
class Account:
    """What was counted over all rows that were ever appended, those that were trained again included.

    Attributes:
        redone: Seed-epochs that were trained again.
        gpu_seconds: Sum of the column of that name, in the order in which its rows came.
        pace: By trial, the seconds that its trainer told, and of how many rows.
        cut_off: Trial, seed and epoch of rows that followed a gap when they came, and are counted and not used.
    """

    redone: int = 0
    gpu_seconds: float = 0.0
    pace: Mapping[int, tuple[float, int]] = field(default_factory=dict)
    cut_off: frozenset[tuple[int, int, int]] = frozenset()

    @classmethod
    def of(cls, schema: pa.Schema) -> Self | None:
        """Returns the account that is in a schema's metadata; None where there is none."""
        text = (schema.metadata or {}).get(KEY)
        if text is None:
            return None
        said = json.loads(text)
        pace = {int(trial): (float(seconds), int(rows)) for trial, (seconds, rows) in said["pace"].items()}
        cut_off = frozenset((int(trial), int(seed), int(epoch)) for trial, seed, epoch in said["cut_off"])
        return cls(int(said["redone"]), float(said["gpu_seconds"]), pace, cut_off)

    def text(self) -> bytes:
        """Returns it as `of` reads it, to the last bit."""
        said = {
            "redone": self.redone,
            "gpu_seconds": self.gpu_seconds,
            "pace": {str(trial): list(one) for trial, one in self.pace.items()},
            "cut_off": sorted(map(list, self.cut_off)),
        }
        return json.dumps(said).encode()
