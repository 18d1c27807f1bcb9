"""What the Ray driver does about actors that die or fall silent.

An actor that is stuck answers nothing, `ray.kill` included (measured on Ray 2.60: a stopped process outlives it). So it
is ended from outside, by a task on its node that knows its process.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any, TypeVar, cast

import ray
from ray import tune as ray_tune
from ray.tune.experiment import Trial as RayTrial
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tune.drivers.job import Job
from tune.drivers.ray.actor_process import ActorProcess, end_process, fatal_error, oom_kills
from tune.drivers.ray.nodes import Nodes
from tune.drivers.ray.stragglers import Stragglers
from tune.drivers.reports import Death, failure_class
from tune.drivers.stall_timer import StallTimer
from tune.ledger.attempts import NODE_GONE, PROCESS_GONE
from tune.ledger.log import log
from tune.optimizer.work import Work

T = TypeVar("T")

_PROBE_S = 10.0
_MEMORY_MONITOR = "running low on memory"
_CREATION = "error raised in its creation task"
_RAISED = "ray::"  # how the text of a task's own exception begins, which ends with the exception


def death_of(text: str, place: ActorProcess | None, killed_now: int, fatal: str = "") -> Death:
    """Returns what the end of an actor means.

    Args:
        text: What Ray says.
        place: Where the actor lived; None when it never said so.
        killed_now: `oom_kills()` of its machine by now.
        fatal: `fatal_error()` of its process.
    """
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    if _MEMORY_MONITOR in text:
        return Death("OutOfMemoryError: Ray's memory monitor killed the trainer's process", text, "out_of_memory")
    if _CREATION in text or any(line.startswith(_RAISED) for line in text.splitlines()):
        return Death(last, text, failure_class(RuntimeError(last)))
    if place is not None and killed_now > place.oom_kills:
        return Death("the kernel killed the trainer's process for want of memory", text, "out_of_memory")
    if fatal:
        return Death(f"a signal killed the trainer's process: {fatal}", text)
    return Death(NODE_GONE if "node has died" in text or "NodeDiedError" in text else PROCESS_GONE, text, "lost")


class Watch(ray_tune.Callback):  # type: ignore[misc] # Ray ships no types
    """Listens for signs of life of the units in training, and ends those that have stalled.

    How its state evolves: `handed_out(...)` → an actor begins, and is `found(...)` unless it is known → `heard(...)`
    with every report → silence for too long, so its process is ended → Ray notices → `death(...)` says that it stalled.

    An actor that falls silent between two units is known by where the unit before had trained. One that never began a
    unit is not known: Ray's own start of processes is waited for.

    Args:
        job: The study.
        nodes: The nodes that live.
        stragglers: Told where units train, and how fast.
    """

    def __init__(self, job: Job, nodes: Nodes, stragglers: Stragglers) -> None:
        self._job, self._nodes, self._stragglers = job, nodes, stragglers
        self._places: dict[Any, ActorProcess] = {}  # by Ray's handle of an actor
        self._units: dict[str, _Unit] = {}
        self._waiting: dict[str, _Unit] = {}  # handed out, not begun
        self._idle: set[ActorProcess] = set()  # of actors between two units
        self._looked = time.monotonic()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles what it is given into its experiment folder, where nobody reads it

    @property
    def training(self) -> "Sequence[_Unit]":
        """The units in training."""
        return list(self._units.values())

    @property
    def waiting(self) -> "Sequence[_Unit]":
        """The units that were handed out and have not begun."""
        return list(self._waiting.values())

    @property
    def resting(self) -> frozenset[str]:
        """The nodes on which an actor waits for another unit."""
        return frozenset(place.node for place in self._idle)

    def handed_out(self, trial_id: str, work: Work) -> None:
        """Takes note of a unit that some actor is to begin."""
        timer = StallTimer(self._job.optimizer.study.resources, nan, first=False)
        self._waiting[trial_id] = _Unit(work, None, timer)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: RayTrial, **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Ray calls this when an actor is about to begin a unit; where it is, it has said before its first."""
        place = self._places.get(trial.temporary_state.ray_actor)
        if place is not None:
            self._began(trial.trial_id, place)

    def found(self, trial: RayTrial, place: ActorProcess) -> None:
        """Takes note of where an actor is that begins its first unit."""
        self._places[trial.temporary_state.ray_actor] = place
        self._began(trial.trial_id, place)

    def _began(self, trial_id: str, place: ActorProcess) -> None:
        """Takes note of where a unit trains from now on."""
        waiting = self._waiting.pop(trial_id, None)
        if waiting is None:
            return
        work = waiting.work
        self._idle.discard(place)
        self._stragglers.began(trial_id, work, place.node)
        epoch_s = self._job.optimizer.ledger.pace(work.trial) * len(work.seeds)
        timer = StallTimer(self._job.optimizer.study.resources, epoch_s or nan)
        self._units[trial_id] = _Unit(work, place, timer)

    def heard(self, trial_id: str, held_s: Sequence[float]) -> None:
        """Takes note of a report, and of the seconds that its epochs took."""
        if trial_id in self._units:
            self._units[trial_id].timer.heard(held_s)
        self._stragglers.heard(trial_id, held_s)

    def ended(self, trial_id: str) -> None:
        """Takes note that a unit has ended; its actor waits for another."""
        self._stragglers.ended(trial_id)
        self._waiting.pop(trial_id, None)
        unit = self._units.pop(trial_id, None)
        if unit is not None and unit.place is not None:
            self._idle.add(unit.place)

    def death(self, trial_id: str, text: str) -> Death:
        """Returns what the end of a unit's actor means, given what Ray says."""
        self._stragglers.ended(trial_id)
        unit = self._units.pop(trial_id, None) or self._waiting.pop(trial_id, None)
        if unit is not None and unit.place is not None:
            self._places = {actor: place for actor, place in self._places.items() if place != unit.place}
        if unit is not None and unit.said:
            return Death(unit.said, "\n".join([*_told(unit.dumps), text]), "stalled")
        death = death_of(text, None, 0)
        if unit is not None and unit.place is not None and death.kind == "lost":
            fatal = _asked(_on(unit.place, fatal_error).remote(unit.place, self._folder, unit.work.trial), "")
            death = death_of(text, unit.place, _oom_kills_at(unit.place), fatal)
        return death

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """Ray calls this several times a second, whether or not anything was reported."""
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        # An actor that went with its node keeps nobody waiting: what was handed out waits for another slot.
        self._idle = {place for place in self._idle if self._nodes.lives(place.node)}
        for unit in self._units.values():
            self._look_at(unit, passed, [unit.place] if unit.place is not None else [])
        roomy = self._idle and len(self._units) < self._nodes.slots  # else what was handed out waits for a slot
        for unit in self._waiting.values() if roomy else ():
            self._look_at(unit, passed, sorted(self._idle, key=str))

    def _look_at(self, unit: "_Unit", passed_s: float, places: Sequence[ActorProcess]) -> None:
        """Ends the processes where a unit may be stuck, once it was silent for too long."""
        unit.timer.passed(passed_s)
        if unit.said or not unit.timer.stalled:
            return
        unit.said = unit.timer.said()
        log.error("trial %d: %s; its process is ended", unit.work.trial, unit.said)
        for place in places:
            self._idle.discard(place)
            unit.dumps.append(_on(place, end_process).remote(place, self._folder, unit.work.trial))

    @property
    def _folder(self) -> Path:
        return self._job.optimizer.ledger.folder.resolve()


