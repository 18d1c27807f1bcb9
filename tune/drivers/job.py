"""What every driver is given, and how one unit of work is trained wherever that happens."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tune.errors import DamagedCheckpoint, LatentTuneError, StudyStopped
from tune.ledger import CheckpointStore
from tune.ledger.space_left import caused_by_disk, disk_full, free_bytes, is_full, needed_bytes, vanished
from tune.optimizer import Optimizer, Work
from tune.sizes import show_size
from tune.study import Study
from tune.trainer import Trainer, TrainerClass

log = logging.getLogger("latent-tune")

SCRATCH = ".ray"
"""In the study folder, what Ray Tune writes while a study runs; nothing in it is ever read again."""


@dataclass(frozen=True)
class Report:
    """One epoch of one unit of work.

    Attributes:
        epoch: 1-based.
        metrics: By name, one value per seed of the work.
        saved: Whether a checkpoint of this epoch is durable.
        baseline: The constant model's losses, by name.
        held_s: Seconds in which the unit held its slot for this epoch: since the epoch before, or since it began, so
            with loading, checkpoints and waiting for the driver.
    """

    epoch: int
    metrics: Mapping[str, Sequence[float | None]]
    saved: bool
    baseline: Mapping[str, float]
    held_s: float


@dataclass(frozen=True)
class Death:
    """The end of a unit of work whose trainer raised.

    Attributes:
        cause: One line; trials that die of one cause have the same.
        text: The traceback.
        damaged: Whether it could not begin, because of its checkpoint.
    """

    cause: str
    text: str
    damaged: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Returns what an exception says."""
        first = next(iter(str(error).splitlines()), "")
        text = "".join(traceback.format_exception(error))
        return cls(f"{type(error).__name__}: {first}", text, isinstance(error, DamagedCheckpoint))


