"""The settings that a check trains: the middle of a study's space, its ends, and learning rates between them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tune.study.settings.center import centers, has_order, value_at
from tune.study.settings.conditions import existing, with_conditions
from tune.study.settings.constraints import violated
from tune.study.study import Study
from tune.study.values import text_of

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


def _arms(study: Study, base: Setting, may: Feasible) -> list[Setting]:
    """Returns arms of a plan in its order, until each value of each parameter is in one of them."""
    seen: set[tuple[str, str]] = {(name, text_of(value)) for name, value in base.items()}
    found: list[Setting] = []
    for arm in study.arms:
        values = {(name, text_of(value)) for name, value in arm.configuration.items()}
        if values - seen and may(dict(arm.configuration)):
            seen |= values
            found.append(dict(arm.configuration))
    return found


def ends(study: Study, base: Setting, may: Feasible) -> list[Setting]:
    """Returns settings at the ends of the space, the dearest first, each once.

    All numbers at their high end together, which is what takes the most memory; then one parameter at a time from the
    middle: each value of those without an order, and both ends of the others.

    Args:
        study: The study.
        base: Its middle.
        may: Says what is feasible.
    """
    if study.plan:
        return _arms(study, base, may)
    high = {
        name: value_at(one, 1.0)
        for name, one in study.space.items()
        if name in base and not _is_rate(name) and has_order(one)
    }
    wanted = [existing(study.space, {**centers(study.space), **base, **high})] if len(high) > 1 else []
    wanted += [
        existing(study.space, {**centers(study.space), **base, **with_conditions(study.space, {name: value})})
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
    settings = [{**base, name: value_at(study.space[name], place)} for place in _BETWEEN]
    return [setting for setting in settings if setting != base and may(setting)]


def rate_name(study: Study) -> str | None:
    """Returns the parameter that is the learning rate by its name, a number; None where there is none."""
    return next((name for name, one in study.space.items() if _is_rate(name) and has_order(one)), None)


def _is_rate(name: str) -> bool:
    return _RATE.search(name) is not None


def _others(study: Study) -> Iterator[tuple[str, Any]]:
    """Yields each parameter with each value that is to be seen: first those without an order, then both ends."""
    ordered = [name for name, one in study.space.items() if has_order(one)]
    for name, one in study.space.items():
        if name not in ordered:
            yield from ((name, value) for value in one.extremes)
    for place in (1.0, 0.0):
        yield from ((name, value_at(study.space[name], place)) for name in ordered)
