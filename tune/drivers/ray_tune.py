"""The Ray driver: Ray Tune is the muscle, the ledger stays the truth.

Each unit of work is one trial of Ray's: Tune starts it on a free slot (in an actor that is reused from one to the
next), and it ends when its last epoch is in the ledger. A promoted trial comes back as a new unit, which loads its
checkpoint like any trial of an interrupted study; so there is one way to continue, and nothing of Tune's own state is
ever needed again. A fresh `Tuner` is made per process.
"""

import errno
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Self, TextIO

import ray
from ray import tune as ray_tune
from ray.train._internal.session import _TrainingResult
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from tune.drivers.job import SCRATCH, Job, log
from tune.drivers.ray_failures import Place, Watch, dump_into, dump_nowhere, every_death_is_an_actors
from tune.drivers.ray_processes import groups_of_their_own
from tune.drivers.ray_recording import SharedRecording, share
from tune.drivers.unit import Manner, News, Report, Unit, Unsaved
from tune.errors import UserMistake
from tune.ledger import Ledger
from tune.optimizer import Work
from tune.study import Study
from tune.trainer import load_trainer

_REPORT_EVERY_S = 1.0
_ANSWER_S = 5.0


class UnitTrainable(ray_tune.Trainable):  # type: ignore[misc] # Ray ships no types
    """Trains one unit of work after another in one actor."""

    def setup(self, config: dict[str, Any], recording: SharedRecording | None = None) -> None:  # noqa: ARG002 - Ray's
        """Ray calls this once per actor; the recording becomes the node's shared copy."""
        assert recording is not None
        self._recording = recording.here()
        self._unit: Unit | None = None
        self._news: Iterator[News] = iter(())
        self._log: TextIO | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray has put it into self.config
        """Ray calls this when the actor is given another unit."""
        self.cleanup()
        return True

    def step(self) -> dict[str, Any]:
        """Trains for about a second, or one epoch if that takes longer; a trainer's death leaves the actor alive.

        The first step only says where the unit is, so that it can be found when nothing more is heard of it.
        """
        if self._unit is None:
            self._unit = self._begin()
            self._news = self._unit.news()
            return {"news": [], "place": Place.here()}
        began, news = time.monotonic(), []
        for item in self._news:
            news.append(item)
            if time.monotonic() - began >= _REPORT_EVERY_S:
                break
        return {"news": news}

    def save(self, checkpoint_dir: str | None = None) -> _TrainingResult:  # noqa: ARG002 - state goes where ours goes
        """Ray calls this when a trial is paused, which is how a study stops gracefully.

        Ray's own would then copy a file to the study folder, which this node need not see, and fail.
        """
        if self._unit is not None:
            self._unit.save()
        return _TrainingResult(ray_tune.Checkpoint(self.logdir), dict(self._last_result or {}))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to do: a unit loads its own state from the study folder."""

    def cleanup(self) -> None:
        """Frees the unit."""
        if self._unit is not None:
            self._unit.close()
        if self._log is not None:
            dump_nowhere(self._log)
        self._unit, self._news, self._log = None, iter(()), None

    def _begin(self) -> Unit:
        for place in self.config["paths"]:
            if place not in sys.path:
                sys.path.append(place)
        work = Work(**{**self.config["work"], "seeds": tuple(self.config["work"]["seeds"])})
        load = partial(load_trainer, self.config["trainer"])
        manner = Manner(**self.config["manner"])
        self._log = dump_into(Path(manner.folder), work.trial)
        return Unit(load, self._recording, work, manner)


class _Unstored:
    """Tune pickles what it is given into its experiment folder, and copies it; over a ledger neither means anything."""

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class LedgerSearcher(_Unstored, Searcher):  # type: ignore[misc] # Ray ships no types
    """Asks the optimizer for work when a slot is free, never earlier: a decision is to know all results there are."""

    def __init__(self, job: Job, settings: Mapping[str, Any], slots: int, watch: Watch) -> None:
        super().__init__(metric="training_iteration", mode="max")
        self._job, self._settings, self._slots, self._watch = job, settings, slots, watch
        self.works: dict[str, Work] = {}
        self.failure: Exception | None = None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Returns the configuration of the next unit, None for not now, FINISHED when the study is over."""
        optimizer = self._job.optimizer
        if self.failure is not None or self._job.should_stop():
            return str(Searcher.FINISHED)
        if len(optimizer.in_flight) >= self._slots:
            return None
        try:
            work = self._job.next_work()
        except Exception as error:  # noqa: BLE001 - Tune would wrap it; it is raised again when trials have ended
            self.failure = error
            return str(Searcher.FINISHED)
        if work is None:
            return None if optimizer.in_flight else str(Searcher.FINISHED)
        self.works[trial_id] = work
        self._watch.handed_out(trial_id, work)
        return {**self._settings, "work": {**asdict(work), "seeds": list(work.seeds)}}

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Nothing to do: the scheduler has put the result into the ledger."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: a new searcher is made over the ledger."""


