"""The seam: what a trainer is, and how one is found by `module:Class`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from inspect import getattr_static
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Protocol, cast

from tune.errors import FileMistakes, Mistake, RecordingMistake, UserMistake
from tune.study.space import drawn, grid, size
from tune.study.study import Study


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
    - `check_config(config) -> Mapping[str, str]`: a message for each mistaken key, before anything trains; empty where
      it can be trained. It is asked about every setting before it becomes a trial; another is drawn for one refused.

    And these methods:

    - `evaluate() -> Mapping[str, Sequence[float | None]]`: metrics of the state as it is, like those of an epoch, under
      names of their own. Called when the state after the last epoch of a unit is durable, so that a mistake in it costs
      no training: a trial goes on without them (`latent-tune evaluate` tries again), or evaluates again when the
      study scores one of them; then `train` need not yield it.
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

    def train(self, epochs: int) -> Iterator[Mapping[str, Sequence[float | None]]]:
        """Yields one mapping per epoch; each value has one number per seed, in the order of `seeds`.

        The names `trial`, `seed`, `epoch`, `gpu_seconds` and `evaluated` are the tuner's own.
        """
        ...

    def state(self) -> Mapping[int, Any]:
        """Returns, per seed, enough to continue exactly; asked for between two epochs."""
        ...

    def baseline(self) -> Mapping[str, float]:
        """Returns losses of the constant model; a loss at or above it is a failed seed."""
        ...

    def close(self) -> None:
        """Frees what is held."""
        ...


TrainerClass = Callable[..., Trainer]

ConfigCheck = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Says by key what is wrong with a configuration; nothing where it can be trained."""

_DRAWN = 1000
_MOST_TOLD = 5


def load_trainer(name: str) -> TrainerClass:
    """Imports a trainer class; the working directory is importable.

    Args:
        name: `package.module:Class`.

    Raises:
        UserMistake: If it cannot be imported or is no trainer.
    """
    return cast("TrainerClass", _load(name, "trainer", ("train", "state", "baseline", "close")))


def load_function(name: str) -> Callable[..., Any]:
    """Imports a function by `package.module:function`."""
    return cast("Callable[..., Any]", _load(name, "function", ()))


def _load(name: str, what: str, methods: Sequence[str]) -> object:
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), attribute)
    except AttributeError:
        raise UserMistake(f"{what}: module '{module}' has no '{attribute}' (got {name!r})") from None
    except (Exception, SystemExit) as error:  # a script without a main guard may leave, which looked like success
        cause = f"{type(error).__name__}: {error}"
        raise UserMistake(
            f"{what}: '{module}' cannot be imported from {here}: {cause}; write package.module:Class, got {name!r}"
        ) from error
    missing = [method for method in methods if not callable(getattr(found, method, None))]
    if missing:
        raise UserMistake(f"{what}: {name} is no trainer, it lacks {', '.join(missing)}; see tune.trainer.Trainer")
    return cast("object", found)


def prepare_recording(trainer: TrainerClass, recording: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the recording as the trainer wants it shared.

    Raises:
        RecordingMistake: If the trainer says that the recording cannot be used.
    """
    prepare = _hook(trainer, "prepare_recording")
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


def config_check(trainer: TrainerClass) -> ConfigCheck:
    """Returns what a trainer has against configurations; one without `check_config` has nothing.

    It never raises: where `check_config` does, or returns no mapping, that is what it has against the configuration.
    """
    check = _hook(trainer, "check_config")

    def asked(config: Mapping[str, Any]) -> Mapping[str, str]:
        try:
            found = None if check is None else check(dict(config))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of a user's method, asked about one configuration
            return {"check_config": f"must return messages by key, it raised {type(error).__name__}: {error}"}
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            return {"check_config": f"must return messages by key, {{}} for none; got {found!r:.60}"}
        return {str(key): str(message) for key, message in found.items()}

    return asked


def config_mistakes(trainer: TrainerClass, config: Mapping[str, Any], section: Mapping[str, str]) -> list[Mistake]:
    """Returns what the trainer has against a configuration.

    Args:
        trainer: The class.
        config: One flat mapping.
        section: By key, where the user wrote it, such as `fixed` or `space`.
    """
    section = {"check_config": "trainer", **section}
    found = config_check(trainer)(config)
    return [Mistake(f"{section.get(key, 'fixed')}.{key}", message) for key, message in found.items()]


def refuse_configurations(study: Study, trainer: TrainerClass) -> None:
    """Asks the trainer whether it can train anything of a study.

    Raises:
        FileMistakes: If it refuses all that was tried: every value of every parameter (the ends of a range), one varied
            at a time, then settings of the whole space. A key that is unknown or of a wrong type is mistaken in each.
    """
    found: dict[Mistake, None] = {}
    for setting in _corners(study):
        mistakes = config_mistakes(trainer, {**study.fixed, **setting}, _section(study))
        if not mistakes:
            return
        found |= dict.fromkeys(mistakes)
    check = config_check(trainer)
    if all(check({**study.fixed, **setting}) for setting in _settings(study)):
        raise FileMistakes(f"study {study.name}", list(found))


def told_refused(study: Study, trainer: TrainerClass) -> str:
    """Returns which settings of a study are never trained because the trainer refuses them, and why; "" where none is.

    Of all settings where there are few, else of some.
    """
    refused, tried, found = 0, 0, dict[str, Mistake]()
    for setting in _settings(study):
        mistakes = config_mistakes(trainer, {**study.fixed, **setting}, _section(study))
        refused, tried = refused + bool(mistakes), tried + 1
        found = {**{mistake.path: mistake for mistake in mistakes}, **found}
    if not refused:
        return ""
    said = f"the trainer refuses {refused / tried:.1%} of the space, and other settings are drawn instead:"
    return "\n".join([said, *(f"  {mistake}" for mistake in [*found.values()][:_MOST_TOLD])])


def middle(study: Study, trainer: TrainerClass) -> dict[str, Any]:
    """Returns the setting in the middle of a study's space; where the trainer refuses that, another of it."""
    center = {name: one.extremes[len(one.extremes) // 2] for name, one in study.space.items()}
    check = config_check(trainer)
    others = chain([center], _corners(study), _settings(study))
    return next((setting for setting in others if not check({**study.fixed, **setting})), center)


def _section(study: Study) -> dict[str, str]:
    return {**dict.fromkeys(study.fixed, "fixed"), **dict.fromkeys(study.space, "space")}


def _corners(study: Study) -> Iterator[dict[str, Any]]:
    """Yields settings with every value of every parameter (the ends of a range), one varied at a time."""
    extremes: dict[str, Sequence[Any]] = {name: parameter.extremes for name, parameter in study.space.items()}
    base = {name: values[0] for name, values in extremes.items()}
    yield base
    yield from ({**base, name: value} for name, values in extremes.items() for value in values[1:])


def _settings(study: Study) -> Iterator[dict[str, Any]]:
    """Yields every setting of a small space, so many drawn at random of another, the same for the same study."""
    total, random = size(study.space), Random(study.search.seed)  # noqa: S311 - no secret
    if total is not None and total <= _DRAWN:
        yield from grid(study.space)
    else:
        yield from (drawn(study.space, random) for _ in range(_DRAWN))


def _hook(trainer: TrainerClass, name: str) -> Callable[..., Any] | None:
    try:
        static = getattr_static(trainer, name)
    except AttributeError:
        return None
    return (
        cast("Callable[..., Any]", getattr(trainer, name)) if isinstance(static, staticmethod | classmethod) else None
    )
