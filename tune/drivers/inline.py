"""The inline driver: the study in this process, one trial at a time."""

import faulthandler
import sys
import threading
from dataclasses import replace
from typing import Self

from tune.drivers.calibration import gpus_of_one
from tune.drivers.job import Job
from tune.drivers.reports import EpochReport
from tune.drivers.stall_timer import StallTimer
from tune.drivers.trial_log import trial_log, write_log
from tune.drivers.unit import TrainingSettings, Unit
from tune.ledger.log import log
from tune.ledger.printable import printable
from tune.optimizer.work import Work

_LOOK_S = 1.0


def drive(job: Job) -> None:
    """Works until the study has no work left or is asked to stop.

    A trial that stalls is said to, with its stacks in its log; it cannot be ended, because it is this very process.
    """
    while not job.should_stop():
        work = job.next_work()
        if work is None:
            return
        _train(job, work)


def _train(job: Job, work: Work) -> None:
    ledger = job.optimizer.ledger
    settings = replace(TrainingSettings.of(ledger), gpus=gpus_of_one(ledger.study))
    unit = Unit(lambda: job.trainer, job.recording, work, settings)
    try:
        with Watchdog(job, work) as watchdog:
            for item in unit.news():
                watchdog.heard([item.held_s] if isinstance(item, EpochReport) else [])
                job.take(work, [item])
                if not job.trains(work):
                    return
                if job.should_stop():
                    job.left(work, unit.save())
                    return
    finally:
        unit.close()


class Watchdog:
    """A thread that says when nothing is heard of a unit for too long, and where it is stuck.

    It says so in the trial's log (the stacks of all threads), the study's log and on the terminal, once per silence. It
    is a thread of Python's: where a trainer keeps the interpreter's lock for ever, it is silent as well.

    Args:
        job: The study.
        work: What is trained.
    """

    def __init__(self, job: Job, work: Work) -> None:
        ledger = job.optimizer.ledger
        self._folder, self._trial = ledger.folder, work.trial
        self._timer = StallTimer(ledger.study.resources, ledger.pace(work.trial) * len(work.seeds))
        self._lock, self._over, self._said = threading.Lock(), threading.Event(), False
        self._thread = threading.Thread(target=self._look, name="latent-tune watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def heard(self, held_s: list[float]) -> None:
        """Takes note of a report, and of the seconds that its epochs took."""
        with self._lock:
            self._timer.heard(held_s)
            self._said = False

    def _look(self) -> None:
        while not self._over.wait(_LOOK_S):
            with self._lock:
                self._timer.passed(_LOOK_S)
                if self._timer.stalled and not self._said:
                    self._said = True
                    self._say()

    def _say(self) -> None:
        said = f"trial {self._trial}: {self._timer.said()}"
        path = write_log(self._folder, self._trial, f"{said}; stacks of all threads:")
        with trial_log(self._folder, self._trial).open("a", encoding="utf-8") as file:
            faulthandler.dump_traceback(file)
        said += f"; {path} says where it is stuck; Ctrl-C, then Ctrl-C again, and resume, is all that can be done"
        log.error(said)
        sys.stderr.write(printable(f"{said}\n"))
