"""Where an expert would look first (`prior`), as a distribution over settings.

A numeric prior is the centre of a Gaussian, cut at the ends of the range, with a quarter of the range as its standard
deviation, on the parameter's own scale; one of k values without an order has k times the weight of each other one.

Source: Mallik et al. 2023, "PriorBand: practical hyperparameter optimization in the age of deep learning", NeurIPS.
"""

from math import log
from random import Random
from typing import Any

from tune.study.settings.conditions import Space
from tune.study.space import Choice, IntRange, LogUniform, Parameter, ordered_values

_SPREAD = 0.25
_DRAWS = 100


def priors(space: Space) -> dict[str, Any]:
    """Returns the priors of a space by parameter; empty where there are none."""
    return {name: parameter.prior for name, parameter in space.items() if parameter.prior is not None}


def drawn_near(space: Space, random: Random) -> dict[str, Any]:
    """Returns a value near its prior for each parameter that has one."""
    return {name: _drawn(space[name], prior, random) for name, prior in priors(space).items()}


def _drawn(parameter: Parameter, prior: Any, random: Random) -> Any:
    if isinstance(parameter, Choice) and ordered_values(parameter) is None:
        weights = [
            len(parameter.choice) if type(one) is type(prior) and one == prior else 1 for one in parameter.choice
        ]
        return random.choices(parameter.choice, weights)[0]
    values = ordered_values(parameter) or (None if _is_log(parameter) else parameter.values)
    if values is not None:
        last = max(1, len(values) - 1)
        return values[round(_around(values.index(prior) / last, random) * (len(values) - 1))]
    low, high = parameter.extremes
    if _is_log(parameter):
        place = _around(log(prior / low) / log(high / low), random)
        value = min(max(low * (high / low) ** place, low), high)
        return round(value) if isinstance(parameter, IntRange) else value
    return low + _around((prior - low) / (high - low), random) * (high - low)


def _is_log(parameter: Parameter) -> bool:
    return isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log)


def _around(place: float, random: Random) -> float:
    """Returns a place on [0, 1] around another."""
    for _ in range(_DRAWS):
        found = random.gauss(place, _SPREAD)
        if 0 <= found <= 1:
            return found
    return place
