"""The seam: what a trainer is, and how one is found by `module:Class`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import getattr_static
from pathlib import Path
from typing import Any, Protocol, cast, get_args

from tune.errors import RecordingMistake, UserMistake
from tune.study.direction import settled
from tune.study.sections import Direction
from tune.study.trained_by import TRAINER
from tune.study.user_code import find_module, import_module


class Trainer(Protocol):
    """Trains some seeds of one configuration side by side.

    How its state evolves: `Trainer(config, recording, seeds, None)` → `train(3)` yields epochs 1, 2, 3 → `state()` →
    `Trainer(config, recording, seeds, that state)` → `train(2)` yields epochs 4, 5, the same as if never stopped.

    Args:
        config: One flat mapping: the study's fixed values overlaid with the trial's parameters.
        recording: The study's recording as it stands; or what `prepare_recording` made of it, where there is one.
        seeds: Which repeats.
        state: By seed, what `state()` returned; None to begin at epoch 0.

    A class may also have these static methods, which the tuner uses when they are there:

    - `prepare_recording(recording) -> Mapping`: called once per node before anything trains; what it returns (NumPy
      arrays in a mapping, say) is shared by all trials of the node without a copy. ValueError and OSError are the
      user's mistakes.
    - `describe_recording(recording) -> Sequence[str]`: lines for people of what `prepare_recording` made: first what
      was read, such as "900 rows x 12 neurons, float32, from a.parquet", then what may be wrong with it.
    - `check_config(config) -> Mapping[str, str]`: a message for each mistaken key, before anything trains. Where it
      takes a second argument it is asked again with the recording as prepared: a batch may be larger than that. It is
      asked about every setting before it becomes a trial; another is drawn for one refused.
    - `splits(recording) -> Mapping[str, array]`: of the recording as prepared, the rows `[rows, ...]` for training,
      validation and test by these names, in this order: whatever tells one sample from another, real numbers in arrays
      or tensors. A check looks whether rows of one lie in another, see `tune.scoring.overlaps`.
    - `for_trial(trial: int, folder: Path) -> type`: the class to be constructed for a trial of the study in a folder,
      for those who write logs of their own; a node may not see the folder.

    - `directions() -> Mapping[str, str]`: of metrics of which it is known, `minimize` or `maximize`, so that a study
      need not say which values are better. What is said of `name` holds for `name@anything` too: the same metric of
      another recording.
    - `begins_again() -> str`: why a run that is to train longer begins at its first epoch again, for the plan; "" where
      it goes on.

    And these methods:

    - `evaluate() -> Mapping[str, Any]`: metrics of the state as it is, like those of an epoch, under
      names of their own. Called when the state after the last epoch of a unit is durable, so that a mistake in it costs
      no training: a trial goes on without them (`latent-tune evaluate` tries again), or evaluates again when the
      study scores one of them; then `train` need not yield it.
    - `features()`: what the model makes of validation samples, say the layer before its last, an array or tensor
      `[samples, dimensions]` of real numbers per seed: a sequence in the order of `seeds`, an array of three
      dimensions, or a mapping by seed; None where there are none. Asked for when the state after the last epoch of a
      unit is durable, before `evaluate`; it must not change what is trained on. The curves get, in the row of that
      epoch, `effective_rank`, `effective_rank_share`, `feature_variance` and `feature_cosine` (`COLUMNS` in
      `tune.scoring.collapse`), but for those that `train` yields itself. A mistake in it costs these figures alone.
      A few thousand samples are enough: several times as many as dimensions.
    - `trained_again() -> Mapping[int, int]`: by seed, how many epochs that were yielded before, by it or by whoever had
      its state, were trained again since this was last asked; asked after each row. A trainer whose state is not
      enough to go on from says so, and the study counts them as redone.
    - `profile(trace: Path) -> Mapping`: trains a little, writes a Chrome trace to the path, and returns figures by
      name, each a number or a mapping of names to numbers, units in the names. `latent-tune train --profile` uses it
      on a trainer that it then throws away.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None: ...

    def train(self, epochs: int) -> Iterator[Mapping[str, Any]]:
        """Yields one mapping per epoch, from the name of each metric to one number per seed.

        The numbers may be a sequence, an array or a tensor in the order of `seeds`, or a mapping by seed; where there
        is one seed, a number alone. None is for what is not known, nan and infinities for what diverged. What the study
        scores is in every epoch; where it is None, it counts as it was last known, and by the end of each rung it must
        be known once. Names are texts that can be seen; `trial`, `seed`, `epoch`, `gpu_seconds`, `evaluated` and
        `epochs_redone` are the tuner's own. Epochs beyond those asked for are not taken.
        """
        ...

    def state(self) -> Mapping[int, Any]:
        """Returns, per seed, enough to continue exactly; asked for between two epochs.

        It may hold numbers, text, bytes, None, lists, tuples, sets and dicts of such, NumPy arrays and numbers, and
        torch tensors, and is given back the same.
        """
        ...

    def baseline(self) -> Mapping[str, float]:
        """Returns losses of the constant model by metric; a loss at or above it is a failed seed.

        Those that are None or not finite, or left out, are not known.
        """
        ...

    def close(self) -> None:
        """Frees what is held."""
        ...


TrainerClass = Callable[..., Trainer]

