"""The ledger: opens a study's folder to work on it, and writes what is decided and trained."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from tune.errors import StudyBusy
from tune.ledger.backup.copy import LAST_STREAM, LedgerCopy
from tune.ledger.checkpoints.adoption import adopt, collect_orphans
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.curves.epoch import with_own_columns
from tune.ledger.curves.history import EvaluationMark, Metrics
from tune.ledger.curves.store import CurveStore
from tune.ledger.database.optuna_mirror import Mirror
from tune.ledger.identity import set_damaged_study_aside, stored_study, write_study
from tune.ledger.incoming import baseline_of, metrics_of
from tune.ledger.lease.lease import Lease
from tune.ledger.opening import first_decisions, make_checkpoints, make_database, refuse_conflict, refuse_unfit, settle
from tune.ledger.origin.made_from import MadeFrom
from tune.ledger.reader import Clock, LedgerReader
from tune.ledger.records import Decision, Ending, Kind
from tune.ledger.storage.disk_space import free_reserve
from tune.ledger.stores import Stores
from tune.study.growth import differences
from tune.study.study import Study


class Ledger(LedgerReader):
    """One study's memory, for the process that works on it: make one with `open`. Others look with `LedgerReader.read`.

    How its state evolves: `open` → [`decide(start)` → `record` … `saved` → `decide(reach)` → `decide(promote)` …] →
    `close`. After each of these calls everything said so far is durable.

    Args:
        study, folder, stores, clock: As of `LedgerReader`; the stores can be written.
        lease: What says that this process, and no other, works on the study.
    """

    checkpoints: CheckpointStore

    def __init__(self, study: Study, folder: Path, stores: Stores, clock: Clock, lease: Lease) -> None:
        super().__init__(study, folder, stores, clock)
        self._lease, self._mirror = lease, Mirror(stores.database)
        self._copy: LedgerCopy | None = None
        self._largest: int | None = None

    @classmethod
    def open(
        cls,
        study: Study,
        folder: Path,
        *,
        clock: Clock,
        detail: Mapping[str, Any] | None = None,
        made_from: MadeFrom | None = None,
        grow: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Self:
        """Opens a study to work on it, making the folder when it is not there.

        Args:
            study: The study; it must be the one that the folder holds, or one that this can grow to.
            folder: The study folder.
            clock: Seconds since the epoch.
            detail: What to remember of this process, such as its driver.
            made_from: What the study is made from now; where that differs from before, it is taken as accepted.
            grow: Whether a study that is there may become the one given (`tune.study.growth`).
            should_stop: Asked while the database is locked or away, which it may be for minutes.

        Raises:
            StudyConflict: If the folder holds another study, or one that cannot grow to this.
            StudyBusy: If a live process works on it.
            UserMistake: If the folder cannot be written or the database not opened.
        """
        there = refuse_unfit(study, folder, clock, grow=grow)
        database = make_database(study, folder, should_stop)
        lease = Lease(database, clock)
        try:
            settle(study, database, folder)
            checkpoints = make_checkpoints(there, folder, database.retry.should_stop)
            stores = Stores(database, checkpoints, CurveStore(folder / "curves", writable=True))
            ledger = cls(there, folder, stores, clock, lease)
            _ = ledger._runs
            refuse_conflict(ledger, study, grow=grow)  # again, now that nobody else can have it grow
            ledger._begin(study, made_from, detail or {}, should_stop)
        except BaseException:
            lease.release()
            database.close()
            raise
        return ledger

    def _begin(
        self, study: Study, made_from: MadeFrom | None, detail: Mapping[str, Any], should_stop: Callable[[], bool]
    ) -> None:
        """Begins a session: repairs what the last one left, has the study grow to the one given, keeps a copy of it."""
        self._reconcile()
        for kind, reason, told in first_decisions(self, study, made_from, detail):
            self.decide(kind, reason=reason, detail=told)
        if study.storage.shared is not None:
            copy = LedgerCopy(self.study, self.folder, self._lease.holder, self._lease.lost, should_stop)
            copy.begin()
            self._copy = copy

    @property
    def lease_lost(self) -> bool:
        """Whether another process has taken the study over; then nothing more is written."""
        return self._lease.lost.is_set()

    def _saved(self, trial: int) -> Mapping[int, Sequence[int]]:
        """Returns by seed the epochs of which a trial has a checkpoint, and takes over what lies beside them."""
        configuration = {**self.study.fixed, **self.trials[trial].parameters}
        found = adopt(self.checkpoints, trial, self.study.what_trains, configuration)
        self._record_unreported(trial, {seed: max(epochs) for seed, epochs in found.items()})
        return found

    def _record_unreported(self, trial: int, saved: Mapping[int, int]) -> None:
        """Records what a trainer saved with its checkpoints, by seed, and its driver, or it, did not live to tell."""
        for seeds, told in self.checkpoints.take_unreported(trial):
            new = [seed for seed in seeds if len(self.curve(trial, seed)) + 1 == told.epoch <= saved.get(seed, 0)]
            if new:
                with suppress(ValueError):  # an earlier version let a trainer save what cannot be recorded
                    self.set_baseline(told.baseline)
                    part = told.part(seeds, new)
                    of = (trial, new, part.epoch, part.metrics, part.held_s)
                    self.record(*of, evaluation=part.evaluation, gpus=part.gpus, redone=part.redone)
        self._curves.sync()

    @property
    def largest_checkpoint(self) -> int:
        """Bytes of the largest checkpoint that is there or was saved since the study was opened: one run's state."""
        if self._largest is None:
            self._largest = self.checkpoints.usage().largest
        return self._largest

    def look_again(self, trial: int) -> None:
        """Has the checkpoints of a trial looked at again, because its trainer may have saved more than it told."""
        self._done.pop(trial, None)

    def recheck(self, trial: int, seeds: Sequence[int], epoch: int) -> bool:
        """Looks at a trial's checkpoints again; says whether some seed cannot go on from the epoch any more."""
        self._done.pop(trial, None)
        return any(self.done(trial).get(seed, 0) != epoch for seed in seeds)

    def decide(
        self,
        kind: Kind,
        trial: int | None = None,
        rung: int | None = None,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Writes a decision after everything that it rests on, and returns it."""
        self._lease.check()
        self._curves.sync()
        decision = Decision(kind, trial, rung, reason, detail or {}, self._clock())
        self._database.append(len(self.decisions), decision)
        self._apply(decision)
        if decision.kind in ("grow", "retry"):
            self._show_study()
        if changed := [*decision.detail.get("scores", ()), *(() if trial is None else [trial])]:
            self._mirror.changed(*map(int, changed))
            self._mirror.refresh(self.study, self.trials, self._baseline)
        if self._copy is not None:
            self._curves.seal(LAST_STREAM)
            self._copy.changed()
        return decision

    def record(
        self,
        trial: int,
        seeds: Sequence[int],
        epoch: int,
        metrics: Metrics,
        held_s: float = 0.0,
        *,
        evaluation: EvaluationMark = "none",
        gpus: float | None = None,
        redone: Sequence[int] = (),
    ) -> None:
        """Writes one epoch of some seeds of a trial, or what the evaluation after it adds.

        Args:
            trial: Its number.
            seeds: Which seeds.
            epoch: 1-based.
            metrics: By name, one value per seed.
            held_s: Seconds for which the trial held its slot for it. Where trials have GPUs, the column `gpu_seconds`
                keeps each seed's equal share.
            evaluation: What the trainer's evaluation apart from training has to do with these metrics. none: it has
                none; later: it comes after a later epoch; due: after this one; done: this is what it came to, added.
            gpus: How many GPUs it held; None: `resources.gpus_per_trial`.
            redone: How many known epochs were trained again to come to it, one number per seed; empty: none.

        Raises:
            TrainerMistake: If the metrics are not what `metrics_of` takes, or what the study scores is not known.
            ValueError: If an epoch was left out.
            StudyBusy: If another process has taken the study over.
        """
        self._lease.check()
        metrics = metrics_of(metrics, seeds)
        judged = epoch in {rung.epochs for rung in self.ladder(trial)}
        self._runs.refuse_unscored(trial, seeds, epoch, metrics, evaluation, judged=judged)
        held = self.study.resources.gpus if gpus is None else gpus
        metrics = with_own_columns(metrics, seeds, held_s, held, evaluation, redone=redone)
        self._runs.refuse_gap(trial, seeds, epoch)
        self._curves.append(trial, seeds, epoch, metrics)  # first, and if it fails memory is not ahead of the disk
        self._runs.take(trial, seeds, epoch, metrics)
        self._mirror.refresh(self.study, self.trials, self._baseline)

    def saved(self, trial: int, seeds: Sequence[int], epoch: int) -> None:
        """Takes note that a checkpoint of these seeds at this epoch is durable; earlier ones are removed."""
        self._lease.check()
        self._curves.sync()
        self._done[trial] = {**self.done(trial), **dict.fromkeys(seeds, epoch)}
        self._when_copied(partial(self.checkpoints.prune, trial, dict(self._done[trial])))
        if self.checkpoints.folder.disk is not None:
            self._largest = max(self.largest_checkpoint, self.checkpoints.largest(trial))

    def forget(self, trial: int, keep: Collection[int] = ()) -> None:
        """Removes the checkpoints of a trial but those of some seeds; what these seeds trained stays in the curves."""
        self._done[trial] = {seed: epoch for seed, epoch in self.done(trial).items() if seed in keep} if keep else {}
        self._when_copied(partial(self.checkpoints.remove, trial, keep))

    def set_baseline(self, baseline: Mapping[str, float]) -> None:
        """Remembers the constant model's losses; the first trainer to say them is believed."""
        if self._baseline is None:
            said = baseline_of(baseline)
            self._database.set_note("baseline", said)
            self._baseline = said

    def set_in_flight(self, trials: Sequence[int]) -> None:
        """Says which trials are being trained, for those who look at the study from elsewhere."""
        self._database.set_note("in_flight", sorted(trials))

    def close(self, ended: Ending, reason: str = "") -> None:
        """Ends this process's work on the study; where the disk fails it, what it holds is given up all the same.

        Raises:
            Interrupted, StudyStopped: If the database is away; the next process then finds this one killed.
        """
        with self.closing(ended, reason):
            pass

    @contextmanager
    def closing(self, ended: Ending, reason: str = "") -> Iterator[None]:
        """As `close`; what is done inside is there before others see that the work has ended, and how."""
        with ExitStack() as to_do:
            if self._copy is not None:
                to_do.callback(self._copy.finish)
            to_do.callback(self._database.close)
            if not self._lease.given_back:
                free_reserve(self.folder)
                to_do.callback(self._give_back)
                with suppress(StudyBusy):  # then it is no longer this process's to end
                    if not self.lease_lost:
                        self._mirror.flush(self.study, self.trials, self._baseline, over=ended == "finished")
                        self.decide("close", reason=reason, detail={"ended": ended})
                        self.set_in_flight(())
            yield

    def _now(self) -> float:
        return self._clock()

    def _last_holder(self) -> Mapping[str, Any] | None:
        return self._lease.last_holder

    def _give_back(self) -> None:
        try:
            if self._lease.held():
                self._curves.show_each_row_once()
        finally:
            self._lease.release()

    def _when_copied(self, remove: Callable[[], None]) -> None:
        """Removes what is not needed any more; where a copy is kept, once that does not need it either."""
        if self._copy is None:
            remove()
        else:
            self._copy.later(remove)
            self._copy.changed()

    def _show_study(self) -> None:
        """Has `study.yaml` and Optuna's study say what the decisions say."""
        self._mirror.follow(self.study, self.trials)
        write_study(self.study, self.folder)

    def _reconcile(self) -> None:
        """Repairs what a killed process left between two writes."""
        collect_orphans(self.folder, self.checkpoints, len(self.trials))
        self._curves.show_each_row_once()
        if self.sessions and not self.sessions[-1].ended:
            lost = Decision("close", reason="the process was killed", detail={"ended": "lost"}, time=self.last_sign())
            self._database.append(len(self.decisions), lost)
            self._apply(lost)
        set_damaged_study_aside(self.study, self.folder)
        if not (self.folder / "study.yaml").exists() or differences(stored_study(self.folder), self.study):
            self._show_study()
        self._mirror.catch_up(self.study, self.trials, self._baseline)
