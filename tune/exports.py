"""Packages whose names are imported when they are first asked for.

A process that only trains, on a machine of a cluster, needs a few modules of the ledger and one of the optimizer, and
none of the libraries behind the others; a package that imports all that it exports would have it load them.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exported(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Returns the `__getattr__` of a package (PEP 562).

    Args:
        package: Its name.
        modules: By name that it exports, the module of it that has it.
    """

    def look_up(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return look_up