METHODS = ("train", "state", "baseline", "close")
"""What a trainer class must have."""

MAIN = "__main__:"
"""How the name of what a script or notebook defines begins."""

LOOP = "latent_tune:ask_tell"
"""What a study names as its trainer that a loop of its user's trains."""

ConfigCheck = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Says by key what is wrong with a configuration; nothing where it can be trained."""


def load_trainer(name: str) -> TrainerClass:
    """Imports a trainer class, see `tune.study.user_code` for where from.

    Args:
        name: `package.module:Class`.

    Raises:
        UserMistake: If it cannot be imported or is no trainer.
    """
    return cast("TrainerClass", _load(name, "trainer", METHODS))


def load_function(name: str, *, ours: bool = False) -> Callable[..., Any]:
    """Imports a function by `package.module:function`.

    Args:
        name: Where it is.
        ours: Whether it is of the built-in model, whatever lies in the working directory.

    Raises:
        UserMistake: If it cannot be imported.
    """
    return cast("Callable[..., Any]", _load(name, "function", (), ours=ours))


def source_of(name: str) -> Path | None:
    """Returns the file of the module that a trainer is in, which is not run for it; None where none can be found.

    Args:
        name: `package.module:Class`.
    """
    if name.startswith(MAIN):  # of another process than this
        return None
    try:
        spec = find_module(name.partition(":")[0], ours=name == TRAINER)
    except (Exception, SystemExit):  # noqa: BLE001 - the packages around it are run; `load_trainer` says what is wrong
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None and spec.has_location else None


def _load(name: str, what: str, methods: Sequence[str], *, ours: bool = False) -> object:
    module, _, attribute = name.partition(":")
    here = Path.cwd()
    if name == LOOP:
        raise UserMistake(
            f"{what}: a loop of your own trains this study; go on with that: with latent_tune.ask_tell(study, folder)"
        )
    try:
        found = getattr(import_module(module, ours=ours or name == TRAINER), attribute)
    except AttributeError:
        if name.startswith(MAIN):
            raise UserMistake(
                f"{what}: {attribute} was defined in a notebook or script, and cannot be imported from elsewhere (got "
                f"{name!r}); go on there: latent_tune.resume(folder, trainer={attribute})"
            ) from None
        raise UserMistake(f"{what}: module '{module}' has no '{attribute}' (got {name!r})") from None
    except (Exception, SystemExit) as error:  # a script without a main guard may leave, which looked like success
        cause = f"{type(error).__name__}: {error}"
        raise UserMistake(
            f"{what}: '{module}' cannot be imported from {here}: {cause}; write package.module:Class, got {name!r}"
        ) from error
    refuse_lacking(found, methods, f"{what}: {name}")
    return cast("object", found)


def refuse_lacking(found: object, methods: Sequence[str], who: str) -> None:
    """Raises UserMistake if something, which is called so, lacks methods."""
    missing = [method for method in methods if not callable(getattr(found, method, None))]
    if missing:
        raise UserMistake(f"{who} is no trainer, it lacks {', '.join(missing)}; see tune.trainer.Trainer")


def prepare_recording(trainer: TrainerClass, recording: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the recording as the trainer wants it shared.

    Raises:
        RecordingMistake: If the trainer says that the recording cannot be used.
    """
    prepare = hook(trainer, "prepare_recording")
    if prepare is None:
        return recording
    try:
        return cast("Mapping[str, Any]", prepare(recording))
    except (ValueError, OSError) as error:
        raise RecordingMistake(str(error)) from error
    except SystemExit as error:
        raise RecordingMistake(
            f"recording: prepare_recording of the trainer called sys.exit({error.code!r})"
        ) from error


def describe_recording(trainer: TrainerClass, recording: Mapping[str, Any]) -> list[str]:
    """Returns lines for people of a recording that was prepared; none where the trainer says nothing.

    Raises:
        RecordingMistake: If the trainer says that the recording cannot be used.
    """
    describe = hook(trainer, "describe_recording")
    try:
        return [] if describe is None else [str(line) for line in describe(recording)]
    except (ValueError, OSError) as error:
        raise RecordingMistake(str(error)) from error


def direction_of(trainer: TrainerClass, metric: str, said: Direction | None, where: str) -> Direction | None:
    """Returns which values of a metric are better, by what a file and the trainer say; None for lower ones, as ever.

    Args:
        trainer: The class.
        metric: The scored metric.
        said: What the file says.
        where: The path of that in the file.

    Raises:
        UserMistake: If the two contradict each other, it must be said, or the trainer says something else.
    """
    ask = hook(trainer, "directions")
    found = {} if ask is None else ask()
    known = found.get(metric, found.get(metric.partition("@")[0])) if isinstance(found, Mapping) else found
    if known not in (None, *get_args(Direction)):
        raise UserMistake(
            f"trainer: directions() must return a mapping from metrics to minimize or maximize, got {found!r:.80}"
        )
    return settled(metric, said, cast("Direction | None", known), where)


def hook(trainer: TrainerClass, name: str) -> Callable[..., Any] | None:
    """Returns an optional static method of a trainer, None where it has none."""
    try:
        static = getattr_static(trainer, name)
    except AttributeError:
        return None
    return (
        cast("Callable[..., Any]", getattr(trainer, name)) if isinstance(static, staticmethod | classmethod) else None
    )
