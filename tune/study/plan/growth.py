"""How a plan may grow after arms were trained: by rounds, arms and values, and by nothing that changes old ones."""

from collections.abc import Mapping
from typing import Any

from tune.study.plan.section import Plan, Round
from tune.study.values import same

_NEVER = ("from_", "epochs", "seeds")


def why_not(old: Plan, new: Plan, rungs: tuple[int, int]) -> str | None:
    """Returns why a plan cannot become another; None when it can.

    Args:
        old: As its arms were trained.
        new: What it is to become.
        rungs: How many the ladder of the study has had, and is to have.
    """
    if gone := [name for name in old if name not in new]:
        return f"round '{gone[0]}' is gone; rounds are never taken back"
    if [name for name in new if name in old] != list(old):
        return "its rounds stand in another order; further ones may stand between and after them"
    if rungs[1] > rungs[0]:
        return f"a round that searches on {rungs[1]} rungs cannot join a plan whose ladder has {rungs[0]}"
    said = ((name, _why_not_round(one, new[name])) for name, one in old.items())
    return next((f"round '{name}': {why}" for name, why in said if why is not None), None)


def _why_not_round(old: Round, new: Round) -> str | None:
    for key in _NEVER:
        if getattr(old, key) != getattr(new, key):
            return f"`{key.rstrip('_')}` is not what its arms were trained with"
    if (old.search is None) != (new.search is None):
        return "it searched and is to have arms, or the other way round"
    if old.search is not None and new.search is not None and old.search.space != new.search.space:
        return "its space is another; give the wider one to a round of its own"
    if old.search is not None and new.search is not None and old.search.rungs != new.search.rungs:
        return "its ladder is another, and trials stand at the old rungs"
    return _why_not_arms(old, new)


def _why_not_arms(old: Round, new: Round) -> str | None:
    if old.crossed.keys() != new.crossed.keys():
        return "the factors of its grid are others; give them to a round of their own"
    alone = ("one_at_a_time", old.one_at_a_time, new.one_at_a_time)
    for kind, before, asked in (("grid", old.crossed, new.crossed), alone):
        for name, values in (before or {}).items():
            there = (asked or {}).get(name, [])
            if lost := [one for one in values if not any(same(one, other) for other in there)]:
                return f"{kind}.{name} has lost {lost[0]!r}; values are only added"
    for title, changes in (old.arms or {}).items():
        if not _equal(changes, (new.arms or {}).get(title)):
            return f"arm '{title}' is gone or another; give a new one another name"
    return None


def _equal(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    return other is not None and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
