"""What every driver is given: a study, and how what comes of its units gets into the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.drivers.placement import Units, Whole, split, split_over_slots
from tune.drivers.reports import Death, EpochReport, Evaluation, UnitReport, Unsaved
from tune.drivers.trial_log import write_log
from tune.drivers.unit import evaluation_after
from tune.ledger.log import log
from tune.ledger.storage.disk_space import disk_full, free_bytes, needed_bytes, vanished
from tune.optimizer.optimizer import Optimizer
from tune.optimizer.work import Work
from tune.study.units import show_size
from tune.trainer import TrainerClass

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
        by_name: Whether other processes can import the trainer by the name that the study has; else they are sent it.
    """

    optimizer: Optimizer
    recording: Mapping[str, Any]
    trainer: TrainerClass
    should_stop: Callable[[], bool] = field(default=lambda: False)
    watch: Callable[[], None] = field(default=lambda: None)
    by_name: bool = True
    _units: Units = field(init=False, repr=False, default_factory=Units)
    _featureless: set[str] = field(init=False, repr=False, default_factory=set)

    @property
    def busy(self) -> int:
        """How many slots train something."""
        return self._units.busy

    def next_work(self, slots: int = 1) -> Work | None:
        """Returns work for one free slot, None when there is none now.

        It is a unit of the optimizer's, or a part of one, as `resources.placement` says.

        Args:
            slots: How many there are, busy ones included; 1 or more.

        Raises:
            DiskFull: If less than what the study asks for is free on its disk; then nothing new is to begin.
            StudyStopped: If the study cannot go on.
        """
        self._refuse_vanished()
        part = self._units.next_part()
        if part is not None:
            return part
        placement, free = self.optimizer.study.resources.placement, slots - self.busy
        works = self._units_for(free if placement == "auto" else 1)
        whole = [work for work in works if placement == "packed" or self._is_large(work)]
        others = [work for work in works if work not in whole]
        if placement == "auto":
            parts = split_over_slots(others, free - len(whole))
        else:
            parts = [part for one in others for part in split(one, slots)]
        for work in works:
            self._units.add(work, [part for part in (*whole, *parts) if part.trial == work.trial])
        return self._units.next_part()

    def trains(self, work: Work) -> bool:
        """Says whether work that `next_work` returned is still to be trained."""
        return self._units.trains(work)

    def released(self, work: Work) -> None:
        """Takes back work that was cut short; what its checkpoint holds is kept."""
        self._conclude(self._units.released(work))

    def ended(self, work: Work) -> None:
        """Takes back work that is done: its curves and checkpoint are in the ledger."""
        self._conclude(self._units.ended(work))

    def left(self, work: Work, death: Death | None) -> None:
        """Takes back work that was cut short and then saved; or its trainer's death, where that could not be."""
        if death is None:
            self.released(work)
        else:
            self.take(work, [death])

    def take(self, work: Work, news: Sequence[UnitReport]) -> None:
        """Puts what came of work into the ledger: epochs that were trained and evaluated, or its death.

        Work that could not begin, because its checkpoint is damaged, is no attempt of the trial: the checkpoint is set
        aside, and the trial goes on from what is left. Where the driver finds nothing wrong with it, it is one.

        What the end of a part means to its trial is decided when all parts of its unit have ended: until then they may
        be writing checkpoints.

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
            death = item if isinstance(item, Death) else self._record(work, item)
            if death is not None:
                told = "" if death.damaged else self._tell(work, death)
                self._conclude(self._units.died(work, death, told))
                break
            assert not isinstance(item, Death)
            if isinstance(item, Evaluation) or (item.epoch == work.to_epoch and not item.evaluates):
                self.ended(work)
        self.watch()

    def _units_for(self, free: int) -> list[Work]:
        """Returns units of work for so many free slots, fewer when there are not so many."""
        works: list[Work] = []
        try:
            while len(works) < free and (work := self._unit()) is not None:
                works.append(work)
        except Exception:
            for work in works:
                self.optimizer.released(work)
            raise
        return works

    def _is_large(self, work: Work) -> bool:
        """Says whether a trial has run out of memory: then fewer of its seeds are to train at a time, not elsewhere."""
        attempts = self.optimizer.ledger.trials[work.trial].counted_attempts
        return any(attempt.kind == "out_of_memory" for attempt in attempts)

    def _unit(self) -> Work | None:
        work = self.optimizer.next_work()
        study, ledger = self.optimizer.study, self.optimizer.ledger
        if work is not None and study.storage.min_free:
            disk = ledger.checkpoints.folder.disk
            state, units = ledger.largest_checkpoint if disk else 0, len(self.optimizer.in_flight)
            needed = needed_bytes(study, state, units)
            for folder in (ledger.folder, disk or ledger.folder):
                if free_bytes(folder) < needed:
                    self.optimizer.released(work)
                    raise disk_full(folder, f"{show_size(needed)} needed to go on (storage.min_free)")
        return work

    def _conclude(self, unit: Whole | None) -> None:
        """Tells the optimizer what became of a unit whose parts have all ended; None: one goes on."""
        if unit is None:
            return
        if unit.end is None:
            (self.optimizer.released if unit.cut_short else self.optimizer.complete)(unit.work)
            return
        work, death, told = unit.end
        if death.damaged:
            self.optimizer.ledger.checkpoints.set_unreadable_aside(work.trial, work.from_epoch, work.seeds)
        if death.damaged and self.optimizer.ledger.recheck(work.trial, work.seeds, work.from_epoch):
            log.warning("trial %d goes on from an older checkpoint: %s", work.trial, death.cause)
            self.optimizer.released(unit.work)
            return
        self._end(work, death, told or self._tell(work, death))

    def _refuse_vanished(self) -> None:
        gone = vanished(self.optimizer.ledger.folder)
        if gone is not None:
            raise gone

    def _record(self, work: Work, item: EpochReport | Evaluation) -> Death | None:
        """Records one epoch, or its evaluation; a trainer that breaks its contract dies of it."""
        ledger = self.optimizer.ledger
        try:
            if isinstance(item, Evaluation):
                of = (work.trial, work.seeds, item.epoch, item.metrics, item.held_s)
                ledger.record(*of, evaluation="done", gpus=item.gpus)
                return None
            ledger.set_baseline(item.baseline)
            ledger.record(
                *(work.trial, work.seeds, item.epoch, item.metrics, item.held_s),
                evaluation=evaluation_after(item.evaluates, item.epoch, work),
                gpus=item.gpus,
                redone=item.redone,
            )
        except ValueError as error:
            return Death.of(error)
        if item.saved:
            ledger.saved(work.trial, work.seeds, item.epoch)
        if item.featureless is not None:
            self._tell_featureless(work, item.featureless)
        return None

    def _tell(self, work: Work, death: Death) -> str:
        """Puts the end of work without a result into the trial's log, and returns its path."""
        ledger = self.optimizer.ledger
        path = write_log(ledger.folder, work.trial, f"{work} ended, {death.kind}: {death.cause}\n{death.text}")
        log.error("trial %d, %s: %s (the rest is in %s)", work.trial, death.kind, death.cause, path)
        return str(path)

    def _tell_featureless(self, work: Work, death: Death) -> None:
        """Puts why nothing is known of features into the trial's log; a cause is warned about once."""
        path = write_log(self.optimizer.ledger.folder, work.trial, f"{work}, features(): {death.cause}\n{death.text}")
        if death.cause not in self._featureless:
            self._featureless.add(death.cause)
            said = "trial %d goes on without figures of its features, features() ended in %s (the rest is in %s)"
            log.warning(said, work.trial, death.cause, path)

    def _end(self, work: Work, death: Death, told: str) -> None:
        """Puts the end of work without a result into the ledger."""
        if death.kind == "evaluation" and self.optimizer.ledger.scored(work.trial, work.seeds, work.to_epoch):
            self.optimizer.unevaluated(work, death.cause, told)
        else:
            self.optimizer.failed(work, death.cause, told, death.kind)
