"""Checking a study before it is paid for: short trainings, what they say, and what the whole is expected to take."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import psutil
from rich.console import Console
from rich.text import Text

from tune.adapters.loading import load
from tune.cli.session.estimating import expected
from tune.cli.session.given import GivenTrainer
from tune.cli.session.origin import origin, write_json
from tune.drivers.calibration import gpus_of_one
from tune.drivers.config_checks import judged_as_known, refuse_configurations
from tune.drivers.gpu_packing import slots_here
from tune.drivers.probing.course import Course
from tune.drivers.probing.processes import FreshProcesses, Runner, ThisProcess
from tune.errors import NoGo
from tune.gpus import visible_gpus
from tune.ledger.origin.made_from import MadeFrom
from tune.ledger.storage.disk_space import free_bytes
from tune.ledger.storage.files import make_folder
from tune.scoring.check.checked import Checked
from tune.scoring.check.items import Evidence
from tune.scoring.check.measured import Probed
from tune.scoring.check.verdict import judged
from tune.study.study import Study
from tune.trainer import TrainerClass, prepare_recording
from tune.views.terminal.check import print_check

_FILE = "check.json"
"""In the study folder."""

_MOST_BYTES = 2**22
"""Of that file; a longer one is none."""

_ESTIMATE_SHARE, _PLAYS_S = 0.2, 8.0
"""Of the time of a check, for playing the study in virtual time, and at most so many seconds."""


@dataclass(frozen=True)
class CheckRequest:
    """How a study is to be checked.

    Attributes:
        driver: On which the study is going to run: inline or ray.
        address: Of a Ray cluster; None: on this machine.
        results: The folder in which its folder is going to be, whose disk is looked at.
        minutes: How long it may take; None: as the study says.
        given: The trainer, where it is given as an object.
        should_stop: Asked meanwhile.
        tell: Takes a line for people after each short training.
    """

    driver: str
    results: Path
    address: str | None = None
    minutes: float | None = None
    given: GivenTrainer | None = None
    should_stop: Callable[[], bool] = field(default=lambda: False)
    tell: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Subject:
    """A study of which all is at hand that a check needs.

    Attributes:
        study: The study.
        trainer: The class.
        recording: As prepared.
        made_from: What it is made from.
    """

    study: Study
    trainer: TrainerClass
    recording: Mapping[str, Any]
    made_from: MadeFrom


def check(study: Study, request: CheckRequest) -> Checked:
    """Checks a study: trains the middle and the ends of its space for a few epochs, and judges what that shows.

    Raises:
        UserMistake: If the study, its trainer or its recording cannot be used.
        Interrupted: If it was asked to stop.
    """
    trainer = load(study) if request.given is None else request.given.trainer
    study = judged_as_known(study, trainer)
    refuse_configurations(study, trainer)
    made_from = origin(study, None, (), given=request.given)
    recording = prepare_recording(trainer, study.recording)
    refuse_configurations(study, trainer, recording)
    make_folder(request.results / study.name)  # before minutes are spent on what could not be kept
    return _checked(Subject(study, trainer, recording, made_from), request)


def before_beginning(subject: Subject, folder: Path, request: CheckRequest, console: Console) -> Checked | None:
    """Returns the check of a study that is about to begin: the one that lies in its folder, or one made now.

    Args:
        subject: The study; its `check.mode` says whether one is made.
        folder: Its folder.
        request: How to check it.
        console: Where it is shown.

    Raises:
        NoGo: If the study asks for a check, and that says so.
        Interrupted: If it was asked to stop.
    """
    mode = subject.study.check.mode
    found = None if mode == "off" else kept(subject, folder)
    if found is None and mode == "full":
        found = _checked(subject, request)
        keep(found, folder)
    if found is None:
        return None
    if mode == "full":
        print_check(found, console)
        refuse_no_go(found)
    else:
        console.print(Text(f"checked before: {found.said}"), highlight=False, soft_wrap=True)
    return found


def _checked(subject: Subject, request: CheckRequest) -> Checked:
    """Checks a study of which all is at hand."""
    study = subject.study
    begun, seconds = time.monotonic(), 60 * (request.minutes or study.check.minutes)
    done: list[Probed] = []
    over = Event()

    def after(probed: Probed) -> None:
        done.append(probed)
        request.tell(f"{len(done)} short trainings, {time.monotonic() - begun:.0f} s")

    with _workplace(subject, request, lambda: over.is_set() or request.should_stop()) as place:
        course = Course(
            *(study, subject.trainer, subject.recording, place.runner),
            seconds=seconds * (1 - _ESTIMATE_SHARE),
            at_once=1 if isinstance(place.runner, ThisProcess) else place.slots,  # random states are the process's
            nodes=place.nodes,
            scratch=place.scratch,
            done=after,
            abandon=over.set,
            begun=begun,
        )
        probed = course.results()
    request.tell("playing the study, to see what it takes")
    items = judged(Evidence(study, probed, _machine(request, place.slots)))
    estimate = expected(
        *(study, subject.trainer, subject.recording, probed),
        driver="inline" if request.driver == "inline" else "ray",
        slots=place.slots,
        cluster=request.address is not None,
        seconds=min(_PLAYS_S, seconds * _ESTIMATE_SHARE),
    )
    return Checked(
        *(study.name, request.driver, place.slots, len(probed), time.monotonic() - begun, time.time(), items),
        estimate=estimate,
        made_of=digest(subject),
    )


@dataclass(frozen=True)
class _Workplace:
    """Where short trainings are done.

    Attributes:
        runner: Does one.
        slots: How many trials of the study will train at once.
        nodes: Types of node of a cluster beside the first.
        scratch: A folder that all of them see; None: any.
    """

    runner: Runner
    slots: int
    nodes: Sequence[str] = ()
    scratch: Path | None = None


@contextmanager
def _workplace(subject: Subject, request: CheckRequest, should_stop: Callable[[], bool]) -> Iterator[_Workplace]:
    study, given = subject.study, request.given
    sent = None if given is None or given.by_name else given.trainer
    if request.address is not None:
        from tune.drivers.ray.short_trainings import on_nodes

        folder = request.results / study.name
        make_folder(folder)
        with on_nodes(study, folder, request.address, sent, should_stop) as nodes:
            yield _Workplace(nodes, nodes.slots, nodes.types[1:], folder)
        return
    slots = 1 if request.driver == "inline" else _slots(study)
    if sent is not None:  # other processes cannot import it
        yield _Workplace(ThisProcess(study, sent, subject.recording, should_stop), slots)
    else:
        with FreshProcesses(study, should_stop) as processes:
            yield _Workplace(processes, slots)


def refuse_no_go(found: Checked) -> None:
    """Raises NoGo if a check says so; its items have been shown."""
    if found.verdict == "no-go":
        raise NoGo(f"{found.said}; nothing was begun (`check: off` in the study, or --set check=off, begins it anyhow)")


def digest(subject: Subject) -> str:
    """Returns what tells a study, its recording and its code from others: all but where it is kept and who is told."""
    said = subject.study.model_dump(mode="json", by_alias=True)
    judged_by = {key: value for key, value in said.items() if key not in ("storage", "loggers", "check")}
    of = {"study": judged_by, "made_from": subject.made_from.model_dump(mode="json")}
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def keep(found: Checked, folder: Path) -> None:
    """Keeps a check in a study's folder, which need not be there yet, for the run that begins the study."""
    make_folder(folder)
    write_json(folder / _FILE, found.plain)


def kept(subject: Subject, folder: Path) -> Checked | None:
    """Returns the check of a study that lies in its folder.

    None where there is none, where it is of another study or of other code, and where it said no-go: what it found may
    have been mended outside of the code that is looked at.
    """
    try:
        with (folder / _FILE).open(encoding="utf-8") as file:
            found = Checked.of(json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, RecursionError):  # damaged, cut short, or nested deeper than any check
        return None
    if found is None or found.made_of != digest(subject) or found.verdict == "no-go":
        return None
    return found


def _slots(study: Study) -> int:
    gpus = study.resources.model_copy(update={"gpus_per_trial": gpus_of_one(study)})
    return max(1, slots_here(gpus, os.cpu_count() or 1, len(visible_gpus())))


def _machine(request: CheckRequest, slots: int) -> dict[str, float]:
    """Returns what is at hand for the whole study; the memory of a cluster's nodes is not asked."""
    results = request.results.absolute()
    there = next(folder for folder in (results, *results.parents) if folder.is_dir())
    known = {"slots": float(slots), "disk_bytes": float(free_bytes(there))}
    return known if request.address is not None else {**known, "host_bytes": float(psutil.virtual_memory().total)}
