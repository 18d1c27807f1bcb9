"""A program as a trainer: a process per seed, side by side, or one for all."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tune.adapters.program.command import refuse_missing
from tune.adapters.program.config_file import ConfigFile
from tune.adapters.program.plan import Plan
from tune.adapters.program.run import Run
from tune.study.program.section import Program
from tune.trainer import TrainerClass

_LOOK_S = 0.02
_LONGEST_NAME = 60


class ProgramTrainer:
    """Trains some seeds of one configuration by a program; see `tune.trainer.Trainer`.

    Its state, by seed: `epoch`, how many are done; where the program goes on from a checkpoint also `files`, the
    content of its folder by relative path, `first`, the number of its first epoch, and `rows`, what it told of later
    epochs.

    Args:
        config: The parameters.
        recording: Not looked at: a program reads its data itself.
        seeds: Which repeats.
        state: By seed, what `state` returned; None to begin at epoch 0.
    """

    plan: ClassVar[Plan]

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],  # noqa: ARG002 - part of the contract
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._seeds = list(seeds)
        self._woken = threading.Event()
        plan = replace(self.plan, config=dict(config))
        together = [self._seeds] if plan.program.together else [[seed] for seed in self._seeds]
        self._runs = [Run(plan, some, state, self._woken) for some in together]
        self._epoch = max((int(one["epoch"]) for one in (state or {}).values()), default=0)

    def train(self, epochs: int) -> Iterator[dict[str, list[Any]]]:
        """Yields an epoch once all seeds have told it; the last one once their processes have ended.

        Raises:
            ProgramFailed: If a process ended with an error.
            TrainerMistake: If a program told something else than it was to.
        """
        done, to = self._epoch, self._epoch + epochs
        for run in self._runs:
            run.begin(done, to)
        for epoch in range(done + 1, to + 1):
            self._wait_for(epoch)
            self._epoch = epoch
            yield self._row(epoch)

    def state(self) -> dict[int, Any]:
        """Returns by seed what it needs to go on; a program that runs stands still while its files are read."""
        return {seed: one for run in self._runs for seed, one in run.state(self._epoch).items()}

    @classmethod
    def begins_again(cls) -> str:
        """Returns that the program cannot save, where it is told no folder for that."""
        return "" if cls.plan.program.resumes else "program.command has no {checkpoint}"

    def trained_again(self) -> dict[int, int]:
        """Returns, per seed, how many known epochs were trained again since this was last asked."""
        return {seed: count for run in self._runs for seed, count in run.trained_again().items()}

    def baseline(self) -> dict[str, float]:
        """Returns nothing: what a model that has learned nothing reaches, a program does not say."""
        return {}

    def close(self) -> None:
        """Ends all processes, within the grace, and removes what is scratch."""
        for run in self._runs:
            run.terminate()
        while any([run.insist() for run in self._runs]):  # noqa: C419 - each is to be asked
            self._woken.clear()
            self._woken.wait(_LOOK_S)
        for run in self._runs:
            run.close()

    def _wait_for(self, epoch: int) -> None:
        while True:
            self._woken.clear()
            for run in self._runs:
                run.look()
            if all(run.ready(epoch) for run in self._runs):
                return
            self._woken.wait(_LOOK_S)  # files tell nobody that they were written

    def _row(self, epoch: int) -> dict[str, list[Any]]:
        names = list(dict.fromkeys(name for run in self._runs for name in run.metrics))
        rows = [run.row(seed, epoch) for run in self._runs for seed in run.seeds]
        return {name: [row.get(name) for row in rows] for name in names}


def program_trainer(program: Program, study_name: str) -> TrainerClass:
    """Returns a program of a study as a trainer.

    Args:
        program: The section of the study; the working directory is the folder of the study file.
        study_name: Its name.

    Raises:
        UserMistake: If the program is not there, or the file of its configuration cannot be read.
    """
    refuse_missing(program)
    file = ConfigFile(Path(program.config.file)) if program.config is not None else None
    return _trainer_of(Plan(program, study_name, file))


def _trainer_of(planned: Plan) -> TrainerClass:
    """Returns the class that trains by a plan."""

    class Trainer(ProgramTrainer):
        plan = planned

        @staticmethod
        def check_config(config: Mapping[str, Any]) -> dict[str, str]:
            return planned.mistakes(config)

        @staticmethod
        def for_trial(trial: int, folder: Path) -> TrainerClass:
            return _trainer_of(replace(planned, trial=trial, folder=folder))

    Trainer.__module__, Trainer.__qualname__ = "program", planned.program.in_words[:_LONGEST_NAME]
    return Trainer
