"""What every driver is given: a study, and how what comes of its units gets into the ledger."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.drivers.failures import write_log
from tune.drivers.unit import Death, Evaluation, News, Report, Unsaved, evaluation_after
from tune.ledger.space_left import disk_full, free_bytes, needed_bytes, vanished
from tune.optimizer import Optimizer, Work
from tune.sizes import show_size
from tune.trainer import TrainerClass

log = logging.getLogger("latent-tune")

SCRATCH = ".ray"
"""In the study folder, what Ray Tune writes while a study runs; nothing in it is ever read again."""


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
            disk = ledger.checkpoints.folder.disk
            state, units = ledger.checkpoints.usage().largest if disk else 0, len(self.optimizer.in_flight)
            needed = needed_bytes(study, state, units)
            for folder in (ledger.folder, disk or ledger.folder):
                if free_bytes(folder) < needed:
                    self.optimizer.released(work)
                    raise disk_full(folder, f"{show_size(needed)} needed to go on (storage.min_free)")
        return work

    def take(self, work: Work, news: Sequence[News]) -> None:
        """Puts what came of work into the ledger: epochs that were trained and evaluated, or its death.

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
                self._end(work, end)
                break
            assert not isinstance(item, Death)
            if isinstance(item, Evaluation) or (item.epoch == work.to_epoch and not item.evaluates):
                self.optimizer.complete(work)
        self.watch()

    def _refuse_vanished(self) -> None:
        gone = vanished(self.optimizer.ledger.folder)
        if gone is not None:
            raise gone

    def _record(self, work: Work, item: Report | Evaluation) -> Death | None:
        """Records one epoch, or its evaluation; a trainer that breaks its contract dies of it."""
        ledger = self.optimizer.ledger
        try:
            if isinstance(item, Evaluation):
                ledger.record(work.trial, work.seeds, item.epoch, item.metrics, item.held_s, evaluation="done")
                return None
            ledger.set_baseline(item.baseline)
            ledger.record(
                *(work.trial, work.seeds, item.epoch, item.metrics, item.held_s),
                evaluation=evaluation_after(item.evaluates, item.epoch, work),
            )
        except ValueError as error:
            return Death.of(error)
        if item.saved:
            ledger.saved(work.trial, work.seeds, item.epoch)
        return None

    def _end(self, work: Work, death: Death) -> None:
        """Puts the end of work without a result into the trial's log and the ledger."""
        ledger = self.optimizer.ledger
        path = write_log(ledger.folder, work.trial, f"{work} ended, {death.kind}: {death.cause}\n{death.text}")
        log.error("trial %d, %s: %s (the rest is in %s)", work.trial, death.kind, death.cause, path)
        if death.kind == "evaluation" and ledger.scored(work.trial, work.seeds, work.to_epoch):
            self.optimizer.unevaluated(work, death.cause, str(path))
        else:
            self.optimizer.failed(work, death.cause, str(path), death.kind)
