"""What trains: a class, a function or a program, of which a study or training file names one."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Protocol

from pydantic import Field

from tune.study.program.section import Program, program_mistakes

TRAINER = "model.trainer:LatentEvolutionTrainer"
"""The trainer that comes with the package, which trains where a file names nothing."""

KINDS = ("trainer", "function", "program")
"""The keys of a file that name what trains; just one of them is there."""

Named = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""Something to import, as `package.module:name`."""


class TrainedBy(Protocol):
    """A file that names what trains; just one of the three is there."""

    @property
    def name(self) -> str:
        """Of the study or training."""
        ...

    @property
    def trainer(self) -> str | None:
        """A class that keeps the contract of `tune.trainer.Trainer`."""
        ...

    @property
    def function(self) -> str | None:
        """A function that trains one seed."""
        ...

    @property
    def program(self) -> Program | None:
        """A command line."""
        ...


def default_trainer(given: Mapping[str, Any]) -> str | None:
    """Returns the trainer of a file that gives none, from the fields before it."""
    return TRAINER if given.get("function") is None and given.get("program") is None else None


def default_recording(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recording of a file that gives none: functions and programs read their data themselves."""
    return {"simulate": {}} if given.get("trainer") is not None else {}


def what_trains(named: TrainedBy) -> str:
    """Returns what trains in one line, the same for the same: a class by its name, others with their kind."""
    if named.program is not None:
        return f"program {named.program.in_words}"
    return f"function {named.function}" if named.function is not None else named.trainer or TRAINER


def modules_of(named: TrainedBy) -> list[str]:
    """Returns the dotted names of the modules that are imported to train."""
    return [name.partition(":")[0] for name in (named.trainer, named.function) if name is not None]


def trained_by_mistakes(named: TrainedBy, parameters: Collection[str]) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns path and message of what is wrong with the name of what trains.

    Args:
        named: The file.
        parameters: The names that a configuration has.
    """
    there = [kind for kind in KINDS if getattr(named, kind) is not None]
    if not there:
        return [(("trainer",), "nothing is to train; name a trainer, a function or a program")]
    found: list[tuple[tuple[str | int, ...], str]] = [
        ((kind,), f"is given beside `{there[0]}`; keep the one that is to train") for kind in there[1:]
    ]
    if named.program is not None:
        found += [(("program", *at), said) for at, said in program_mistakes(named.program, parameters)]
    return found
