"""Search-space parameters: log-uniform, uniform, int, choice.

Each is written in a study file as a mapping with one key that names its kind:
`{log_uniform: [1.0e-4, 1.0e-2]}`, `{uniform: [0, 1]}`, `{int: [4, 64], log: true}`, `{choice: [16, 64, 256]}`.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from math import exp, isfinite, log
from random import Random
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, model_validator

Scalar = StrictBool | StrictInt | float | StrictStr | None
"""A configuration value."""

_LARGEST = 2**53
"""Up to here every whole number is a float."""

Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Parameter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_bounds(low: float, high: float) -> None:
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"bounds must be finite, got [{low}, {high}]")
    if low >= high:
        raise ValueError(f"low must be below high, got [{low:g}, {high:g}]; swap the two, or use choice for one value")


class _Continuous(_Parameter):
    """A float between two bounds."""

    @property
    @abstractmethod
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""

    @property
    def values(self) -> None:
        """Not countable."""
        return

    def holds(self, value: Scalar) -> bool:
        """Says whether a value can be taken."""
        low, high = self.extremes
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_bounds(*self.extremes)
        return self


class LogUniform(_Continuous):
    """A positive float, uniform in its logarithm."""

    log_uniform: Bounds = Field(description="[low, high], both positive")

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""
        return tuple(self.log_uniform)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.log_uniform[0] <= 0:
            raise ValueError(f"low must be above 0 on a logarithmic scale, got {self.log_uniform[0]:g}; use uniform")
        return self


class Uniform(_Continuous):
    """A float, uniform."""

    uniform: Bounds = Field(description="[low, high]")

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""
        return tuple(self.uniform)


class IntRange(_Parameter):
    """An integer, both ends included."""

    int_: Annotated[list[StrictInt], Field(min_length=2, max_length=2)] = Field(
        alias="int", description="[low, high], both included"
    )
    log: bool = Field(default=False, description="uniform in the logarithm")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        beyond = [end for end in self.int_ if abs(end) > _LARGEST]
        if beyond:
            raise ValueError(f"bounds must lie within ±2^53 ({_LARGEST}), as samplers count in floats; got {beyond[0]}")
        _check_bounds(*self.int_)
        if self.log and self.int_[0] < 1:
            raise ValueError(f"low must be at least 1 on a logarithmic scale, got {self.int_[0]}")
        return self

    @property
    def values(self) -> Sequence[int]:
        """Every value, ascending; however many there are, they take no memory."""
        return range(self.int_[0], self.int_[1] + 1)

    def holds(self, value: Scalar) -> bool:
        """Says whether a value can be taken."""
        return type(value) is int and value in self.values

    @property
    def extremes(self) -> tuple[int, ...]:
        """Both ends."""
        return tuple(self.int_)


class Choice(_Parameter):
    """One of a list of values."""

    choice: Annotated[list[Scalar], Field(min_length=1)] = Field(description="the values")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen = [(type(value), value) for value in self.choice]
        twice = [value for index, (_, value) in enumerate(seen) if seen[index] in seen[:index]]
        if twice:
            raise ValueError(f"each value once, got {twice[0]!r} twice")
        return self

    @property
    def values(self) -> tuple[Scalar, ...]:
        """Every value, in the order given."""
        return tuple(self.choice)

    def holds(self, value: Scalar) -> bool:
        """Says whether a value can be taken."""
        return any(type(value) is type(one) and value == one for one in self.values)

    @property
    def extremes(self) -> tuple[Scalar, ...]:
        """Every value."""
        return self.values


KINDS = ("log_uniform", "uniform", "int", "choice")


def _kind(value: Any) -> str | None:
    """Names the union member; in brackets, so that the name is never taken for a key of the file."""
    if isinstance(value, Mapping):
        return next((f"<{kind}>" for kind in KINDS if kind in value), None)
    return next((f"<{kind}>" for kind in KINDS if hasattr(value, kind) or hasattr(value, kind + "_")), None)


Parameter = Annotated[
    Annotated[LogUniform, Tag("<log_uniform>")]
    | Annotated[Uniform, Tag("<uniform>")]
    | Annotated[IntRange, Tag("<int>")]
    | Annotated[Choice, Tag("<choice>")],
    Discriminator(
        _kind,
        custom_error_type="parameter_kind",
        custom_error_message="a parameter is one of {log_uniform: [low, high]}, {uniform: [low, high]}, "
        "{int: [low, high]}, {choice: [values]}",
    ),
]


def ordered_values(parameter: LogUniform | Uniform | IntRange | Choice) -> list[Any] | None:
    """Returns the values of a choice of numbers, ascending; None for any other parameter."""
    if not isinstance(parameter, Choice) or len(parameter.choice) < 2:
        return None
    numbers = [one for one in parameter.choice if isinstance(one, int | float) and not isinstance(one, bool)]
    return sorted(numbers) if len(numbers) == len(parameter.choice) else None


def size(space: Mapping[str, LogUniform | Uniform | IntRange | Choice]) -> int | None:
    """Returns how many configurations the space holds; None when it holds a continuous parameter."""
    total = 1
    for parameter in space.values():
        if parameter.values is None:
            return None
        total *= len(parameter.values)
    return total


def grid(space: Mapping[str, LogUniform | Uniform | IntRange | Choice]) -> Iterator[dict[str, Scalar]]:
    """Yields every configuration of a countable space; the last parameter varies fastest."""
    axes = [parameter.values or () for parameter in space.values()]
    for values in _product(axes):
        yield dict(zip(space, values, strict=True))


def _product(axes: Sequence[Sequence[Scalar]]) -> Iterator[tuple[Scalar, ...]]:
    """Yields what `itertools.product` does, which would write all values of every axis down first."""
    if not axes:
        yield ()
        return
    for first in axes[0]:
        for rest in _product(axes[1:]):
            yield (first, *rest)


def drawn(space: Mapping[str, LogUniform | Uniform | IntRange | Choice], random: Random) -> dict[str, Scalar]:
    """Returns a configuration drawn at random, each parameter on its own scale."""
    return {name: _drawn(parameter, random) for name, parameter in space.items()}


def _drawn(parameter: LogUniform | Uniform | IntRange | Choice, random: Random) -> Scalar:
    if isinstance(parameter, Choice):
        return random.choice(parameter.choice)
    low, high = parameter.extremes
    if isinstance(parameter, LogUniform) or (isinstance(parameter, IntRange) and parameter.log):
        value = exp(random.uniform(log(low), log(high)))
    else:
        value = random.uniform(low, high)
    value = min(max(value, low), high)
    return round(value) if isinstance(parameter, IntRange) else value
