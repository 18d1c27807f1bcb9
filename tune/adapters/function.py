"""A function that trains one seed, as a trainer: its seeds side by side, each as if it were alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, ClassVar, cast

from tune.adapters.seed_run import SeedRun
from tune.adapters.train_function import TrainFunction
from tune.trainer import TrainerClass


def function_trainer(function: Callable[..., Any], name: str) -> TrainerClass:
    """Returns the trainer class of a function that yields a mapping of numbers per epoch, for one seed.

    Args:
        function: Takes by name as many as it wants of `config` (a mapping of its own), `seed`, `epochs` (how many there
            are to be in all) and `checkpoint` (a folder that it finds as it left it). Where it has an attribute
            `check_config` or `directions`, that is the trainer's.
        name: `module:attribute`, for messages; the class is called so.

    Raises:
        UserMistake: If it is no function, or needs other arguments.
    """
    module, _, attribute = name.partition(":")
    trained = TrainFunction.of(function, name)
    members: dict[str, Any] = {"_trained": trained, "__module__": module}
    for optional in ("check_config", "directions"):
        if callable(of_function := getattr(function, optional, None)):
            members[optional] = staticmethod(of_function)
    return cast("TrainerClass", type(attribute, (_FunctionTrainer,), members))


class _FunctionTrainer:
    """Keeps the contract of `tune.trainer.Trainer`."""

    _trained: ClassVar[TrainFunction]

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],  # noqa: ARG002 - a function reads its own data
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._at_the_end = ExitStack()
        folders: dict[int, Path] = {}
        if "checkpoint" in self._trained.takes:
            folder = Path(mkdtemp(prefix="latent-tune-"))  # for its user alone
            self._at_the_end.callback(rmtree, folder, ignore_errors=True)
            folders = {seed: folder / f"seed-{seed}" for seed in seeds}
        kept = state or {}
        self._runs = {seed: SeedRun(self._trained, config, seed, folders.get(seed), kept.get(seed)) for seed in seeds}
        for run in self._runs.values():
            self._at_the_end.callback(run.close)

    def train(self, epochs: int) -> Iterator[dict[str, list[Any]]]:
        """Yields one mapping per epoch, from each metric to one number per seed; None where a seed did not tell it."""
        asked = [run.train(run.epoch + epochs) for run in self._runs.values()]
        for rows in zip(*asked, strict=True):
            names = dict.fromkeys(name for row in rows for name in row)
            yield {name: [row.get(name) for row in rows] for name in names}

    def state(self) -> dict[int, Any]:
        """Returns, per seed, its checkpoint folder's files, the epoch that they are of, and its random states."""
        return {seed: run.state() for seed, run in self._runs.items()}

    @classmethod
    def begins_again(cls) -> str:
        """Returns that the function cannot save, where it takes no folder for that."""
        return "" if "checkpoint" in cls._trained.takes else f"function {cls._trained.name} takes no `checkpoint`"

    def trained_again(self) -> dict[int, int]:
        """Returns, per seed, how many known epochs were trained again since this was last asked."""
        return {seed: run.trained_again() for seed, run in self._runs.items()}

    def baseline(self) -> dict[str, float]:
        """Nothing is known of a constant model; `score.baseline` of the study may say what a run must beat."""
        return {}

    def close(self) -> None:
        """Ends the function of each seed where it is, and removes what it kept; all of it, whatever one raises."""
        self._at_the_end.close()
