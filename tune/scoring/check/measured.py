"""What one short training of a check measured, in a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Purpose: TypeAlias = Literal["whole", "again", "alone", "other", "first_half", "second_half", "climb", "corner", "rate"]
"""What a short training is for.

- whole: the middle of the space, the seeds of the first rung side by side, 2k epochs; again: the same once more;
- alone: the first of these seeds alone, 2k epochs; other: the second one alone;
- first_half, second_half: as whole, saved after k epochs, continued by another process;
- climb: the first seed alone, to the first epoch beyond the first rung;
- corner: a setting at an end of the space; rate: the middle at another learning rate.
"""


@dataclass(frozen=True)
class Epoch:
    """One epoch of a short training.

    Attributes:
        number: From 1.
        seconds: Wall clock for which the trainer trained it; saving it is not among that.
        cpu_seconds: Of the process and its children; more than `seconds` where several threads work.
        metrics: By name, one value per seed; None for what is not known.
        host_bytes: Resident memory of the process and its children at the end.
        gpu_bytes: GPU memory of the process; 0 without a GPU.
        queued_seconds: For which it could have computed and waited for a processor that others used; 0 where the system
            does not tell.
    """

    number: int
    seconds: float
    cpu_seconds: float
    metrics: Mapping[str, Sequence[float | None]]
    host_bytes: int = 0
    gpu_bytes: int = 0
    queued_seconds: float = 0.0

    @property
    def own_seconds(self) -> float:
        """How long it took but for that: what it would have taken on a machine of its own."""
        return max(0.0, self.seconds - self.queued_seconds)


@dataclass(frozen=True)
class Seeding:
    """A random number generator that was given a seed while one seed of the study trained alone.

    Attributes:
        call: Such as `torch.manual_seed`.
        value: What it was given; None: nothing, so that it draws other numbers each time.
        where: `file:line` of the caller.
    """

    call: str
    value: int | None
    where: str


@dataclass(frozen=True)
class Probed:
    """One short training.

    Attributes:
        purpose: What it was for.
        configuration: The setting, fixed values included.
        parameters: The part of it that the study searches.
        seeds: Those that trained side by side.
        from_epoch, to_epoch: What was asked for.
        epochs: What was trained of that.
        start_s: Seconds from the start of the process until training began: imports, recording, construction.
        construction_s: How long a further construction takes in the same process, as each unit has one; of these,
            for the only one, where no further one was tried.
        baseline: By metric.
        evaluation: Metrics of the evaluation after the last epoch; None without one.
        evaluation_s: How long it took.
        evaluation_died: Why it has none although the trainer evaluates; empty otherwise.
        state_bytes: Of one seed's checkpoint, the largest; 0 where nothing was saved.
        died: Why it ended early, a line; empty otherwise.
        kind: Of that: crashed, out_of_memory, stalled, lost; `mistake` where it could not begin; empty otherwise.
        text: The end of its traceback, or what its process printed last.
        peak_bytes: The most memory that the process and its children held at an end of an epoch, or the process alone
            at any time.
        seedings: What was seeded, in `alone` and `other`; None where that cannot be asked (a program).
        overlaps: Share of the rows of one split that lie in another as well, by `validation in train`; None: not told.
        utilisation: Share of the time in which the GPU ran a kernel; None where it is not told.
        watts: Mean power of the GPU's board at the ends of epochs; None where it is not told.
        node: The type of node, such as its GPU's name; empty on this machine.
    """

    purpose: Purpose
    configuration: Mapping[str, Any]
    parameters: Mapping[str, Any]
    seeds: Sequence[int]
    from_epoch: int
    to_epoch: int
    epochs: Sequence[Epoch] = ()
    start_s: float = 0.0
    construction_s: float = 0.0
    baseline: Mapping[str, float] = field(default_factory=dict)
    evaluation: Mapping[str, Sequence[float | None]] | None = None
    evaluation_s: float = 0.0
    evaluation_died: str = ""
    state_bytes: int = 0
    died: str = ""
    kind: str = ""
    text: str = ""
    peak_bytes: int = 0
    seedings: Sequence[Seeding] | None = None
    overlaps: Mapping[str, float] | None = None
    utilisation: float | None = None
    watts: float | None = None
    node: str = ""

    @property
    def steady(self) -> Sequence[Epoch]:
        """Its epochs without the first, which loads and compiles; all where there is only one."""
        return self.epochs[1:] or self.epochs
