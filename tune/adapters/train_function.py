"""A function that trains, and which of the arguments that there are for one it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Self

from tune.errors import UserMistake

ARGUMENTS = ("config", "seed", "epochs", "checkpoint")
"""What a function that trains may take, by name."""

_CONTRACT = f"it is called with {', '.join(ARGUMENTS)} by name, as many of them as it takes"
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class TrainFunction:
    """A function that trains one seed.

    Attributes:
        function: Is called with those of `ARGUMENTS` that it takes; yields a mapping of numbers per epoch, or returns
            one mapping where it trains one epoch.
        name: `module:attribute`, for messages.
        takes: Which of `ARGUMENTS`.
    """

    function: Callable[..., Any]
    name: str
    takes: tuple[str, ...]

    @classmethod
    def of(cls, function: Callable[..., Any], name: str) -> Self:
        """Returns a function with what it takes.

        Raises:
            UserMistake: If it is no function, or needs other arguments.
        """
        if not callable(function):
            raise UserMistake(f"function: {name} is no function but {type(function).__name__}; {_CONTRACT}")
        try:
            parameters = signature(function).parameters.values()
        except (TypeError, ValueError):
            raise UserMistake(f"function: {name} does not say what its arguments are; {_CONTRACT}") from None
        by_name = {one.name: one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
        others = [one for one in parameters if one.kind == one.POSITIONAL_ONLY or one.name not in ARGUMENTS]
        needed = [one.name for one in others if one.default is one.empty and one.kind not in _VARIADIC]
        if needed:
            raise UserMistake(
                f"function: {name} needs the argument '{needed[0]}', which nothing gives; {_CONTRACT}; values of fixed "
                f"and space are in config; a class of five methods is named by trainer: in place of function:"
            )
        all_of_them = any(one.kind == one.VAR_KEYWORD for one in parameters)
        return cls(function, name, tuple(word for word in ARGUMENTS if all_of_them or word in by_name))
