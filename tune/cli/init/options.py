"""What a program can be told from outside: its options, as its source, its help or its configuration shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from tune.errors import UserMistake, did_you_mean


class Unknown(Enum):
    """Stands where a value cannot be known without running the program."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN

Kind = Literal["float", "int", "bool", "text", "other"]
"""Of an option's values; other: lists, counts and whatever else is no single value."""


@dataclass(frozen=True)
class Option:
    """One option, positional argument, or key of a configuration.

    Attributes:
        name: Its name as a parameter of a study, `batch_size`; dotted where it is nested, `optimizer.lr`.
        spelling: What stands before its value on the command line, `--batch-size`; "" before a positional argument.
        kind: Of its values.
        default: Its value when it is not given; UNKNOWN where it must be given, or is only known to the program.
        choices: The values that are allowed; empty for any.
        required: Whether the program refuses to start without it.
        negation: What says no to a switch, `--no-shuffle`; "" where nothing does.
        switch: Whether it is given without a value.
    """

    name: str
    spelling: str
    kind: Kind = "text"
    default: object = None
    choices: tuple[object, ...] = ()
    required: bool = False
    negation: str = ""
    switch: bool = False


@dataclass(frozen=True)
class Interface:
    """All options of a program, or of one of its subcommands.

    Attributes:
        style: How the program reads them, in a word: argparse, click, typer, tyro, Hydra.
        options: In the program's order.
        subcommand: The word before the options; "" where there is none.
    """

    style: str
    options: tuple[Option, ...]
    subcommand: str = ""


def choose(interfaces: Sequence[Interface], subcommand: str | None, program: str) -> Interface:
    """Returns the interface of a subcommand, or the only one.

    A program of several subcommands has options of its own as well, which hold for each of them and come first.

    Args:
        interfaces: As they were found, at least one.
        subcommand: What the user asked for; None where nothing was said.
        program: For messages.

    Raises:
        UserMistake: If there is none of that name, or the user must choose.
    """
    names = [one.subcommand for one in interfaces if one.subcommand]
    if subcommand is None and len(names) > 1 and "train" in names:
        subcommand = "train"
    if subcommand is None and len(names) > 1:
        raise UserMistake(f"{program}: has several subcommands; say which one trains: --subcommand {'|'.join(names)}")
    wanted = subcommand or (names[0] if names else "")
    if wanted and wanted not in names:
        said = did_you_mean(wanted, names) if names else "; it has no subcommands, leave --subcommand out"
        raise UserMistake(f"--subcommand {wanted}: {program} has none of that name{said}")
    parts = [one for one in interfaces if one.subcommand in ("", wanted)]
    own = sorted(parts, key=lambda one: bool(one.subcommand))
    return Interface(own[-1].style, tuple(option for one in own for option in one.options), wanted)
