"""The middle of a space, and places between its ends."""

from collections.abc import Mapping
from typing import Any

from tune.study.coordinates import positions
from tune.study.space import Choice, IntRange, LogUniform, Parameter, ordered_values


def centers(space: Mapping[str, Parameter]) -> dict[str, Any]:
    """Returns the value in the middle of each parameter, where an expert said so at its `prior`.

    Those of parameters that cannot exist together are among them.
    """
    return {name: _center(parameter) for name, parameter in space.items()}


def has_order(parameter: Parameter) -> bool:
    """Says whether the values of a parameter are ordered, as numbers are."""
    return positions(parameter, parameter.extremes[:1]) is not None


def value_at(parameter: Parameter, place: float) -> Any:
    """Returns the value at a place on the scale of an ordered parameter.

    Args:
        parameter: One that has an order.
        place: From 0, its low end, to 1.
    """
    values = ordered_values(parameter) if isinstance(parameter, Choice) else parameter.values
    if values is not None and not isinstance(parameter, IntRange):
        return values[round(place * (len(values) - 1))]
    low, high = parameter.extremes[0], parameter.extremes[-1]
    logarithmic = isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log)
    value = low * (high / low) ** place if logarithmic else low + place * (high - low)
    if not isinstance(parameter, IntRange):
        rounded = float(f"{value:.3g}")  # as a person would write it
        return rounded if low < rounded < high else value
    step = parameter.step or 1
    return int(low + step * round((value - low) / step))


def _center(parameter: Parameter) -> Any:
    if parameter.prior is not None:
        return parameter.prior
    if has_order(parameter):
        return value_at(parameter, 0.5)
    return parameter.extremes[len(parameter.extremes) // 2]
