"""A class or function of the user's that makes something of a configuration, called by the names of its arguments."""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from tune.errors import UserMistake, did_you_mean


class Factory:
    """A class or function that is called with the values of a configuration that it takes.

    An argument called `config` gets the whole configuration as a mapping, one called `seed` the seed.

    Args:
        make: The class or function.
        what: What it is, for messages, such as `lightning(module)`.

    Raises:
        UserMistake: If it cannot be called.
    """

    def __init__(self, make: Callable[..., Any], what: str) -> None:
        if not callable(make):
            raise UserMistake(f"{what} must be a class or function that makes it, got {type(make).__name__}")
        self.name = getattr(make, "__name__", what)
        self._make = make
        try:
            parameters = list(signature(make).parameters.values())
        except (TypeError, ValueError):
            raise UserMistake(f"{what}: {self.name} does not say what its arguments are; give a function") from None
        self.names = [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
        self.takes_all = "config" in self.names or any(one.kind == one.VAR_KEYWORD for one in parameters)
        self._spread = any(one.kind == one.VAR_KEYWORD for one in parameters)
        self._needed = [one.name for one in parameters if one.default is one.empty and one.kind not in _VARIADIC]

    def __call__(self, config: Mapping[str, Any], seed: int) -> Any:
        """Returns what it makes of a configuration."""
        given = {"config": dict(config), "seed": seed, **config}
        wanted = [*self.names, *config] if self._spread else self.names
        return self._make(**{name: given[name] for name in wanted if name in given})

    def missing(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Returns a message for each argument that it needs and a configuration does not have."""
        has = {"config", "seed", *config}
        return {
            name: f"is missing: {self.name} needs it; give it under fixed or space, or a default"
            for name in self._needed
            if name not in has
        }


_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def mistaken(factories: Sequence[Factory], config: Mapping[str, Any]) -> dict[str, str]:
    """Returns a message for each key of a configuration that no factory takes, and for each that one of them lacks."""
    found: dict[str, str] = {}
    for factory in factories:
        found |= factory.missing(config)
    if not any(factory.takes_all for factory in factories):
        names = sorted({name for factory in factories for name in factory.names} - {"seed"})
        who = " or ".join(factory.name for factory in factories)
        found |= {key: f"is no argument of {who}{did_you_mean(key, names)}" for key in config if key not in names}
    return found
