"""What the optimizer hands out, and all that the process which trains it knows of the optimizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """What a driver is to train: these seeds of a trial, together, from one epoch to another.

    Attributes:
        trial: Its number.
        configuration: The study's fixed values overlaid with the trial's parameters.
        seeds: Which seeds.
        from_epoch: Epochs that each of them has done.
        to_epoch: Epochs that each of them is to have done; the same when only the evaluation after them is to be done.
    """

    trial: int
    configuration: Mapping[str, Any]
    seeds: tuple[int, ...]
    from_epoch: int
    to_epoch: int