@dataclass
class _Unit:
    """One unit in training, or about to be; `said` is why its process was ended, "" while it may live.

    `since` is when it was handed out or began, by a clock that never goes backwards.
    """

    work: Work
    place: ActorProcess | None
    timer: StallTimer
    said: str = ""
    since: float = field(default_factory=time.monotonic)
    dumps: list[Any] = field(default_factory=list)


def _told(dumps: Sequence[Any]) -> list[str]:
    """Returns what tasks on other nodes dumped, as far as they still answer."""
    texts = []
    for dump in dumps:
        with suppress(ray.exceptions.RayError):
            texts.append(str(ray.get(dump, timeout=_PROBE_S)))
    return [text for text in texts if text]


def _oom_kills_at(place: ActorProcess) -> int:
    """Returns `oom_kills` of a node; what it was when the node cannot be asked any more."""
    return _asked(_on(place, oom_kills).remote(), place.oom_kills)


def _asked(task: Any, otherwise: T) -> T:
    """Returns what a task on a node came to; something else when the node cannot be asked any more."""
    try:
        return cast("T", ray.get(task, timeout=_PROBE_S))
    except ray.exceptions.RayError:
        return otherwise


def _on(place: ActorProcess, function: Any) -> Any:
    """Returns a function as a task on a node, which needs no slot there."""
    there: Mapping[str, Any] = {"scheduling_strategy": NodeAffinitySchedulingStrategy(place.node, soft=False)}
    return ray.remote(function).options(num_cpus=0, max_retries=0, **there)
