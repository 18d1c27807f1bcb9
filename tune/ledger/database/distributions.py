"""The space of a study as Optuna describes it."""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.study.values import is_plain, text_of


def distribution(parameter: Parameter) -> BaseDistribution:
    """Returns Optuna's name for a parameter."""
    match parameter:
        case LogUniform():
            low, high = parameter.log_uniform
            return FloatDistribution(low, high, log=True)
        case Uniform():
            low, high = parameter.extremes
            return FloatDistribution(low, high, step=parameter.step)
        case IntRange():
            least, most = parameter.extremes
            return IntDistribution(least, most, log=parameter.log, step=parameter.step or 1)
        case Choice():
            return CategoricalDistribution([category(value) for value in parameter.choice])


def category(value: Any) -> Any:
    """Returns a value as Optuna can hold it: a list or a mapping as JSON, all else as it is."""
    return value if is_plain(value) else text_of(value)
