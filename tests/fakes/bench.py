"""A study whose optimizer is asked step by step."""

from pathlib import Path
from typing import Any

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.job import Job
from tune.drivers.unit import TrainingSettings, Unit
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.optimizer.work import Work
from tune.study.study import Study


class Bench:
    """A study whose work is done when the test says so."""

    def __init__(self, folder: Path, study: Study, elapsed_s: float = 0.0) -> None:
        self.study, self.folder, self.elapsed_s = study, folder, elapsed_s
        self.reopen()

    def reopen(self, *, grow: bool = False) -> None:
        """As a new process does after this one was stopped."""
        if hasattr(self, "ledger"):
            self.ledger.close("interrupted")
        self.ledger = Ledger.open(self.study, self.folder, clock=Clock(tick_s=1.0), grow=grow)
        self.optimizer = Optimizer(self.ledger, lambda: self.elapsed_s)
        self.job = Job(self.optimizer, {}, Quadratic)

    def do(self, work: Work) -> None:
        unit = Unit(lambda: Quadratic, {}, work, TrainingSettings.of(self.ledger))
        self.job._units.add(work, [work])
        self.job._units.next_part()
        self.job.take(work, list(unit.news()))

    def run(self) -> None:
        while (work := self.optimizer.next_work()) is not None:
            self.do(work)
        self.optimizer.finish()

    def told(self) -> list[str]:
        """The decisions about trials, a line each."""
        return [f"{d.kind} {d.trial} {d.rung}" for d in self.ledger.decisions if d.trial is not None]


def bench(folder: Path, elapsed_s: float = 0.0, **changes: Any) -> Bench:
    return Bench(folder, quadratic_study(**changes), elapsed_s)
