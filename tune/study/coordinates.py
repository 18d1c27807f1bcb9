"""Where settings lie in a space, as numbers; pure functions."""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform, ordered_values
from tune.study.values import frozen

_LOGARITHMIC_FROM = 4.0
"""Choices of numbers whose largest is so many times the smallest are taken to be spaced by ratios."""

Values = NDArray[np.float64]


def positions(parameter: Parameter, values: Sequence[object]) -> Values | None:
    """Where values lie on [0, 1]; None for choices that have no order."""
    match parameter:
        case LogUniform() | Uniform():
            low, high = parameter.extremes
            logarithmic = isinstance(parameter, LogUniform)
        case IntRange():
            low, high = parameter.extremes
            logarithmic = parameter.log
        case Choice():
            numbers = ordered_values(parameter)
            if numbers is None:
                return None
            low, high = numbers[0], numbers[-1]
            logarithmic = low > 0 and high / low > _LOGARITHMIC_FROM
    numeric = np.array(values, dtype=float)
    if low == high:
        return np.zeros(len(numeric))
    if logarithmic:
        return np.log(numeric / low) / log(high / low)
    return (numeric - low) / (high - low)


def squared_distances(
    space: Mapping[str, Parameter], settings: Sequence[Mapping[str, object]], others: Sequence[Mapping[str, object]]
) -> Values:
    """Squared distances `[n, m]` with every ordered parameter on [0, 1]; unequal choices of no order are 1 apart.

    So are a setting that has a parameter and one that has not; two that have it not do not differ in it.

    Source: Hutter and Osborne 2013, "A kernel for hierarchical parameter spaces", arXiv:1310.5738.
    """
    total = np.zeros((len(settings), len(others)))
    for name, parameter in space.items():
        rows, columns = ([setting[name] for setting in side if name in setting] for side in (settings, others))
        apart = _apart(parameter, rows, columns)
        if len(rows) < len(settings) or len(columns) < len(others):
            here, there = (np.array([name in setting for setting in side], dtype=bool) for side in (settings, others))
            of_both, apart = apart, (here[:, None] != there[None, :]).astype(float)
            apart[np.ix_(here, there)] = of_both
        total += apart
    return total


def _apart(parameter: Parameter, rows: Sequence[object], columns: Sequence[object]) -> Values:
    """Returns the squared distances `[n, m]` between values of one parameter."""
    places = positions(parameter, [*rows, *columns])
    if places is None:
        codes = {value: float(code) for code, value in enumerate(dict.fromkeys(map(frozen, [*rows, *columns])))}
        here, there = (np.array([codes[frozen(value)] for value in side]) for side in (rows, columns))
        unequal: Values = (here[:, None] != there[None, :]).astype(float)
        return unequal
    apart: Values = (places[: len(rows), None] - places[None, len(rows) :]) ** 2
    return apart
