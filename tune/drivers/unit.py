"""One unit of work in the process that trains it, wherever that is, and what it has to tell."""

import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tune.drivers.exits import holding_exits, is_trainers
from tune.drivers.process_state import TrainersDirectory, limit_threads
from tune.drivers.reports import Death, EpochReport, Evaluation, UnitReport, Unsaved
from tune.errors import StudyStopped, TrainerMistake
from tune.ledger.checkpoints.store import CheckpointStore, UnreportedEpoch
from tune.ledger.curves.history import EvaluationMark, Metrics
from tune.ledger.incoming import MOST_NAMES, baseline_of, counts_of, metrics_of, shown, states_of
from tune.ledger.incoming_arrays import features_of
from tune.ledger.log import log
from tune.ledger.storage.disk_space import caused_by_disk, is_full
from tune.ledger.storage.folders import folder_at, retry_with
from tune.optimizer.work import Work
from tune.scoring.collapse import as_columns, spectrum
from tune.study.node import for_trainer
from tune.trainer import Trainer, TrainerClass, hook

if TYPE_CHECKING:
    from tune.ledger.ledger import Ledger

_PATIENCE_S = 240.0
"""Less than `resources.stall_after` is by default: who waits for an object store tells nothing meanwhile."""


@dataclass(frozen=True)
class TrainingSettings:
    """How units of a study are trained, wherever they are.

    Attributes:
        folder: The study's, or the training's; other machines may not see it.
        checkpoints: Path or URI of where state is kept.
        every: Epochs between checkpoints; None for the last epoch of a unit only.
        threads: How many threads a training uses; the same everywhere, because float sums depend on it.
        gpus: How many GPUs a unit holds.
        mark: The random word that lies beside the checkpoints; None: it is not looked for.
        patience_s: Seconds for which an object store that does not answer is waited for.
    """

    folder: str
    checkpoints: str
    every: int | None
    threads: int
    gpus: float = 0.0
    mark: str | None = None
    patience_s: float = 0.0

    @classmethod
    def of(cls, ledger: "Ledger") -> Self:
        """Returns the settings that a study asks for."""
        study, store = ledger.study, ledger.checkpoints
        setting = study.storage.checkpoints
        every = setting if isinstance(setting, int) else {"every_epoch": 1, "every_rung": None}[setting]
        patience_s = min(_PATIENCE_S, (study.resources.stall_after or inf) / 2)
        folder, disk = str(ledger.folder.resolve()), store.folder.disk
        place = store.folder.place if disk is None else str(disk.resolve())
        return cls(folder, place, every, study.resources.threads, study.resources.gpus, store.mark(), patience_s)


