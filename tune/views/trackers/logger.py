"""What a logger is, and what it is told of: runs, each nested in the one that it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

RunState = Literal["paused", "waiting", "confirmed", "stopped", "failed", "finished", "interrupted"]
"""How a run stands when it is left. paused: at a rung, may yet be promoted; waiting: the process ends before it did;
confirmed: went the full ladder; stopped: early, for good; failed: died; finished, interrupted: of a study. One that is
paused, waiting or interrupted may be started again, and so may any whose study is given more to do."""


@dataclass
class Run:
    """A study, a trial of it, or one seed of a trial.

    Attributes:
        kind: Which of the three.
        id: Its identity: the same in every process, another in every other study. Letters, digits and `-`, at most 100.
        name: For people, such as `trial-0003/seed-12`; of a study its own.
        study: The study's name.
        parent: The trial of a seed, the study of a trial; None of a study.
        trial, seed: Which; None where it is none of one.
        parameters: By name: of a trial and its seeds the whole configuration; of a study what is fixed.
        started: When it began, in seconds since the epoch of clocks.
        time: About when what is told just now happened; the same whenever it is told.
    """

    kind: Literal["study", "trial", "seed"]
    id: str
    name: str
    study: str
    parent: "Run | None"
    trial: int | None
    seed: int | None
    parameters: Mapping[str, Any]
    started: float
    time: float


class Logger(Protocol):
    """Tells a tracker of runs.

    How its state evolves: made → `start(run)` → `epoch(run, 1, ...)`, `epoch(run, 2, ...)` … → `end(run, ...)` → where
    the run goes on `start(run)` again → … → `close()`. A run's parent is started before it, and runs are told side by
    side. Everything is called in one thread, which is not the main one. Whatever is raised is logged: the logger is
    closed, and another one made in its place is told what is missing.

    A class of the user's is made with the keywords that stand below its name in the study file.
    """

    def start(self, run: Run) -> int | None:
        """Begins a run, or goes on with it.

        Returns:
            Up to which epoch the tracker has it already, 0 for a new one: later epochs are told, and nothing stands
            there twice. None where it cannot know: then what the study folder keeps of it counts, and after a process
            was killed the epoch told last may be told again.
        """
        ...

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        """Takes the metrics of an epoch of a seed, by name; the first epoch is 1, and none is left out.

        What an evaluation adds to an epoch is told after it, by the same number.
        """
        ...

    def end(self, run: Run, state: RunState, summary: Mapping[str, float]) -> None:
        """Takes how a run stands, and figures of it by name; it may be told the same once more."""
        ...

    def close(self) -> None:
        """Frees what is held; nothing is told any more."""
        ...
