"""A study of a program, drafted from its options: what is told, what is searched, what the user has to fill in."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tune.cli.init.checkpoint_use import CheckpointUse
from tune.cli.init.metrics import Metrics
from tune.cli.init.options import UNKNOWN, Interface, Option
from tune.cli.init.ranges import Range, range_of
from tune.cli.init.roles import Role, by_role, role_of
from tune.cli.init.source import is_number

FILL_IN = "FILL_IN"
DEFAULT_EPOCHS = 10
_PARAMETER = re.compile(r"[A-Za-z_][\w.]*")
_RESERVED = {"seed", "seeds", "epochs", "checkpoint", "run", "trial", "study", "args", "flags", "hydra", "config"}
"""Placeholders that a command has of its own."""


@dataclass(frozen=True)
class Candidate:
    """A parameter that is searched, or could be.

    Attributes:
        name: Its name in `space`.
        range: What is searched.
        default: The program's own value; UNKNOWN where that is not known.
        instead: What has to be done to search it; "" where it is searched.
    """

    name: str
    range: Range
    default: object
    instead: str = ""


@dataclass
class Draft:
    """What a study of a program is going to say.

    Attributes:
        command: Words of the command line, in groups that belong on one line; quoted as for a shell.
        resume: Words that are added once there is a checkpoint.
        config: `program.config`; empty where nothing is told by a file.
        candidates: Parameters, searched or not.
        others: Options that are neither told nor searched, each in a line.
        missing: What the user has to fill in, each in a line.
        notes: What the user should know, each in a line.
        epochs: Of a full training.
    """

    command: list[str]
    resume: list[str] = field(default_factory=list)
    config: dict[str, object] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    epochs: int = DEFAULT_EPOCHS


@dataclass(frozen=True)
class Program:
    """What is known about a program before its study is drafted.

    Attributes:
        name: Of its file, for people.
        start: Words that start it, quoted as for a shell.
        metrics: How its metrics are read.
        checkpoint: How it uses the path of its checkpoint.
        epochs: How many epochs its source counts to, for one that has no option for them; None where that is not seen.
    """

    name: str
    start: str
    metrics: Metrics
    checkpoint: CheckpointUse
    epochs: int | None = None


def draft_of_options(program: Program, interface: Interface) -> Draft:
    """Drafts the study of a program that is told everything on its command line."""
    draft = Draft([_started(program, interface)])
    hydra = interface.style == "Hydra"
    filled, rest = by_role(interface.options)
    for option in map(_as_switch, _positional_last(rest)):
        _take_option(draft, option, "" if hydra else _told(option), program)
    if hydra and any(not one.instead for one in draft.candidates):
        draft.command.append("{hydra}")
    _take_roles(draft, filled, program, join="=" if hydra else " ")
    if hydra:
        draft.command.append("hydra.run.dir={run}")
    if Role.CONFIG in filled:
        _take_other(draft, filled[Role.CONFIG], program)
    _take_seed_and_epochs(draft, filled, program)
    return draft


def draft_of_configuration(program: Program, interface: Interface, file: str, values: Sequence[Option]) -> Draft:
    """Drafts the study of a program that is told its settings by a configuration file.

    Args:
        program: The program.
        interface: What its command line takes; by this are told the file and what else a study says and it takes.
        file: The configuration file, as seen from the study's folder.
        values: The values of that file.
    """
    draft = Draft([_started(program, interface)])
    told, rest = by_role(interface.options)
    taker = told.pop(Role.CONFIG, None) or next((option for option in rest if not option.spelling), None)
    draft.command.append("{config}" if taker is None else f"{taker.spelling} {{config}}".strip())
    for option in _positional_last(rest):
        if option is not taker:
            _take_other(draft, option, program)
    _take_roles(draft, told, program, join=" ")
    filled, rest = by_role(values)
    changes = {
        filled[role].name: f"{{{role.value}}}"
        for role in (Role.SEED, Role.EPOCHS, Role.RUN, Role.CHECKPOINT)
        if role in filled and role not in told
    }
    draft.config = {"file": file, **({"set": changes} if changes else {})}
    for option in rest:
        _take_option(draft, option, "", program)
    _take_seed_and_epochs(draft, {**told, **filled}, program)
    return draft


def _started(program: Program, interface: Interface) -> str:
    return f"{program.start} {shlex.quote(interface.subcommand)}" if interface.subcommand else program.start


def _positional_last(options: Sequence[Option]) -> list[Option]:
    return sorted(options, key=lambda option: not option.spelling)


def _told(option: Option) -> str:
    """Returns the words that tell an option the value of its parameter; a switch is only there where that is true."""
    if option.switch:
        return f"{{{option.name}?{option.spelling}}}"
    return f"{option.spelling} {{{option.name}}}".lstrip()


def _as_switch(option: Option) -> Option:
    """Returns a switch that is off by default: one that is on, as what turns it off."""
    if not (option.switch and option.default is True):
        return option
    off = option.negation or option.spelling  # one that only turns something off says so itself
    return replace(option, name=off.lstrip("-").replace("-", "_"), spelling=off, default=False)


def _take_option(draft: Draft, option: Option, told: str, program: Program) -> None:
    """Puts one option among the candidates or the others, and into the command where it has to be."""
    candidate = _candidate(option, told)
    if candidate is not None:
        draft.candidates.append(candidate)
        if not candidate.instead:
            if told:
                draft.command.append(told)
            return
        if option.required:
            _fill_in(draft, option, program)
    else:
        _take_other(draft, option, program)


def _take_other(draft: Draft, option: Option, program: Program) -> None:
    """Tells the user of an option that is left to him."""
    draft.others.append(f"{option.spelling or option.name}: {_default_words(option)}")
    if option.required:
        _fill_in(draft, option, program)


def _fill_in(draft: Draft, option: Option, program: Program) -> None:
    """Puts an option without which a program does not start into the command, for the user to fill in."""
    join = " " if option.spelling.startswith("-") or not option.spelling else "="
    draft.command.append(f"{option.spelling}{join}{FILL_IN}".strip())
    draft.missing.append(f"{option.spelling or option.name}, without which {program.name} does not start")


def _candidate(option: Option, told: str) -> Candidate | None:
    """Returns an option as a parameter; None where it is none, or nobody can say what to search."""
    if not _PARAMETER.fullmatch(option.name) or option.name in _RESERVED:
        return None
    found, add = range_of(option), f"; add {told} to the command" if told else ""
    default = option.default
    if found is None:
        values = list(option.choices) if option.kind == "text" and len(option.choices) > 1 else []
        return Candidate(option.name, {"choice": values}, default, f"no number{add}") if values else None
    if role_of(option) is Role.MACHINE:
        return Candidate(option.name, found, default, f"about the machine or the output{add}")
    known = is_number(default) or isinstance(default, bool | str)
    return Candidate(option.name, found, default if known else UNKNOWN)


def _take_roles(draft: Draft, filled: Mapping[Role, Option], program: Program, join: str) -> None:
    """Tells seed, epochs, folders and checkpoint by the options for them."""

    def tell(role: Role, value: str) -> None:
        spelling = filled[role].spelling
        draft.command.append(f"{spelling}{join}{value}" if spelling else value)

    for role in (Role.SEED, Role.EPOCHS):
        if role in filled:
            tell(role, f"{{{role.value}}}")
    keeps = Role.CHECKPOINT in filled
    if keeps:
        name = program.checkpoint.of(filled[Role.CHECKPOINT].name)
        tell(Role.CHECKPOINT, "{checkpoint}" if name is None else f"{{checkpoint}}/{name}")
    if Role.RUN in filled and not str(filled[Role.RUN].default).startswith("${"):  # Hydra's own folder follows already
        goes_on = Role.RESUME in filled and not keeps
        tell(Role.RUN, "{checkpoint}" if goes_on else "{run}")  # what it goes on from must lie where it finds it again
        keeps = keeps or goes_on
    if Role.RESUME in filled:
        _take_resume(draft, filled[Role.RESUME], program, keeps=keeps, join=join)


def _take_resume(draft: Draft, resume: Option, program: Program, *, keeps: bool, join: str) -> None:
    """Tells from what to go on: at every start where the program takes a folder, else once there is a checkpoint."""
    if resume.switch:
        if keeps:
            draft.resume = [resume.spelling]
        else:
            draft.others.append(f"{resume.spelling}: {program.name} has no option that says where its checkpoint lies")
        return
    name = program.checkpoint.of(resume.name)
    if name is None:
        draft.command.append(f"{resume.spelling}{join}{{checkpoint}}")
    elif program.checkpoint.saves(resume.name):
        draft.command.append(f"{resume.spelling}{join}{{checkpoint}}/{name}")
    elif keeps:
        path = f"{{checkpoint}}/{name}"
        draft.resume = [resume.spelling, path] if join == " " else [f"{resume.spelling}{join}{path}"]
        if program.checkpoint.file is None:
            draft.missing.append(f"program.resume: the name of the file that {program.name} saves in place of {name}")
    else:
        draft.others.append(
            f"{resume.spelling}: {program.name} has no option that says where it saves what it goes on from"
        )


def _take_seed_and_epochs(draft: Draft, filled: Mapping[Role, Option], program: Program) -> None:
    """Takes over how long a full training is, and says what the program cannot be told."""
    if Role.SEED not in filled:
        draft.notes.append(
            f"{program.name} has no option for its seed: give it one, and {{seed}} to it; until then repeats differ by "
            "chance and cannot be repeated"
        )
    option = filled.get(Role.EPOCHS)
    if option is None:
        draft.epochs = program.epochs or 1
        draft.notes.append(
            f"{program.name} has no option for its epochs: `epochs` is {draft.epochs}; it must be how often one "
            "training tells its metrics"
        )
    elif type(option.default) is int and option.default > 0:
        draft.epochs = option.default


def _default_words(option: Option) -> str:
    if option.required:
        return "must be given"
    if option.default is UNKNOWN:
        return "its default is not known"
    return "no default" if option.default is None else f"{option.default}"
