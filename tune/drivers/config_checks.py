"""What a trainer says of a study before anything trains: what it has against configurations, how it is judged."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from itertools import chain, islice
from random import Random
from typing import Any

from tune.errors import FileMistakes, Mistake
from tune.study.direction import with_direction
from tune.study.node import for_trainer
from tune.study.settings.center import centers
from tune.study.settings.conditions import existing, with_conditions
from tune.study.settings.constraints import violated
from tune.study.settings.walk import drawn, grid, size
from tune.study.study import Study
from tune.trainer import ConfigCheck, TrainerClass, direction_of, hook

_DRAWN = 1000
_TRIES = 10  # for each setting drawn that is to meet the constraints


_MOST_TOLD = 5


def config_check(trainer: TrainerClass, recording: Mapping[str, Any] | None = None) -> ConfigCheck:
    """Returns what a trainer has against configurations; one without `check_config` has nothing.

    It never raises: where `check_config` does, or returns no mapping, that is what it has against the configuration.
    """
    check = hook(trainer, "check_config")
    beside = () if check is None or recording is None or not _takes_two(check) else (recording,)

    def asked(config: Mapping[str, Any]) -> Mapping[str, str]:
        try:
            found = None if check is None else check(for_trainer(config), *beside)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of a user's method, asked about one configuration
            return {"check_config": f"must return messages by key, it raised {type(error).__name__}: {error}"}
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            return {"check_config": f"must return messages by key, {{}} for none; got {found!r:.60}"}
        return {str(key): str(message) for key, message in found.items()}

    return asked


def config_mistakes(
    trainer: TrainerClass,
    config: Mapping[str, Any],
    section: Mapping[str, str],
    recording: Mapping[str, Any] | None = None,
) -> list[Mistake]:
    """Returns what the trainer has against a configuration.

    Args:
        trainer: The class.
        config: One flat mapping.
        section: By key, where the user wrote it, such as `fixed` or `space`.
        recording: As prepared; None where it is not known yet.
    """
    section = {"check_config": "trainer", **section}
    found = config_check(trainer, recording)(config)
    return [Mistake(f"{section.get(key, 'fixed')}.{key}", message) for key, message in found.items()]


def judged_as_known(study: Study, trainer: TrainerClass) -> Study:
    """Returns a new study with the direction of its metric that its trainer knows, where it says none itself.

    Raises:
        UserMistake: If study and trainer contradict each other, or it must be said.
    """
    score = study.score
    direction = direction_of(trainer, score.metric, score.direction, "score.direction")
    return study if direction == score.direction else with_direction(study, direction)


def refuse_configurations(study: Study, trainer: TrainerClass, recording: Mapping[str, Any] | None = None) -> None:
    """Asks the trainer whether it can train anything of a study.

    Args:
        study: The study.
        trainer: The class.
        recording: As prepared; None where it is not known yet.

    Raises:
        FileMistakes: If it refuses an arm of a plan, or of a search all that was tried: every value of every parameter
            (the ends of a range), one varied at a time, then settings of the whole space. A key that is unknown or of a
            wrong type is mistaken in each.
    """
    if study.plan:
        _refuse_arms(study, trainer, recording)
        return
    found: dict[Mistake, None] = {}
    for setting in _corners(study):
        mistakes = config_mistakes(trainer, {**study.fixed, **setting}, _section(study), recording)
        if not mistakes:
            return
        found |= dict.fromkeys(mistakes)
    check = config_check(trainer, recording)
    if found and all(check({**study.fixed, **setting}) for setting in _settings(study)):
        raise FileMistakes(f"study {study.name}", list(found))


def _refuse_arms(study: Study, trainer: TrainerClass, recording: Mapping[str, Any] | None) -> None:
    """Raises FileMistakes where the trainer refuses arms that do not depend on what an earlier round finds."""
    found: dict[Mistake, None] = {}
    for arm in study.arms:
        if study.plan[arm.round].from_:
            continue
        where = {**dict.fromkeys(study.base, "base"), **dict.fromkeys(arm.changes, f"plan.{arm.round}.{arm.name}")}
        configuration = {**study.fixed, **arm.configuration}
        found |= dict.fromkeys(config_mistakes(trainer, configuration, {**_section(study), **where}, recording))
    if found:
        raise FileMistakes(f"study {study.name}", list(found))


def told_refused(study: Study, trainer: TrainerClass, recording: Mapping[str, Any] | None = None) -> str:
    """Returns which settings of a study are never trained because the trainer refuses them, and why; "" where none is.

    Of all settings where there are few, else of some.
    """
    if study.plan:  # each of its arms may be trained, or none is
        return ""
    refused, tried, found = 0, 0, dict[str, Mistake]()
    for setting in _settings(study):
        mistakes = config_mistakes(trainer, {**study.fixed, **setting}, _section(study), recording)
        refused, tried = refused + bool(mistakes), tried + 1
        found = {**{mistake.path: mistake for mistake in mistakes}, **found}
    if not refused:
        return ""
    said = f"the trainer refuses {refused / tried:.1%} of the space, and other settings are drawn instead:"
    return "\n".join([said, *(f"  {mistake}" for mistake in [*found.values()][:_MOST_TOLD])])


def middle(study: Study, trainer: TrainerClass, recording: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns the setting in the middle of a study's space, see `centers`, or another where the trainer refuses it.

    Of a plan it is the base.
    """
    if study.plan:
        return dict(study.base)
    center = existing(study.space, centers(study.space))
    check = config_check(trainer, recording)
    others = chain(_meeting(study, [center]), _corners(study), _settings(study))
    return next((setting for setting in others if not check({**study.fixed, **setting})), center)


def _section(study: Study) -> dict[str, str]:
    return {**dict.fromkeys(study.fixed, "fixed"), **dict.fromkeys(study.space, "space")}


def _corners(study: Study) -> Iterator[dict[str, Any]]:
    """Yields settings with every value of every parameter (the ends of a range), one varied at a time."""
    space = study.space
    extremes: dict[str, Sequence[Any]] = {name: parameter.extremes for name, parameter in space.items()}
    base = {name: values[0] for name, values in extremes.items()}
    values = {name: every if space[name].when else every[1:] for name, every in extremes.items()}
    varied = [base, *({name: value} for name, every in values.items() for value in every)]
    settings = (existing(space, {**base, **with_conditions(space, one)}) for one in varied)
    yield from _meeting(study, settings)


def _settings(study: Study) -> Iterator[dict[str, Any]]:
    """Yields every setting of a small space, so many drawn at random of another, the same for the same study."""
    total, random = size(study.space), Random(study.search.seed)  # noqa: S311 - no secret
    if total is not None and total <= _DRAWN:
        yield from _meeting(study, grid(study.space))
    else:
        some = (drawn(study.space, random) for _ in range(_DRAWN * (_TRIES if study.where else 1)))
        yield from islice(_meeting(study, some), _DRAWN)


def _meeting(study: Study, settings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields the settings that meet the constraints of a study."""
    return (setting for setting in settings if not violated(study.where, {**study.fixed, **setting}))


def _takes_two(check: Callable[..., Any]) -> bool:
    try:
        signature(check).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
