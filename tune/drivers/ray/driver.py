"""The Ray driver: Ray Tune trains, the ledger stays the truth.

Each unit of work is one trial of Ray's: Tune starts it on a free slot (in an actor that is reused from one to the
next), and it ends when its last epoch is in the ledger. A promoted trial comes back as a new unit, which loads its
checkpoint like any trial of an interrupted study; so there is one way to continue, and nothing of Tune's own state is
ever needed again. A fresh `Tuner` is made per process.
"""

import errno
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from pyarrow.fs import LocalFileSystem
from ray import tune as ray_tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from tune.drivers.job import SCRATCH, Job
from tune.drivers.ray.actor import UnitTrainable
from tune.drivers.ray.bound_units import BoundUnits
from tune.drivers.ray.cluster_state import ClusterStateWriter
from tune.drivers.ray.connection import cluster
from tune.drivers.ray.moves import Moves
from tune.drivers.ray.nodes import Nodes, request
from tune.drivers.ray.packing import gpu_slots
from tune.drivers.ray.patches import patched
from tune.drivers.ray.placement import AnySlot, PackedOnGpus, Placement
from tune.drivers.ray.recording import SharedRecording, share_recording
from tune.drivers.ray.stragglers import Stragglers
from tune.drivers.ray.watch import Watch
from tune.drivers.reports import Death, EpochReport, UnitReport, Unsaved
from tune.drivers.unit import TrainingSettings
from tune.ledger.cluster_state import forget
from tune.ledger.ledger import Ledger
from tune.ledger.log import log
from tune.optimizer.work import Work
from tune.study.node import accelerators
from tune.study.user_code import user_path


class _Unstored:
    """Tune pickles what it is given into its experiment folder, and copies it; over a ledger neither means anything."""

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class LedgerSearcher(_Unstored, Searcher):  # type: ignore[misc] # Ray ships no types
    """Asks the optimizer for work when a slot is free, never earlier: a decision is to know all results there are."""

    def __init__(self, job: Job, settings: Mapping[str, Any], placement: Placement, watch: Watch, moves: Moves) -> None:
        super().__init__(metric="training_iteration", mode="max")
        self._job, self._settings, self._placement = job, settings, placement
        self._watch, self._moves = watch, moves
        self.works: dict[str, Work] = {}
        self.failure: Exception | None = None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Returns the configuration of the next unit, None for not now, FINISHED when the study is over."""
        if self.failure is not None or self._job.should_stop():
            return str(Searcher.FINISHED)
        if not self._placement.reserve(trial_id):
            self._moves.wanted()
            return None
        try:
            placed = self._placement.place(trial_id, self._more)
        except Exception as error:  # noqa: BLE001 - Tune would wrap it; it is raised again when trials have ended
            self.failure = error
            return str(Searcher.FINISHED)
        if placed is None:
            self.ended(trial_id)
            if self._placement.movable:
                self._moves.unwanted()
            return None if self._job.optimizer.in_flight else str(Searcher.FINISHED)
        self._moves.wanted()
        work = placed.work
        self.works[trial_id] = work
        self._watch.handed_out(trial_id, work)
        settings = self._settings["settings"]
        return {
            **self._settings,
            "settings": settings if placed.gpus is None else {**settings, "gpus": placed.gpus},
            "asked": placed.asked,
            "avoid": self._moves.avoided(work) if self._placement.movable else [],
            "work": {**asdict(work), "seeds": list(work.seeds)},
        }

    def _more(self) -> Work | None:
        return self._job.next_work(max(self._placement.slots, self._job.busy + 1))  # nodes may have left meanwhile

    def ended(self, trial_id: str, *, out_of_memory: bool = False) -> None:
        """Takes note that a unit holds its slot no more."""
        self._placement.ended(trial_id, out_of_memory=out_of_memory)

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Nothing to do: the scheduler has put the result into the ledger."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: a new searcher is made over the ledger."""


