"""From a program to the text of its study: its options are read, and never a training run."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from tune.cli.init.argparse_reader import argparse_interfaces
from tune.cli.init.checkpoint_use import CheckpointUse
from tune.cli.init.click_reader import click_interfaces
from tune.cli.init.configuration import configuration_options, hydra_interfaces, read_configuration
from tune.cli.init.draft import Draft, Program, draft_of_configuration, draft_of_options
from tune.cli.init.help_text import help_interface, runner
from tune.cli.init.metrics import epochs_counted, metrics_of
from tune.cli.init.options import Interface, choose
from tune.cli.init.roles import Role, role_of
from tune.cli.init.source import Source, read_text, with_imported
from tune.cli.init.study_text import study_text
from tune.cli.init.typed_reader import typed_interfaces
from tune.errors import UserMistake


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        script: The program.
        out: The study file that is going to be written.
        name: Of the study.
        config: A configuration file that tells the program everything; None without.
        metrics: How metrics are read, one of `metrics.WAYS`; None for a guess.
        subcommand: Of the program; None where nothing was said.
        help_run: Whether the program may be run with --help.
    """

    script: Path
    out: Path
    name: str
    config: Path | None = None
    metrics: str | None = None
    subcommand: str | None = None
    help_run: bool = False


@dataclass(frozen=True)
class Written:
    """A study's text, and what the user has to know about it.

    Attributes:
        text: Of the study file.
        draft: What it says.
        program: The program that it is of.
        style: How the program reads its options.
    """

    text: str
    draft: Draft
    program: Program
    style: str


def study_of_script(request: Request) -> Written:
    """Returns the study of a program.

    Raises:
        UserMistake: If the program or its configuration cannot be read, or no options are found.
    """
    sources = _sources(request)
    interface = _interface(request, sources)
    folder = any(role_of(option) is Role.RUN for option in interface.options) or interface.style == "Hydra"
    values = []
    if request.config is not None:
        values = list(configuration_options(read_configuration(request.config)))
        if not values:
            raise UserMistake(f"{request.config}: holds no values; give the configuration of one training")
        folder = folder or any(role_of(option) is Role.RUN for option in values)
    program = Program(
        name=request.script.name,
        start=_start(request),
        metrics=metrics_of(sources, request.metrics, folder=folder),
        checkpoint=CheckpointUse.read(sources),
        epochs=epochs_counted(sources),
    )
    if request.config is None:
        draft = draft_of_options(program, interface)
    else:
        draft = draft_of_configuration(program, interface, _seen_from(request.out, request.config), values)
    return Written(study_text(draft, program, request.name), draft, program, interface.style)


def _sources(request: Request) -> list[Source]:
    """Returns the files of a program in Python, its own first; none of any other program."""
    if request.script.suffix == ".py":
        return list(with_imported(Source.read(request.script)))
    text = read_text(request.script)
    if not (request.help_run or request.config):
        kind = "no Python file" if text.startswith("#!") else "neither a Python file nor a program (it has no #! line)"
        raise UserMistake(
            f"{request.script}: {kind}, so its options cannot be read from its source; add --help-run to have it run "
            "with --help, or --config FILE if it is told everything by a configuration file"
        )
    return []


def _interface(request: Request, sources: list[Source]) -> Interface:
    """Returns the options of a program, by its source where that shows them, else by its help."""
    found = [] if request.help_run else _read(sources)
    if found:
        return choose(found, request.subcommand, request.script.name)
    if request.help_run:
        command = runner(request.script) + ([request.subcommand] if request.subcommand else [])
        told = help_interface(command, request.script.resolve().parent)
        return Interface(told.style, told.options, request.subcommand or "")
    if request.config is not None:
        return Interface("a configuration file", ())
    raise UserMistake(
        f"{request.script}: no options found in its source (argparse, click, typer, tyro, fire, Hydra); add --help-run "
        "to have it run with --help, --config FILE if it is told everything by a configuration file, or make a "
        "function of it: latent-tune init --from function"
    )


def _read(sources: list[Source]) -> list[Interface]:
    """Returns what the first file of a program shows that shows any options."""
    for source in sources:
        interfaces = (
            hydra_interfaces(source, sources)
            or typed_interfaces(source, sources)
            or click_interfaces(source)
            or argparse_interfaces(source)
        )
        if any(interface.options for interface in interfaces):
            return interfaces
    return []


def _start(request: Request) -> str:
    """Returns the words that start a program in the folder of its study."""
    path = _seen_from(request.out, request.script)
    if request.script.suffix == ".py":
        return f"python {shlex.quote(_without_braces(path))}"
    return shlex.quote(_without_braces(path if "/" in path else f"./{path}"))


def _seen_from(out: Path, path: Path) -> str:
    return Path(os.path.relpath(path.resolve(), out.resolve().parent)).as_posix()


def _without_braces(text: str) -> str:
    """Returns text in which braces are no placeholders."""
    return text.replace("{", "{{").replace("}", "}}")