@dataclass(frozen=True)
class Unsaved:
    """The end of a unit of work whose checkpoint could not be written: the disk's fault, and no death of the trial's.

    Attributes:
        full: Whether the disk is full, or the user's quota.
        cause: One line.
        text: The traceback.
    """

    full: bool
    cause: str
    text: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Returns what an exception says."""
        death = Death.of(error)
        return cls(is_full(error), death.cause, death.text)

    def error(self, folder: Path) -> LatentTuneError:
        """Returns what it means to the study in a folder: a pause where the disk is full, else its end."""
        if self.full:
            return disk_full(folder, f"and a write of the trainer or of its checkpoint failed ({self.cause})")
        return StudyStopped(
            f"{folder}: a checkpoint could not be written: {self.cause}; what was stored is kept; mend that, then "
            "resume the study"
        )


News = Report | Death | Unsaved


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

    def next_work(self) -> Work | None:
        """Returns work for one free slot, None when there is none now.

        Raises:
            DiskFull: If less than what the study asks for is free on its disk; then nothing new is to begin.
            StudyStopped: If the study cannot go on.
        """
        self._refuse_vanished()
        work = self.optimizer.next_work()
        study, ledger = self.optimizer.study, self.optimizer.ledger
        if work is not None and study.storage.min_free:
            state, units = ledger.checkpoints.usage().largest, len(self.optimizer.in_flight)
            free, needed = free_bytes(ledger.folder), needed_bytes(study, state, units)
            if free < needed:
                self.optimizer.released(work)
                raise disk_full(ledger.folder, f"{show_size(needed)} needed to go on (storage.min_free)")
        return work

    def take(self, work: Work, news: Sequence[News]) -> None:
        """Puts what came of work into the ledger: epochs that were trained, or its death.

        Work that could not begin, because its checkpoint is damaged, is no attempt of the trial: the checkpoint is set
        aside, and the trial goes on from what is left. Where the driver finds nothing wrong with it, it is one.

        Raises:
            OSError: If the ledger cannot be written; then nothing is decided.
            DiskFull: If a checkpoint could not be written for want of space; what was stored before is kept.
            StudyStopped: If it could not be written for another reason, or the study's folder is gone.
        """
        self._refuse_vanished()
        for item in news:
            if isinstance(item, Unsaved):
                log.error("trial %d could not be saved: %s\n%s", work.trial, item.cause, item.text)
                raise item.error(self.optimizer.ledger.folder)
            end = item if isinstance(item, Death) else self._record(work, item)
            if (
                end is not None
                and end.damaged
                and self.optimizer.ledger.recheck(work.trial, work.seeds, work.from_epoch)
            ):
                log.warning("trial %d goes on from an older checkpoint: %s", work.trial, end.cause)
                self.optimizer.released(work)
                break
            if end is not None:
                log.error("trial %d died: %s\n%s", work.trial, end.cause, end.text)
                self.optimizer.failed(work, end.cause, str(self.optimizer.ledger.folder / "latent-tune.log"))
                break
            if isinstance(item, Report) and item.epoch == work.to_epoch:
                self.optimizer.complete(work)
        self.watch()

    def _refuse_vanished(self) -> None:
        gone = vanished(self.optimizer.ledger.folder)
        if gone is not None:
            raise gone

    def _record(self, work: Work, report: Report) -> Death | None:
        """Records one epoch; a trainer that breaks its contract dies of it."""
        ledger = self.optimizer.ledger
        ledger.set_baseline(report.baseline)
        try:
            ledger.record(work.trial, work.seeds, report.epoch, report.metrics, report.held_s)
        except ValueError as error:
            return Death.of(error)
        if report.saved:
            ledger.saved(work.trial, work.seeds, report.epoch)
        return None


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
        return cls(str((folder / "checkpoints").resolve()), every, study.resources.threads)


class Unit:
    """One unit of work in the process that trains it.

    Args:
        load: Returns the trainer's class, importing it where that is still to be done.
        recording: What the trainer is given.
        work: What to train.
        manner: How.
    """

    def __init__(
        self, load: Callable[[], TrainerClass], recording: Mapping[str, Any], work: Work, manner: Manner
    ) -> None:
        self.work = work
        self._load, self._recording, self._manner = load, recording, manner
        self._checkpoints = CheckpointStore(Path(manner.checkpoints))
        self._trainer: Trainer | None = None
        self._epoch = work.from_epoch

    def news(self) -> Iterator[News]:
        """Trains; yields each epoch after its checkpoint, where one is due, is durable, or how it ended before."""
        try:
            yield from self._train()
        except _NotSaved as error:
            yield Unsaved.of(error.__cause__ or error)
        except Exception as error:  # noqa: BLE001 - whatever a trainer raises is a dead trial, and data
            yield Unsaved.of(error) if is_full(error) else Death.of(error)

    def save(self) -> None:
        """Makes the state at the present epoch durable."""
        if self._trainer is not None:
            self._checkpoints.save(self.work.trial, self._epoch, self._trainer.state())

    def close(self) -> None:
        """Frees what the trainer holds."""
        if self._trainer is not None:
            self._trainer.close()

    def _save_or_tell(self) -> None:
        try:
            self.save()
        except Exception as error:
            if caused_by_disk(error):
                raise _NotSaved from error
            raise

    def _train(self) -> Iterator[Report]:
        held_since = time.monotonic()
        limit_threads(self._manner.threads)
        work, every = self.work, self._manner.every
        state = self._checkpoints.load(work.trial, work.from_epoch, work.seeds) if work.from_epoch else None
        self._trainer = self._load()(work.configuration, self._recording, list(work.seeds), state)
        baseline = dict(self._trainer.baseline())
        for metrics in self._trainer.train(work.to_epoch - work.from_epoch):
            self._epoch += 1
            due = self._epoch == work.to_epoch or (every is not None and self._epoch % every == 0)
            if due:
                self._save_or_tell()
            now = time.monotonic()
            yield Report(self._epoch, dict(metrics), due, baseline, now - held_since)
            held_since = now
        if self._epoch < work.to_epoch:
            raise ValueError(
                f"the trainer ended at epoch {self._epoch}, asked for {work.to_epoch}; "
                "train(epochs) must yield one mapping per epoch"
            )


class _NotSaved(Exception):  # noqa: N818 - never seen outside
    """A checkpoint could not be written; its cause is why."""


def limit_threads(threads: int) -> None:
    """Has PyTorch use so many threads in this process."""
    import torch

    torch.set_num_threads(threads)
