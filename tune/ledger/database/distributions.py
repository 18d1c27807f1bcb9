"""The space of a study as Optuna describes it."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform


def distribution(parameter: Parameter) -> BaseDistribution:
    """Returns Optuna's name for a parameter."""
    match parameter:
        case LogUniform():
            low, high = parameter.log_uniform
            return FloatDistribution(low, high, log=True)
        case Uniform():
            low, high = parameter.uniform
            return FloatDistribution(low, high)
        case IntRange():
            least, most = parameter.int_
            return IntDistribution(least, most, log=parameter.log)
        case Choice():
            return CategoricalDistribution(parameter.choice)
