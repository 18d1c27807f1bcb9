"""The settings that a check trains: the middle of a study's space, its ends, and learning rates between them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tune.drivers.config_checks import middle
from tune.study.coordinates import positions
from tune.study.settings.conditions import existing, with_conditions
from tune.study.settings.constraints import violated
from tune.study.space import Choice as Choices
from tune.study.space import IntRange, LogUniform, Parameter, ordered_values
from tune.study.study import Study
from tune.trainer import TrainerClass

_RATE = re.compile(r"(^|[._-])(lr|learning_?rate)$", re.IGNORECASE)
_BETWEEN = (0.25, 0.75)
"""Where learning rates are tried beside the middle and both ends, on the scale of their range."""

Setting = dict[str, Any]
Feasible = Callable[[Setting], bool]


def feasible(study: Study, refused: Callable[[Mapping[str, Any]], Mapping[str, str]]) -> Feasible:
    """Returns what says whether a setting may be trained.

    Args:
        study: Its constraints (`where`) are to hold.
        refused: What the trainer has against a configuration, see `tune.drivers.config_checks.config_check`.
    """

    def may(setting: Setting) -> bool:
        configuration = {**study.fixed, **setting}
        return not violated(study.where, configuration) and not refused(configuration)

    return may


def center(study: Study, trainer: TrainerClass, recording: Mapping[str, Any], may: Feasible) -> Setting:
    """Returns the setting in the middle of the space, where an expert said so at the `prior`; feasible if any is."""
    setting = existing(study.space, _centers(study))
    return setting if may(setting) else middle(study, trainer, recording)


def ends(study: Study, base: Setting, may: Feasible) -> list[Setting]:
    """Returns settings at the ends of the space, the dearest first, each once.

    All numbers at their high end together, which is what takes the most memory; then one parameter at a time from the
    middle: each value of those without an order, and both ends of the others.

    Args:
        study: The study.
        base: Its middle.
        may: Says what is feasible.
    """
    high = {
        name: one.extremes[-1]
        for name, one in study.space.items()
        if name in base and not _is_rate(name) and _ordered(one)
    }
    wanted = [existing(study.space, {**_centers(study), **base, **high})] if len(high) > 1 else []
    wanted += [
        existing(study.space, {**_centers(study), **base, **with_conditions(study.space, {name: value})})
        for name, value in _others(study)
    ]
    found: list[Setting] = []
    for setting in wanted:
        if setting != base and setting not in found and may(setting):
            found.append(setting)
    return found


def rates(study: Study, base: Setting, may: Feasible) -> list[Setting]:
    """Returns the middle at other learning rates than both ends; none where no parameter is called like one."""
    name = rate_name(study)
    if name is None or name not in base:
        return []
    settings = [{**base, name: _at(study.space[name], place)} for place in _BETWEEN]
    return [setting for setting in settings if setting != base and may(setting)]


def rate_name(study: Study) -> str | None:
    """Returns the parameter that is the learning rate by its name, a number; None where there is none."""
    return next((name for name, one in study.space.items() if _is_rate(name) and _ordered(one)), None)


def _is_rate(name: str) -> bool:
    return _RATE.search(name) is not None


def _ordered(parameter: Parameter) -> bool:
    return positions(parameter, parameter.extremes[:1]) is not None


def _centers(study: Study) -> Setting:
    """Returns a value in the middle of each parameter, those included that may not exist together."""
    return {name: _center(parameter) for name, parameter in study.space.items()}


def _center(parameter: Parameter) -> Any:
    prior = parameter.prior
    if prior is not None:
        return prior
    return _at(parameter, 0.5) if _ordered(parameter) else parameter.extremes[0]


def _at(parameter: Parameter, place: float) -> Any:
    """Returns the value at a place from 0 to 1 on the scale of an ordered parameter."""
    values = ordered_values(parameter) if isinstance(parameter, Choices) else parameter.values
    if values is not None and not isinstance(parameter, IntRange):
        return values[round(place * (len(values) - 1))]
    low, high = parameter.extremes[0], parameter.extremes[-1]
    logarithmic = isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log)
    value = low * (high / low) ** place if logarithmic else low + place * (high - low)
    if not isinstance(parameter, IntRange):
        return float(f"{value:.3g}") if low < float(f"{value:.3g}") < high else value
    step = parameter.step or 1
    return int(low + step * round((value - low) / step))


def _others(study: Study) -> Iterator[tuple[str, Any]]:
    """Yields each parameter with each value that is to be seen: first those without an order, then both ends."""
    ordered = {name for name, one in study.space.items() if _ordered(one)}
    for name, one in study.space.items():
        if name not in ordered:
            yield from ((name, value) for value in one.extremes)
    for name in ordered:
        yield name, study.space[name].extremes[-1]
    for name in ordered:
        yield name, study.space[name].extremes[0]
