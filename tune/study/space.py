"""Search-space parameters: log-uniform, uniform, int, choice.

Each is written in a study file as a mapping with one key that names its kind:
`{log_uniform: [1.0e-4, 1.0e-2]}`, `{uniform: [0, 1]}`, `{int: [4, 64], log: true}`, `{choice: [16, 64, 256]}`.
Beside it may stand `step`, `when` (a condition) and `prior` (where an expert would look first).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from math import isfinite
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StrictInt,
    Tag,
    model_serializer,
    model_validator,
)

from tune.study.values import Value, is_plain, same, text_of

_LARGEST = 2**53
"""Up to here every whole number is a float."""

_MOST_STEPS = 10_000

Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Parameter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Annotated[dict[str, Value], Field(min_length=1)] | None = Field(
        default=None,
        description="the parameter exists only where others have these values: by name a value, or a list of values",
    )

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Says whether a value can be taken."""

    @property
    def conditions(self) -> Mapping[str, list[Any]]:
        """The values that others must have for it to exist, by name; empty where it always does."""
        given = self.when or {}
        return {name: allowed if isinstance(allowed, list) else [allowed] for name, allowed in given.items()}

    def _check_prior(self, prior: Any) -> None:
        if prior is not None and not self.holds(prior):
            raise ValueError(f"prior must be one of the values that can be taken, got {prior!r}")

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what nobody has said: a study of an earlier version is written as it was."""
        said = {key: value for key, value in dump(self).items() if value is not None}
        return {**{key: value for key, value in said.items() if key not in ("prior", "when")}, **said}


def _check_bounds(low: float, high: float) -> None:
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"bounds must be finite, got [{low}, {high}]")
    if low >= high:
        raise ValueError(f"low must be below high, got [{low:g}, {high:g}]; swap the two, or use choice for one value")


def _check_step(step: float, length: float) -> None:
    if step > length:
        raise ValueError(f"step must be at most high - low = {length:g}, got {step:g}")


class _Continuous(_Parameter):
    """A float between two bounds."""

    @property
    @abstractmethod
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""

    prior: float | None = Field(default=None, description="where the first trials look; forgotten as evidence grows")

    @property
    def values(self) -> Sequence[float] | None:
        """Every value, ascending; None where they cannot be counted."""
        return None

    def holds(self, value: Any) -> bool:
        """Says whether a value can be taken."""
        low, high = self.extremes
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


class LogUniform(_Continuous):
    """A positive float, uniform in its logarithm."""

    log_uniform: Bounds = Field(description="[low, high], both positive")

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends."""
        return tuple(self.log_uniform)

    @model_validator(mode="after")
    def _positive(self) -> Self:
        _check_bounds(*self.log_uniform)
        if self.log_uniform[0] <= 0:
            raise ValueError(f"low must be above 0 on a logarithmic scale, got {self.log_uniform[0]:g}; use uniform")
        self._check_prior(self.prior)
        return self


class Uniform(_Continuous):
    """A float, uniform; with a step one of `low`, `low + step` and so on up to `high`."""

    uniform: Bounds = Field(description="[low, high]")
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="the distance between values, counted from low; left out: any value"
    )

    @property
    def extremes(self) -> tuple[float, ...]:
        """Both ends, the upper one as far as steps come."""
        return tuple(self.uniform) if self.values is None else (self.values[0], self.values[-1])

    @cached_property
    def values(self) -> Sequence[float] | None:
        """Every value, ascending, as a person would write it (0.3 after 0.2); None without a step."""
        if self.step is None:
            return None
        low, high = self.uniform
        first, step = Decimal(repr(low)), Decimal(repr(self.step))
        steps = int((Decimal(repr(high)) - first) / step)
        return tuple(float(first + count * step) for count in range(steps + 1))

    @model_validator(mode="after")
    def _stepped(self) -> Self:
        low, high = self.uniform
        _check_bounds(low, high)
        if self.step is not None:
            _check_step(self.step, high - low)
            if high - low > _MOST_STEPS * self.step:
                raise ValueError(f"step must make at most {_MOST_STEPS:,} steps, got {(high - low) / self.step:,.0f}")
        self._check_prior(self.prior)
        return self

    def holds(self, value: Any) -> bool:
        """Says whether a value can be taken."""
        return super().holds(value) and (self.values is None or value in self.values)


class IntRange(_Parameter):
    """An integer, both ends included."""

    int_: Annotated[list[StrictInt], Field(min_length=2, max_length=2)] = Field(
        alias="int", description="[low, high], both included"
    )
    log: bool = Field(default=False, description="uniform in the logarithm")
    step: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="the distance between values, counted from low; left out: 1"
    )
    prior: StrictInt | None = Field(default=None, description="where the first trials look; see docs/space.md")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        beyond = [end for end in self.int_ if abs(end) > _LARGEST]
        if beyond:
            raise ValueError(f"bounds must lie within ±2^53 ({_LARGEST}), as samplers count in floats; got {beyond[0]}")
        _check_bounds(*self.int_)
        if self.log and self.int_[0] < 1:
            raise ValueError(f"low must be at least 1 on a logarithmic scale, got {self.int_[0]}")
        if self.step is not None:
            if self.log:
                raise ValueError("step and log exclude each other; list the values as a choice")
            _check_step(self.step, self.int_[1] - self.int_[0])
        self._check_prior(self.prior)
        return self

    @property
    def values(self) -> Sequence[int]:
        """Every value, ascending; however many there are, they take no memory."""
        return range(self.int_[0], self.int_[1] + 1, self.step or 1)

    def holds(self, value: Any) -> bool:
        """Says whether a value can be taken."""
        return type(value) is int and value in self.values

    @property
    def extremes(self) -> tuple[int, ...]:
        """Both ends, the upper one as far as steps come."""
        return self.values[0], self.values[-1]


class Choice(_Parameter):
    """One of a list of values."""

    choice: Annotated[list[Value], Field(min_length=1)] = Field(
        description="the values; each may be a list or a mapping"
    )
    prior: Value = Field(default=None, description="which of them the first trials prefer; see docs/space.md")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen = [(type(value), value) for value in self.choice]
        twice = [value for index, (_, value) in enumerate(seen) if seen[index] in seen[:index]]
        if twice:
            raise ValueError(f"each value once, got {twice[0]!r} twice")
        texts = [text_of(value) for value in self.choice if not is_plain(value)]
        alike = [value for value in self.choice if isinstance(value, str) and value in texts]
        if alike or len(set(texts)) < len(texts):
            raise ValueError(f"each value once, got {(alike or texts)[0]} as text and not as text, or twice")
        self._check_prior(self.prior)
        return self

    @property
    def values(self) -> tuple[Any, ...]:
        """Every value, in the order given."""
        return tuple(self.choice)

    def holds(self, value: Any) -> bool:
        """Says whether a value can be taken."""
        alike = (one for one in self.values if type(value) is type(one))
        return any(value == one if is_plain(value) else same(value, one) for one in alike)

    @property
    def extremes(self) -> tuple[Any, ...]:
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