class Unit:
    """One unit of work in the process that trains it.

    Args:
        load: Returns the trainer's class, importing it where that is still to be done.
        recording: What the trainer is given.
        work: What to train.
        settings: How.
    """

    def __init__(
        self, load: Callable[[], TrainerClass], recording: Mapping[str, Any], work: Work, settings: TrainingSettings
    ) -> None:
        self.work = work
        self._load, self._recording, self._settings = load, recording, settings
        retry = retry_with(settings.checkpoints, give_up_s=settings.patience_s)
        self._checkpoints = CheckpointStore(folder_at(settings.checkpoints, retry))
        self._trainer: Trainer | None = None
        self._name = ""
        self._epoch = work.from_epoch
        self._told: list[UnreportedEpoch] = []  # since the latest checkpoint
        self._unsaved = False
        self._directory = TrainersDirectory()

    def news(self) -> Iterator[UnitReport]:
        """Trains; yields each epoch after its checkpoint, where one is due, is durable, then the evaluation.

        Or the trainer's death. A unit whose epochs are all done is only evaluated.
        """
        training = self._train()
        with closing(training):
            while (item := self._next(training)) is not None:
                yield item

    def _next(self, training: Iterator[UnitReport]) -> UnitReport | None:
        """Returns what there is to tell next, None at the end; whatever a trainer raises is a dead trial, and data."""
        try:
            with holding_exits(), self._directory.entered():
                return next(training, None)
        except _NotSaved as error:
            return Unsaved.of(error.__cause__ or error)
        except BaseException as error:
            if not is_trainers(error):
                raise
            self._unsaved = False  # some seeds may be further than others, and none where the checkpoint would say
            return Unsaved.of(error) if is_full(error) or isinstance(error, StudyStopped) else Death.of(error)

    def save(self) -> Death | None:
        """Makes the state at the present epoch durable, and what the epochs up to it came to.

        Nothing is done where it is durable already, or where the trainer died in the middle of an epoch.

        Returns:
            The trainer's death, if it has no state that can be saved.

        Raises:
            OSError, StudyStopped: If the disk or object store takes nothing.
        """
        try:
            with holding_exits(), self._directory.entered():
                self._save()
        except _NotSaved as error:
            raise (error.__cause__ or error) from None
        except BaseException as error:
            self._unsaved = False
            if not is_trainers(error) or is_full(error):
                raise
            return Death.of(error)
        return None

    def close(self) -> None:
        """Frees what the trainer holds; what that raises changes nothing of what was trained."""
        if self._trainer is None:
            return
        try:
            with holding_exits(), self._directory.entered():
                self._trainer.close()
        except BaseException as error:
            if not is_trainers(error):
                raise
            log.warning("trial %d: close() of %s: %s", self.work.trial, self._name, Death.of(error).cause)

    def _save(self) -> None:
        if self._trainer is not None and self._unsaved:
            given = self._trainer.state()  # what that raises is the trainer's own, an error of files as well
            try:
                with self._handed_over("state()"):
                    states = states_of(given, self.work.seeds)
                    self._checkpoints.save(self.work.trial, self._epoch, states, self._told)
            except Exception as error:
                if caused_by_disk(error) or isinstance(error, StudyStopped):
                    raise _NotSaved from error
                raise
            self._told.clear()
            self._unsaved = False

    def _train(self) -> Generator[UnitReport]:
        held_since = time.monotonic()
        work, every = self.work, self._settings.every
        if self._settings.mark is not None:
            self._checkpoints.refuse_other(self._settings.mark, f"node {socket.gethostname()}")
        state = self._checkpoints.load(work.trial, work.from_epoch, work.seeds) if work.from_epoch else None
        trainer = self._load()
        if (for_trial := hook(trainer, "for_trial")) is not None:
            trainer = for_trial(work.trial, Path(self._settings.folder))
        self._name = _name_of(trainer)
        limit_threads(self._settings.threads)
        self._trainer = trainer(for_trainer(work.configuration), self._recording, list(work.seeds), state)
        limit_threads(self._settings.threads)  # it may have loaded PyTorch only now, which knows the machine's cores
        said = self._trainer.baseline()
        with self._handed_over("baseline()"):
            baseline = baseline_of(said)
        evaluate = getattr(self._trainer, "evaluate", None)
        for metrics in self._rows(self._trainer):
            due = self._epoch == work.to_epoch or (every is not None and self._epoch % every == 0)
            redone = self._trained_again(self._trainer)
            told = self._as_told(metrics, time.monotonic() - held_since, baseline, evaluate is not None)
            self._told.append(replace(told, redone=redone))
            self._unsaved = True
            if due:
                self._save()
            of_features, featureless = self._measure_features()
            now, gpus = time.monotonic(), self._settings.gpus
            with_features = {**of_features, **metrics}
            held_s, evaluates = now - held_since, evaluate is not None
            yield EpochReport(self._epoch, with_features, due, baseline, held_s, evaluates, gpus, featureless, redone)
            held_since = now
        if evaluate is not None:
            try:
                given = evaluate()
                with self._handed_over("evaluate()"):
                    metrics = metrics_of(given, work.seeds)
            except BaseException as error:
                if not is_trainers(error):
                    raise
                yield Death.of(error, "evaluation")
            else:
                yield Evaluation(self._epoch, metrics, time.monotonic() - held_since, self._settings.gpus)

    def _measure_features(self) -> tuple[Metrics, Death | None]:
        """Returns after the last epoch how far the trainer's features have collapsed; or what kept it from saying.

        It is asked when the state is durable. A process that dies of it has lost this row of the features alone: the
        epoch was saved with its metrics.
        """
        features = getattr(self._trainer, "features", None)
        if features is None or self._epoch != self.work.to_epoch:
            return {}, None
        try:
            given = features()
            with self._handed_over("features()"):
                by_seed = features_of(given, self.work.seeds)
            return as_columns([spectrum(of_seed) for of_seed in by_seed.values()]) if by_seed else {}, None
        except BaseException as error:
            if not is_trainers(error):
                raise
            return {}, Death.of(error)

    def _rows(self, trainer: Trainer) -> Iterator[dict[str, list[float | None]]]:
        """Has the trainer train, and yields the metrics of each epoch; what it yields beyond the last is not asked for.

        Another epoch would change the state that is to be evaluated.
        """
        names: set[str] = set()
        left = self.work.to_epoch - self._epoch
        given: Any = trainer.train(left) if left else ()
        with self._handed_over("train()"):
            if not isinstance(given, Iterable):
                raise TrainerMistake(f"must yield one mapping per epoch, got {shown(given)}")
        rows = iter(given)
        while self._epoch < self.work.to_epoch:
            try:
                row = next(rows)
            except StopIteration:
                with self._handed_over("train()"):
                    trained = left - self.work.to_epoch + self._epoch
                    raise TrainerMistake(
                        f"ended after {trained} of {left} epochs; train(epochs) must yield one mapping per epoch"
                    ) from None
            self._epoch += 1
            with self._handed_over("train()"):
                metrics = metrics_of(row, self.work.seeds)
                names.update(metrics)
                if len(names) > MOST_NAMES:
                    raise TrainerMistake(f"at most {MOST_NAMES} metrics, of the same names in every epoch; got more")
            yield metrics

    def _trained_again(self, trainer: Trainer) -> list[int]:
        """Returns how many known epochs a trainer trained again since the latest row, by seed; empty where none."""
        if (count := getattr(trainer, "trained_again", None)) is None:
            return []
        given = count()
        with self._handed_over("trained_again()"):
            counts = counts_of(given, self.work.seeds)
        return counts if any(counts) else []

    @contextmanager
    def _handed_over(self, method: str) -> Iterator[None]:
        """Says of what cannot be taken by which trainer's method, and when, it was handed over."""
        try:
            yield
        except TrainerMistake as error:
            raise TrainerMistake(f"{method} of trainer {self._name}, epoch {self._epoch}: {error}") from error.__cause__

    def _as_told(
        self, metrics: Metrics, held_s: float, baseline: Mapping[str, float], evaluates: bool
    ) -> UnreportedEpoch:
        after = evaluation_after(evaluates, self._epoch, self.work)
        return UnreportedEpoch(self._epoch, metrics, held_s, after, baseline, self._settings.gpus)


def evaluation_after(evaluates: bool, epoch: int, work: Work) -> EvaluationMark:
    """Returns what a trainer's evaluation has to do with an epoch of its training."""
    if not evaluates:
        return "none"
    return "due" if epoch == work.to_epoch else "later"


def _name_of(trainer: TrainerClass) -> str:
    return f"{getattr(trainer, '__module__', '?')}:{getattr(trainer, '__qualname__', trainer)}"


class _NotSaved(Exception):  # noqa: N818 - never seen outside
    """A checkpoint could not be written; its cause is why."""
