"""A trainer that is given as an object, a class or a function, and the name by which its study knows it."""

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.adapters.function import function_trainer
from tune.errors import UserMistake
from tune.study.document import Document
from tune.study.study import Study, build_study
from tune.study.trained_by import KINDS, TRAINER, default_recording
from tune.trainer import LOOP, MAIN, METHODS, TrainerClass, refuse_lacking

_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class GivenTrainer:
    """A trainer that nobody need import.

    Attributes:
        trainer: The class.
        sources: The file in which it is written, by the name of its module; empty where it has none, as in a notebook.
        by_name: Whether other processes can import it by the name that the study has.
    """

    trainer: TrainerClass
    sources: Mapping[str, Path]
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
        made = function_trainer(given, name)
        return naming(study, "function", name), GivenTrainer(made, sources_of(given), importable(given))
    refuse_lacking(given, METHODS, f"trainer: {name}")
    return naming(study, "trainer", name), GivenTrainer(given, sources_of(given), importable(given))


def looped(study: Study) -> tuple[Study, GivenTrainer]:
    """Returns a study that says that a loop of its user's trains it, and what stands for its trainer."""

    def none(*_: Any) -> Any:
        raise UserMistake(f"trainer: {LOOP} trains nothing itself")

    return naming(study, "trainer", LOOP), GivenTrainer(none, {}, by_name=True)


def naming(study: Study, way: str, name: str) -> Study:
    """Returns a study that is trained in another way.

    Args:
        study: The study.
        way: trainer or function.
        name: `package.module:Name`.
    """
    said = study.model_dump(mode="json", by_alias=True)
    kept = {key: value for key, value in said.items() if key not in KINDS}
    if study.trainer == TRAINER and kept["recording"] == default_recording({"trainer": TRAINER}):
        del kept["recording"]  # of the built-in trainer, which does not train here
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


def sources_of(given: Callable[..., Any]) -> dict[str, Path]:
    """Returns the file in which a class or function is written, by the name of its module; empty where it has none."""
    try:
        found = Path(inspect.getsourcefile(inspect.unwrap(given)) or "")
    except (TypeError, OSError):  # built in, or of a notebook
        return {}
    module = name_of(given).partition(":")[0]
    return {found.stem if module == "__main__" else module: found} if found.is_file() else {}


def importable(given: Callable[..., Any]) -> bool:
    """Says whether a class or function is what its name says, in a module and not in what runs."""
    module, _, name = name_of(given).partition(":")
    return module != "__main__" and getattr(sys.modules.get(module), name, None) is given


def _of_this_script(study: Study) -> GivenTrainer | None:
    named = study.trainer or study.function or ""
    found = getattr(sys.modules["__main__"], named.removeprefix(MAIN), None) if named.startswith(MAIN) else None
    return None if found is None else with_given(study, found)[1]
