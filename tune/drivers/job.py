"""What every driver is given, and how one unit of work is trained wherever that happens."""

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tune.ledger import CheckpointStore
from tune.optimizer import Optimizer, Work
from tune.study import Study
from tune.trainer import TrainerClass

log = logging.getLogger("latent-tune")


@dataclass(frozen=True)
class Report:
    """One epoch of one unit of work.

    Attributes:
        epoch: 1-based.
        metrics: By name, one value per seed of the work.
        saved: Whether a checkpoint of this epoch is durable.
    """

    epoch: int
    metrics: Mapping[str, Sequence[float | None]]
    saved: bool


@dataclass
class Job:
    """One study, ready to be driven.

    Attributes:
        optimizer: Hands out work.
        recording: What trainers are given.
        trainer: The class.
        should_stop: Asked between epochs; when it says yes, trials in flight are saved where they are and handed back.
        watch: Called whenever the ledger has changed.
    """

    optimizer: Optimizer
    recording: Mapping[str, Any]
    trainer: TrainerClass
    should_stop: Callable[[], bool] = field(default=lambda: False)
    watch: Callable[[], None] = field(default=lambda: None)

    def take(self, work: Work, reports: Sequence[Report], baseline: Mapping[str, float]) -> None:
        """Puts epochs that were trained into the ledger."""
        ledger = self.optimizer.ledger
        ledger.set_baseline(baseline)
        for report in reports:
            ledger.record(work.trial, work.seeds, report.epoch, report.metrics)
            if report.saved:
                ledger.saved(work.trial, work.seeds, report.epoch)
        if reports and reports[-1].epoch == work.to_epoch:
            self.optimizer.complete(work)
        self.watch()

    def died(self, work: Work, cause: str, text: str) -> None:
        """Takes note that work died; the whole text goes to the log."""
        log.error("trial %d died: %s\n%s", work.trial, cause, text)
        self.optimizer.failed(work, cause, str(self.optimizer.ledger.folder / "latent-tune.log"))
        self.watch()


@dataclass(frozen=True)
class Manner:
    """How units of a study are trained, wherever they are.

    Attributes:
        checkpoints: The folder where state is kept.
        every: Epochs between checkpoints; None for the last epoch of a unit only.
        threads: How many threads a training uses; the same everywhere, because float sums depend on it.
    """

    checkpoints: str
    every: int | None
    threads: int

    @classmethod
    def of(cls, study: Study, folder: Path) -> Self:
        """Returns the manner that a study asks for."""
        setting = study.storage.checkpoints
        every = setting if isinstance(setting, int) else {"every_epoch": 1, "every_rung": None}[setting]
        threads = max(1, int(study.resources.cpus_per_trial))
        return cls(str((folder / "checkpoints").resolve()), every, threads)


class Unit:
    """One unit of work in the process that trains it.

    Args:
        trainer: The class.
        recording: What it is given.
        work: What to train.
        manner: How.
    """

    def __init__(self, trainer: TrainerClass, recording: Mapping[str, Any], work: Work, manner: Manner) -> None:
        import torch

        torch.set_num_threads(manner.threads)
        self.work = work
        self._checkpoints, self._every = CheckpointStore(Path(manner.checkpoints)), manner.every
        checkpoints = self._checkpoints
        state = checkpoints.load(work.trial, work.from_epoch, work.seeds) if work.from_epoch else None
        self._trainer = trainer(work.configuration, recording, list(work.seeds), state)
        self._epoch = work.from_epoch

    def baseline(self) -> Mapping[str, float]:
        """Returns the constant model's losses."""
        return self._trainer.baseline()

    def reports(self) -> Iterator[Report]:
        """Trains; yields each epoch after its checkpoint, where one is due, is durable."""
        epochs = self._trainer.train(self.work.to_epoch - self.work.from_epoch)
        for metrics in epochs:
            self._epoch += 1
            due = self._epoch == self.work.to_epoch or (self._every is not None and self._epoch % self._every == 0)
            if due:
                self.save()
            yield Report(self._epoch, metrics, saved=due)
        if self._epoch < self.work.to_epoch:
            raise ValueError(
                f"the trainer ended at epoch {self._epoch}, asked for {self.work.to_epoch}; "
                "train(epochs) must yield one mapping per epoch"
            )

    def save(self) -> None:
        """Makes the state at the present epoch durable."""
        self._checkpoints.save(self.work.trial, self._epoch, self._trainer.state())

    def profile(self, trace: Path) -> Mapping[str, Any] | None:
        """Has the trainer time some steps; None where it does not offer that."""
        offered = getattr(self._trainer, "profile", None)
        return dict(offered(trace)) if callable(offered) else None

    def close(self) -> None:
        """Frees what the trainer holds."""
        self._trainer.close()


def cause_of(error: BaseException) -> tuple[str, str]:
    """Returns an exception in one line, and whole."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}", "".join(traceback.format_exception(error))