class LedgerScheduler(_Unstored, FIFOScheduler):  # type: ignore[misc] # Ray ships no types
    """Puts results into the ledger and tells Tune what became of the trial."""

    def __init__(self, job: Job, searcher: LedgerSearcher, watch: Watch, moves: Moves) -> None:
        super().__init__()
        self._job, self._searcher, self._watch, self._moves = job, searcher, watch, moves

    def on_trial_result(self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]) -> str:  # noqa: ARG002 - Ray's signature
        """Records epochs; ends the unit when it is done or dead, pauses it when it is to move or the study to stop."""
        job, work = self._job, self._searcher.works[trial.trial_id]
        if "place" in result:
            self._watch.found(trial, result["place"])
        self._watch.heard(trial.trial_id, [item.held_s for item in result["news"] if isinstance(item, EpochReport)])
        with self._ending_in_order():
            job.take(work, result["news"])
            if job.trains(work) and self._searcher.failure is None and not job.should_stop():
                return str(TrialScheduler.PAUSE if self._moves.away(trial.trial_id, work) else TrialScheduler.CONTINUE)
        self._watch.ended(trial.trial_id)
        with self._ending_in_order():
            self._searcher.ended(trial.trial_id, out_of_memory=_ran_out_of_memory(result["news"]))
            if not job.trains(work):
                return str(TrialScheduler.STOP)
            job.released(work)
        return str(TrialScheduler.PAUSE)

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:  # noqa: ARG002 - Ray's signature
        """Takes note of an actor that died without a word, killed for memory for example.

        When the study is to stop it is no death of the trial's: the signal went to the actor as well.
        """
        work = self._searcher.works[trial.trial_id]
        self._moves.left(trial.trial_id)
        # Not get_error(), which looks where the file is copied to only later.
        said = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
        death = self._watch.death(trial.trial_id, said)
        with self._ending_in_order():
            self._searcher.ended(trial.trial_id, out_of_memory=death.kind == "out_of_memory")
            if not self._job.trains(work):
                return
            if self._job.should_stop():
                self._job.released(work)
            else:
                full = any(os.strerror(code) in said for code in (errno.ENOSPC, errno.EDQUOT))
                self._job.take(work, [Unsaved(True, death.cause, said) if full else death])

    @contextmanager
    def _ending_in_order(self) -> Iterator[None]:
        """A ledger that cannot be written ends the study, and Tune in order: the other trials are saved first."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - Tune would wrap it; it is raised again when trials have ended
            self._searcher.failure = self._searcher.failure or error

    def choose_trial_to_run(self, tune_controller: TuneController) -> RayTrial | None:
        """Returns a unit that waits for a slot; one that was paused is saved by now, and is let go.

        So is one whose only other nodes have gone while it waited to move there.
        """
        trials = list(tune_controller.get_live_trials())
        for trial in trials:
            if trial.status == RayTrial.PAUSED:
                moving = self._moves.left(trial.trial_id) is not None
            elif trial.status == RayTrial.PENDING and trial.config["avoid"]:
                moving = not self._moves.possible(trial.config["avoid"])
            else:
                continue
            if moving:
                self._hand_back(trial.trial_id)
            if moving or trial.status == RayTrial.PAUSED:
                tune_controller.stop_trial(trial)
        return next((trial for trial in trials if trial.status == RayTrial.PENDING), None)

    def _hand_back(self, trial_id: str) -> None:
        """Has the work of a unit handed out again, from where it was saved."""
        work = self._searcher.works[trial_id]
        self._watch.ended(trial_id)
        with self._ending_in_order():
            self._searcher.ended(trial_id)
            self._job.optimizer.ledger.look_again(work.trial)
            self._job.released(work)


def _ran_out_of_memory(news: Sequence[UnitReport]) -> bool:
    return any(isinstance(item, Death) and item.kind == "out_of_memory" for item in news)


def drive(job: Job, address: str | None = None, recording: SharedRecording | None = None) -> None:
    """Works until the study has no work left or is asked to stop.

    Args:
        job: The study.
        address: Of a running Ray cluster; None starts Ray on this machine for as long as the study runs.
        recording: The job's, on its way to the nodes; None: as `share_recording` finds it.

    Raises:
        UserMistake: If the cluster cannot be reached, or no node of it has room for one trial.
        StudyStopped: If the study cannot go on.
    """
    study, folder = job.optimizer.study, job.optimizer.ledger.folder
    scratch = folder.resolve() / SCRATCH
    with cluster(study, address) as nodes:
        _send_to_log(logging.getLogger("ray"))
        shared = recording or share_recording(job.recording, study.recording, joinable=address is not None)
        placement = _placement(job, nodes, shared)
        # Of slots that join later so many start at once.
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(placement.slots)
        stragglers = Stragglers()
        watch = Watch(job, nodes, stragglers)
        moves = Moves(nodes, stragglers, lambda: watch.resting)
        searcher = LedgerSearcher(job, _settings(job.optimizer.ledger), placement, watch, moves)
        sent = None if job.by_name else job.trainer
        trainable = ray_tune.with_parameters(UnitTrainable, recording=shared, trainer=sent)
        tuner = ray_tune.Tuner(
            ray_tune.with_resources(trainable, request),
            tune_config=ray_tune.TuneConfig(
                num_samples=-1,
                search_alg=searcher,
                scheduler=LedgerScheduler(job, searcher, watch, moves),
                reuse_actors=True,
            ),
            run_config=ray_tune.RunConfig(
                name="tune",
                storage_path=str(scratch),
                storage_filesystem=LocalFileSystem(),  # else Ray takes a path with `?` or `%` for a URI
                verbose=0,
                callbacks=[watch, ClusterStateWriter(watch, nodes, folder)],
            ),
        )
        try:
            with patched():
                tuner.fit()
        except Exception:
            if searcher.failure is None:  # else it is of what came before, such as a full disk
                raise
        finally:
            for work in placement.hand_back():
                job.released(work)
            forget(folder)
    if searcher.failure is not None:
        raise searcher.failure


def _placement(job: Job, nodes: Nodes, recording: SharedRecording) -> Placement:
    """Returns how units are placed on the nodes, as the study says."""
    if accelerators(job.optimizer.study):
        return BoundUnits(nodes)
    gpus = gpu_slots(job, nodes, recording)
    return AnySlot(nodes, lambda: job.busy) if gpus is None else PackedOnGpus(gpus, job.optimizer.ledger)


def _send_to_log(theirs: logging.Logger) -> None:
    """Ray's errors belong in the study's log, not over the live view; its warnings miss files that are not wanted."""
    theirs.handlers = list(log.handlers)
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False


def _settings(ledger: Ledger) -> dict[str, Any]:
    return {
        "study": ledger.study.model_dump_json(by_alias=True),
        "settings": asdict(TrainingSettings.of(ledger)),
        "paths": user_path(),
    }