class LedgerScheduler(_Unstored, FIFOScheduler):  # type: ignore[misc] # Ray ships no types
    """Puts results into the ledger and tells Tune what became of the trial."""

    def __init__(self, job: Job, searcher: LedgerSearcher, watch: Watch) -> None:
        super().__init__()
        self._job, self._searcher, self._watch = job, searcher, watch

    def on_trial_result(self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]) -> str:  # noqa: ARG002 - Ray's signature
        """Records epochs; ends the unit when it is done or dead, pauses it when the study is to stop."""
        job, work = self._job, self._searcher.works[trial.trial_id]
        if "place" in result:
            self._watch.began(trial.trial_id, work, result["place"])
        self._watch.heard(trial.trial_id, [item.held_s for item in result["news"] if isinstance(item, Report)])
        with self._ending_in_order():
            job.take(work, result["news"])
            if work.trial in job.optimizer.in_flight and self._searcher.failure is None and not job.should_stop():
                return str(TrialScheduler.CONTINUE)
        self._watch.ended(trial.trial_id)
        with self._ending_in_order():
            if work.trial not in job.optimizer.in_flight:
                return str(TrialScheduler.STOP)
            job.optimizer.released(work)
        return str(TrialScheduler.PAUSE)

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:  # noqa: ARG002 - Ray's signature
        """Takes note of an actor that died without a word, killed for memory for example.

        When the study is to stop it is no death of the trial's: the signal went to the actor as well.
        """
        work = self._searcher.works[trial.trial_id]
        # Not get_error(), which looks where the file is copied to only later.
        said = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
        death = self._watch.death(trial.trial_id, said)
        if work.trial not in self._job.optimizer.in_flight:
            return
        with self._ending_in_order():
            if self._job.should_stop():
                self._job.optimizer.released(work)
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
        """Returns a unit that waits for a slot; one that was paused is saved by now, and is let go."""
        trials = tune_controller.get_live_trials()
        for trial in [trial for trial in trials if trial.status == RayTrial.PAUSED]:
            tune_controller.stop_trial(trial)
        return next((trial for trial in trials if trial.status == RayTrial.PENDING), None)


@contextmanager
def cluster(study: Study, address: str | None = None) -> Iterator[int]:
    """Connects to Ray, or starts it here for as long as this is entered; entered within itself it is the same Ray.

    Args:
        study: Says what one trial occupies.
        address: Of a running Ray cluster; None starts Ray on this machine.

    Yields:
        How many trials fit at once.

    Raises:
        UserMistake: If the cluster cannot be reached, or has no room for one trial.
    """
    began_here = not ray.is_initialized()
    if began_here:
        _connect(address)
    try:
        yield _slots(study)
    finally:
        if began_here:
            ray.shutdown()


def drive(job: Job, address: str | None = None, recording: SharedRecording | None = None) -> None:
    """Works until the study has no work left or is asked to stop.

    Args:
        job: The study.
        address: Of a running Ray cluster; None starts Ray on this machine for as long as the study runs.
        recording: The job's, on its way to the nodes; None: as `share` finds it.

    Raises:
        UserMistake: If the cluster cannot be reached, or has no room for one trial.
        StudyStopped: If the study cannot go on.
    """
    study, folder = job.optimizer.study, job.optimizer.ledger.folder
    scratch = folder.resolve() / SCRATCH
    with cluster(study, address) as slots:
        _send_to_log(logging.getLogger("ray"))
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)
        watch = Watch(job)
        searcher = LedgerSearcher(job, _settings(job.optimizer.ledger), slots, watch)
        resources = {"cpu": study.resources.cpus_per_trial, "gpu": study.resources.gpus_per_trial}
        shared = recording or share(job.recording, study.recording, joinable=address is not None)
        trainable = ray_tune.with_parameters(UnitTrainable, recording=shared)
        tuner = ray_tune.Tuner(
            ray_tune.with_resources(trainable, resources),
            tune_config=ray_tune.TuneConfig(
                num_samples=-1, search_alg=searcher, scheduler=LedgerScheduler(job, searcher, watch), reuse_actors=True
            ),
            run_config=ray_tune.RunConfig(name="tune", storage_path=str(scratch), verbose=0, callbacks=[watch]),
        )
        try:
            with every_death_is_an_actors():
                tuner.fit()
        except Exception:
            if searcher.failure is None:  # else it is of what came before, such as a full disk
                raise
    if searcher.failure is not None:
        raise searcher.failure


def _send_to_log(theirs: logging.Logger) -> None:
    """Ray's errors belong in the study's log, not over the live view; its warnings miss files that are not wanted."""
    theirs.handlers = list(log.handlers)
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False


def _settings(ledger: Ledger) -> dict[str, Any]:
    return {"trainer": ledger.study.trainer, "manner": asdict(Manner.of(ledger)), "paths": [str(Path.cwd())]}


def _connect(address: str | None) -> None:
    _refuse_silence(address)
    here = {"include_dashboard": False} if address is None else {}
    try:
        # "local", because without an address Ray would join whatever cluster it finds running on this machine.
        with groups_of_their_own():
            ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **here)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserMistake(
            f"--address: Ray on {address or 'this machine'} cannot be used: {first}; a cluster that wants a token "
            "wants its own (RAY_AUTH_TOKEN, or ~/.ray/auth_token), see docs/cluster.md"
        ) from error


def _refuse_silence(address: str | None) -> None:
    """Ray waits for minutes where nobody listens; a look at the port takes seconds."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise UserMistake(
            f"--address: nobody answers at {address}: {error}; give the address that `ray start --head` printed"
        ) from None


def _slots(study: Study) -> int:
    """Returns how many trials fit on the cluster at once."""
    have = ray.cluster_resources()
    asked = {"CPU": study.resources.cpus_per_trial, "GPU": study.resources.gpus_per_trial}
    slots = min(int(have.get(name, 0) / amount) for name, amount in asked.items() if amount)
    if slots < 1:
        wants = " and ".join(f"{amount:g} {name}" for name, amount in asked.items() if amount)
        has = ", ".join(f"{have.get(name, 0):g} {name}" for name in asked)
        raise UserMistake(
            f"resources: one trial asks for {wants}, the cluster has {has}; lower resources.cpus_per_trial or "
            "resources.gpus_per_trial, or give --address of a larger cluster"
        )
    return slots
