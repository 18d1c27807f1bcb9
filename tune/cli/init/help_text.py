"""Options that a program tells when it is run with --help."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import yaml

from tune.cli.init.options import UNKNOWN, Interface, Kind, Option
from tune.cli.init.source import is_number
from tune.errors import UserMistake
from tune.study.scalars import Loader

LIMIT_S = 60.0
_MOST_BYTES = 1_000_000
_OPTION = re.compile(
    r"""^\W{0,8}
    (?:-\w[, ]+(?:[A-Z<\[]\S*[, ]+)?)?     # -b BATCH,
    (--[\w.-]+)                            # --batch
    (?:[/|, ]+(--no-?[\w.-]+))?            # /--no-batch
    (?:[, ]+-\w(?=[ ]|$))?                 # -b, as typer puts it
    (?:[ =]+(\S+))?                        # BATCH, or a word of the explanation
    """,
    re.VERBOSE,
)
_DEFAULT = re.compile(r"[\[(]?default(?: is|s to)?[:= ]+([^\])\s,;]+)", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"float": "float", "int": "int", "integer": "int", "bool": "bool", "boolean": "bool"}
_BOX = str.maketrans("", "", "│┃|╭╮╰╯─━*")


def help_interface(command: list[str], cwd: Path) -> Interface:
    """Runs a program with --help and returns the options that it tells.

    The program is executed: with nothing on standard input, in a process group of its own, for 60 s at most, and
    whatever it has started is ended with it.

    Args:
        command: What runs the program, without --help.
        cwd: Where it is run.

    Raises:
        UserMistake: If it cannot be run, does not end, or tells no option.
    """
    text, code = _said([*command, "--help"], cwd)
    options = list(parse_help(text))
    if not options:
        last = [line for line in text.splitlines() if line.strip()][-3:]
        said = f"; its last lines: {' / '.join(last)}" if last else "; it printed nothing"
        raise UserMistake(
            f"{' '.join(command)} --help: told no options (exit code {code}){said}; mend that, or write the study by "
            "hand (docs/start.md)"
        )
    return Interface("--help", tuple(options))


def parse_help(text: str) -> list[Option]:
    """Returns the options of a help text as argparse, click, typer and tyro print it.

    Kinds come from placeholders (`--lr FLOAT`) and defaults (`[default: 0.1]`); where there is neither, it is text.
    """
    paragraphs: list[str] = []
    for line in text.translate(_BOX).splitlines():
        if _OPTION.match(line.strip()) and len(line) - len(line.lstrip()) <= 12:
            paragraphs.append(line.strip())
        elif paragraphs and line.strip():
            paragraphs[-1] += "  " + line.strip()
    found = {option.name: option for paragraph in paragraphs if (option := _option(paragraph)) is not None}
    return list(found.values())


def _option(paragraph: str) -> Option | None:
    match = _OPTION.match(paragraph)
    if match is None or match[1] in ("--help", "--version", "--install-completion", "--show-completion"):
        return None
    spelling, negation, after = match[1], match[2] or "", match[3] or ""
    gap = paragraph[: match.end()].endswith(f"  {after}")  # two spaces: what follows is the explanation
    if gap and not re.fullmatch(r"[A-Z_<>\[\]{}|]+", after):
        after = ""
    told = _DEFAULT.search(paragraph)
    default = _value(told[1]) if told else UNKNOWN
    name = spelling.lstrip("-").replace("-", "_")
    choices = (
        tuple(map(_value, after.strip("{}[]").replace("|", ",").split(","))) if after[:1] in "{[" and after else ()
    )
    kind = _KINDS.get(after.strip("<>[]{}").lower(), "text")
    if kind == "text" and is_number(default):
        kind = "int" if isinstance(default, int) else "float"
    if negation or not after:
        return Option(name, spelling, "bool", default, negation=negation, switch=True)
    return Option(name, spelling, kind, default, choices, required="required" in paragraph.lower())


def _value(text: str) -> object:
    """Returns what a default's text is: a number, true or false, or text."""
    known = {"true": True, "false": False, "none": None}
    if text.strip("'\"").lower() in known:
        return known[text.strip("'\"").lower()]
    try:
        value = yaml.load(text.rstrip("."), Loader=Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError):
        return text
    return value if is_number(value) else text


def _said(command: list[str], cwd: Path) -> tuple[str, int | None]:
    """Returns what a command printed, output and errors together, and its exit code."""
    environment = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1", "TERM": "dumb"}
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise UserMistake(
            f"{command[0]}: cannot be run: {error.strerror}; a program that is no Python must be executable"
        ) from None
    assert process.stdout is not None
    end, said = time.monotonic() + LIMIT_S, b""
    try:
        while len(said) < _MOST_BYTES:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise UserMistake(
                    f"{' '.join(command)}: has not ended after {LIMIT_S:.0f} s and was stopped; does it know --help?"
                )
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                break
            said += part
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(5.0, end - time.monotonic())))
        return said.decode("utf-8", "replace"), process.poll()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def runner(program: Path) -> list[str]:
    """Returns what runs a program: this Python for Python, the file itself for anything else."""
    return [sys.executable, program.name] if program.suffix == ".py" else [str(program.resolve())]
