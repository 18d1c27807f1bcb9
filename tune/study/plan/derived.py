"""What a plan comes to as a study: the space in which its arms lie, and its ladder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tune.study.ladder import Rung
from tune.study.plan.section import Plan, Positive
from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.study.values import same


def planned_space(base: Mapping[str, Any], plan: Plan) -> dict[str, Parameter]:
    """Returns a space that holds every arm: a choice of the values given, or a range that encloses them."""
    return {name: _enclosing(_searched(name, plan), [value, *_values(name, plan)]) for name, value in base.items()}


def top_ladder(plan: Plan, epochs: Positive, seeds: int) -> list[Rung]:
    """Returns the ladder of the study: the longest of a round that searches, its top that of the plan.

    Those of all trials end on the rung of the same number, so that whoever stands there is confirmed.
    """
    longest = max((of.ladder(epochs, seeds) for of in plan.values()), key=len, default=[])
    return [*longest[:-1], Rung(epochs=epochs, seeds=seeds)]


def trial_ladder(own: Sequence[Rung], rungs: int) -> list[Rung]:
    """Returns the ladder of a trial, filled up from below so that its last rung is the study's last.

    Args:
        own: The rungs that it climbs; it begins at the first of these.
        rungs: How many rungs the study has, at least as many.
    """
    return [*[own[0]] * (rungs - len(own)), *own]


def _values(name: str, plan: Plan) -> Iterator[Any]:
    for of in plan.values():
        yield from of.listed_values(name)
        if name == "epochs" and of.epochs is not None:
            yield of.epochs


def _searched(name: str, plan: Plan) -> list[Parameter]:
    searches = (of.search for of in plan.values() if of.search is not None)
    return [search.space[name] for search in searches if name in search.space]


def _enclosing(searched: Sequence[Parameter], values: Sequence[Any]) -> Parameter:
    """Returns a parameter that holds values and all that others hold."""
    if not all(isinstance(one, Choice) for one in searched):
        numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(numbers) == len(values):
            ends = [end for one in searched for end in one.extremes]
            return _range(searched, min([*numbers, *ends]), max([*numbers, *ends]))
    every = [*values, *(value for one in searched for value in (one.values or one.extremes))]
    once = [value for index, value in enumerate(every) if not any(same(value, one) for one in every[:index])]
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in once)
    return Choice(choice=sorted(once) if numeric else once)


def _range(searched: Sequence[Parameter], low: float, high: float) -> Parameter:
    whole = isinstance(low, int) and isinstance(high, int)
    if whole and all(isinstance(one, IntRange | Choice) for one in searched):
        logarithmic = low >= 1 and any(isinstance(one, IntRange) and one.log for one in searched)
        return IntRange(int=[int(low), int(high)], log=logarithmic)
    if low > 0 and any(isinstance(one, LogUniform) for one in searched):
        return LogUniform(log_uniform=[low, high])
    return Uniform(uniform=[low, high])
