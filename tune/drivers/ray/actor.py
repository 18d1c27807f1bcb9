"""What runs in an actor of Ray's: a trainable that trains one unit of work after another.

Every actor imports this before it can begin, so nothing is imported here that only the driver needs.
"""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ray import tune as ray_tune
from ray.train._internal.session import _TrainingResult

from tune.adapters.loading import load
from tune.drivers.ray.actor_process import ActorProcess, dump_into, dump_nowhere
from tune.drivers.ray.recording import SharedRecording
from tune.drivers.reports import UnitReport
from tune.drivers.unit import TrainingSettings, Unit
from tune.optimizer.work import Work
from tune.study.study import Study
from tune.study.user_code import run_in
from tune.trainer import TrainerClass

_REPORT_EVERY_S = 1.0


class UnitTrainable(ray_tune.Trainable):  # type: ignore[misc] # Ray ships no types
    """Trains one unit of work after another in one actor."""

    def setup(
        self,
        config: dict[str, Any],  # noqa: ARG002 - Ray's
        recording: SharedRecording | None = None,
        trainer: TrainerClass | None = None,
    ) -> None:
        """Ray calls this once per actor.

        Args:
            config: Of the first unit; Ray has it in `self.config`.
            recording: Becomes the node's shared copy.
            trainer: The class, where it cannot be imported by the name that the study has.
        """
        assert recording is not None
        # Ray's own handler raises SystemExit wherever Python happens to be, as if the trainer had: a batch system that
        # ends every process of a job would be taken for a mistake in the trainer.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # likewise; so a KeyboardInterrupt is of the trainer's own making
        os.environ.setdefault("PL_DISABLE_FORK", "1")  # as Tune would, see `_in_processes_that_wait` in ray_tune
        self._recording, self._trainer = recording.here(), trainer
        self._told_place = False
        self._unit: Unit | None = None
        self._news: Iterator[UnitReport] = iter(())
        self._log: TextIO | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray has put it into self.config
        """Ray calls this when the actor is given another unit."""
        self.cleanup()
        return True

    def step(self) -> dict[str, Any]:
        """Trains for about a second, or one epoch if that takes longer; a trainer's death leaves the actor alive.

        The first step of an actor only says where it is, so that it can be found when nothing more is heard of it.
        """
        if not self._told_place:
            self._told_place = True
            return {"news": [], "place": ActorProcess.here()}
        if self._unit is None:
            self._unit = self._begin()
            self._news = self._unit.news()
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
        death = self._unit.save() if self._unit is not None else None
        if death is not None:
            raise RuntimeError(death.text)
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
        run_in(self.config["paths"])
        work = Work(**{**self.config["work"], "seeds": tuple(self.config["work"]["seeds"])})
        sent, study = self._trainer, self.config["study"]
        trainer = partial(load, Study.model_validate_json(study)) if sent is None else lambda: sent
        settings = TrainingSettings(**self.config["settings"])
        self._log = dump_into(Path(settings.folder), work.trial)
        return Unit(trainer, self._recording, work, settings)
