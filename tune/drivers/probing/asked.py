"""What a short training of a check is asked for, as it is sent to the process that does it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from tune.scoring.check.measured import Purpose


@dataclass(frozen=True)
class Asked:
    """One short training.

    Attributes:
        purpose: What it is for.
        configuration: The setting, fixed values included.
        parameters: The part of it that the study searches.
        seeds: Those that train side by side.
        from_epoch, to_epoch: As of a unit of work.
        folder: Scratch: where checkpoints and logs go, and where a training that is continued finds them.
        seconds: After so many it ends with the epoch in progress, the second one at the earliest.
        watched: Whether it is noted what is seeded.
        node: On which type of node of a cluster; empty: wherever the others are.
    """

    purpose: Purpose
    configuration: Mapping[str, Any]
    parameters: Mapping[str, Any]
    seeds: Sequence[int]
    from_epoch: int
    to_epoch: int
    folder: str
    seconds: float
    watched: bool = False
    node: str = ""


@dataclass(frozen=True)
class Sent:
    """What a process is sent.

    Attributes:
        asked: The training.
        study: As JSON.
        paths: Where the user's code is, see `tune.study.user_code.user_path`.
    """

    asked: Asked
    study: str
    paths: Sequence[str]

    def dumped(self) -> str:
        """Returns it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loaded(cls, text: str) -> Self:
        """Returns what `dumped` made JSON of."""
        found = json.loads(text)
        return cls(Asked(**found["asked"]), found["study"], found["paths"])
