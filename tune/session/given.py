"""A trainer that is given as an object, a class or a function, and the name by which its study knows it."""

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from tune.errors import UserMistake
from tune.study.document import Document
from tune.study.study import Study, build_study
from tune.trainer import LOOP, MAIN, METHODS, TrainerClass, refuse_lacking

_NAME = re.compile(r"[A-Za-z_]\w*")
_WAYS = ("trainer", "function", "program")
"""The keys by which a study says what trains; it has one of them."""


@dataclass(frozen=True)
class GivenTrainer:
    """A trainer that nobody need import.

    Attributes:
        trainer: The class.
        source: The file in which it is written; None where it has none, as in a notebook.
        by_name: Whether other processes can import it by the name that the study has.
    """

    trainer: TrainerClass
    source: Path | None
    by_name: bool


def with_given(study: Study, given: Callable[..., Any] | None) -> tuple[Study, GivenTrainer | None]:
    """Returns a study that names what is given as its trainer, and that.

    Args:
        study: The study.
        given: A class as in `tune.trainer.Trainer`, or a function as a study names one under `function`; None: what the
            study names, which is an object all the same where it was defined in this very script or notebook.

    Raises:
        UserMistake: If it is no trainer, or has no name.
    """
    if given is None:
        return study, _of_this_script(study)
    name = name_of(given)
    if not isinstance(given, type):
        make = cast("Callable[[Callable[..., Any], str], TrainerClass]", _function_trainer())
        return naming(study, "function", name), GivenTrainer(make(given, name), source_of(given), importable(given))
    refuse_lacking(given, METHODS, f"trainer: {name}")
    return naming(study, "trainer", name), GivenTrainer(given, source_of(given), importable(given))


def looped(study: Study) -> tuple[Study, GivenTrainer]:
    """Returns a study that says that a loop of its user's trains it, and what stands for its trainer."""

    def none(*_: Any) -> Any:
        raise UserMistake(f"trainer: {LOOP} trains nothing itself")

    return naming(study, "trainer", LOOP), GivenTrainer(none, None, by_name=True)


def naming(study: Study, way: str, name: str) -> Study:
    """Returns a study that is trained in another way.

    Args:
        study: The study.
        way: trainer or function.
        name: `package.module:Name`.
    """
    said = study.model_dump(mode="json", by_alias=True)
    kept = {key: value for key, value in said.items() if key not in _WAYS}
    return build_study(Document(f"study {study.name}", {**kept, way: name}))


def name_of(given: Callable[..., Any]) -> str:
    """Returns the name by which a study knows a class or function: `module:name`.

    Raises:
        UserMistake: If it has none, or is neither.
    """
    name = getattr(given, "__name__", "")
    if not callable(given) or not _NAME.fullmatch(name):
        raise UserMistake(
            f"trainer: a class with the methods {', '.join(METHODS)}, or a function that has a name (def, no lambda or "
            f"partial), is needed; got {given!r:.80}"
        )
    return f"{getattr(given, '__module__', None) or '__main__'}:{name}"


def source_of(given: Callable[..., Any]) -> Path | None:
    """Returns the file in which a class or function is written; None where it has none."""
    try:
        found = inspect.getsourcefile(inspect.unwrap(given))
    except (TypeError, OSError):  # built in, or of a notebook
        return None
    return Path(found) if found is not None and Path(found).is_file() else None


def importable(given: Callable[..., Any]) -> bool:
    """Says whether a class or function is what its name says, in a module and not in what runs."""
    module, _, name = name_of(given).partition(":")
    return module != "__main__" and getattr(sys.modules.get(module), name, None) is given


def _of_this_script(study: Study) -> GivenTrainer | None:
    named = next((str(name) for way in _WAYS[:2] if (name := getattr(study, way, None))), "")
    found = getattr(sys.modules["__main__"], named.removeprefix(MAIN), None) if named.startswith(MAIN) else None
    return None if found is None else with_given(study, found)[1]


def _function_trainer() -> Any:
    return import_module("tune.adapters.function").function_trainer
