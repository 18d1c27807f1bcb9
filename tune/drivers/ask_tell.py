"""The ask/tell driver: a loop of the user's trains, and asks what is next.

One unit of work is out at a time, as with the inline driver, and what is told of it goes into the ledger the same way:
so the decisions are the same. What was told with a state is durable when `tell` returns.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tune.drivers.calibration import gpus_of_one
from tune.drivers.job import Job
from tune.drivers.reports import Death
from tune.errors import DamagedCheckpoint, Interrupted, UserMistake
from tune.ledger.incoming import metrics_of, states_of
from tune.optimizer.work import Work

Metrics = Mapping[str, Any]
"""Of one epoch: by name one number per seed, in the order of `AskedWork.seeds`, or a mapping by seed."""


@dataclass(frozen=True)
class AskedWork:
    """What is to be trained next: these seeds of a trial, from one epoch to another.

    Attributes:
        trial: Its number.
        config: The study's fixed values overlaid with the trial's parameters.
        seeds: Which seeds.
        from_epoch: Epochs that were told of each of them.
        to_epoch: Epochs that are to be told of each of them in all.
        state: By seed, what was told as its state after `from_epoch`; None where nothing was.
    """

    trial: int
    config: Mapping[str, Any]
    seeds: tuple[int, ...]
    from_epoch: int
    to_epoch: int
    state: Mapping[int, Any] | None = None


class AskTell:
    """Hands out what is to be trained, and takes what came of it.

    How its state evolves: `ask()` → `tell(work, metrics)` for each epoch → `ask()` gives the same work from where it
    stands, or once its last epoch is told, other work → `ask()` is None: the study is over.

    Args:
        job: The study; its trainer is never made.
        baseline: Metrics of a model that has learned nothing, by name; a run that is no better has failed.

    Attributes:
        over: Whether nothing is left to be asked for.
    """

    def __init__(self, job: Job, baseline: Mapping[str, float] | None = None) -> None:
        self._job, self._baseline = job, dict(baseline or {})
        self._ledger = job.optimizer.ledger
        self._gpus = gpus_of_one(job.optimizer.study)
        self._unit: Work | None = None
        self._epoch = 0
        self._state: Mapping[int, Any] | None = None
        self._since = 0.0
        self.over = False

    def ask(self) -> AskedWork | None:
        """Returns what is to be trained next; None when the study is over.

        Asked again before its last epoch was told, it is the same work, from the epoch that was told last.

        Raises:
            Interrupted: If the study was asked to stop.
            StudyStopped: If the first trials all died of one cause.
            DiskFull: If less than what the study asks for is free on its disk.
        """
        if self._job.should_stop():
            raise Interrupted("interrupted, nothing that was told is lost")
        if self._unit is None and not self.over:
            self._begin()
        work = self._unit
        if work is None:
            return None
        self._since = time.monotonic()
        return AskedWork(work.trial, work.configuration, work.seeds, self._epoch, work.to_epoch, self._state)

    def tell(
        self,
        work: AskedWork,
        metrics: Metrics | Sequence[Metrics],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        """Takes what the next epoch of some work came to, or the next epochs.

        Args:
            work: As asked for.
            metrics: Of the epoch after those told before; or a list, of so many epochs in their order. What the study
                scores is in each (None where it is not known).
            state: By seed, plain data that the work can go on from after the last of these epochs, another time or in
                another process: numbers, text, arrays, the path of a file of yours. Work that is broken off is asked
                for again from the last epoch that came with one, else from where it began. Given once of a trial, it is
                needed at the end of each work; never given, later work of the trial has none.

        Raises:
            TrainerMistake: If these are no metrics or no states, or what the study scores is missing; the epoch that is
                wrong is not taken, nor any after it.
            UserMistake: If this is not the work that is out, or fewer epochs are left of it.
        """
        unit = self._checked(work)
        epochs = [metrics] if isinstance(metrics, Mapping) else list(metrics)
        last = self._epoch + len(epochs)
        if not epochs or last > unit.to_epoch:
            left = f"epoch {self._epoch + 1} to {unit.to_epoch}"
            raise UserMistake(f"tell: trial {unit.trial}: {left} are to be told; got {len(epochs)} epochs at once")
        states = self._states(unit, state, last)
        taken = [metrics_of(one, unit.seeds) for one in epochs]
        if states is not None:  # before its rows, as a trainer's: without these it counts as not there
            self._ledger.checkpoints.save(unit.trial, last, states)
        held_s = (time.monotonic() - self._since) / len(epochs)
        self._since = time.monotonic()
        self._ledger.set_baseline(self._baseline)
        for epoch, one in enumerate(taken, self._epoch + 1):
            self._ledger.record(unit.trial, unit.seeds, epoch, one, held_s, gpus=self._gpus)
            self._epoch = epoch
        if states is not None:
            self._ledger.saved(unit.trial, unit.seeds, last)
        if state is not None:
            self._state = states
        if last == unit.to_epoch:
            self._unit = None
            self._job.ended(unit)
        self._job.watch()

    def fail(self, work: AskedWork, cause: BaseException | str) -> None:
        """Takes note that some work died; its trial is tried again, or fails, as `resources.retries` says.

        Args:
            work: As asked for.
            cause: What it died of; trials that die of one cause have the same words.

        Raises:
            UserMistake: If this is not the work that is out.
        """
        unit = self._checked(work)
        self._unit = None
        self._job.take(unit, [Death(cause, "") if isinstance(cause, str) else Death.of(cause)])

    def release(self) -> None:
        """Gives back the work that is out; what was told of it is kept."""
        if self._unit is not None:
            unit, self._unit = self._unit, None
            self._job.released(unit)

    def _begin(self) -> None:
        """Has the next unit of work be out; what was kept of its seeds is loaded."""
        while (unit := self._job.next_work()) is not None:
            try:
                kept = self._ledger.checkpoints.load(unit.trial, unit.from_epoch, unit.seeds) if unit.from_epoch else {}
            except DamagedCheckpoint as error:
                self._job.take(unit, [Death.of(error)])  # goes on from an older one
                continue
            self._unit, self._epoch = unit, unit.from_epoch
            self._state = kept if any(one is not None for one in kept.values()) else None
            return
        self.over = True

    def _checked(self, work: AskedWork) -> Work:
        """Returns the unit that is out, if it is this."""
        unit = self._unit
        if unit is None or (work.trial, work.seeds, work.to_epoch) != (unit.trial, unit.seeds, unit.to_epoch):
            out = "nothing" if unit is None else f"trial {unit.trial} up to epoch {unit.to_epoch}"
            raise UserMistake(
                f"tell: trial {work.trial} up to epoch {work.to_epoch} is not what was asked for last; {out} is out; "
                "tell of the work that ask() returned"
            )
        return unit

    def _states(self, unit: Work, state: Mapping[int, Any] | None, last: int) -> Mapping[int, Any] | None:
        """Returns what is to be kept of each seed; None where the work is not to be continued from here."""
        if state is not None:
            return states_of(state, unit.seeds)
        if last < unit.to_epoch:
            return None
        if self._state is not None:
            raise UserMistake(
                f"tell: trial {unit.trial}: epoch {last} is the last of this work, and an earlier one came with a "
                "state; give the state after this one as well"
            )
        return dict.fromkeys(unit.seeds)
