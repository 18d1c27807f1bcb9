"""Writes the two pages of reference, from what is checked when a study or a command is read.

python -m docs.reference    # docs/study.md from the models of the study file, docs/commands.md from the parser
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tune.cli.parser import build_parser
from tune.study.study import json_schema

HERE = Path(__file__).parent
STUDY, COMMANDS = HERE / "study.md", HERE / "commands.md"

_STUDY_HEAD = """\
# The study file

Every key, what it means and its default; an example with comments is in [README](../README.md#how-to-write-a-study).
`name`, `space`, `seeds` and `epochs` (or `rungs`) are required; of a plan `base` and `plan` in place of `space`. All
mistakes of a file are reported at once, each with its line, and an editor that knows `search_spaces/study.schema.json`
shows them while one types. `--set path=value` overrides any key (`--set search.trials=48`). The parameters under
`fixed`, `base` and `space` are the trainer's: those of the built-in one are the fields of `model/config.py`.

This page is made from `tune/study/study.py` and `tune/study/sections.py` with `make reference`.
"""
_COMMANDS_HEAD = """\
# The commands

Every command and option, as `latent-tune --help` and `latent-tune COMMAND --help` say them. Exit codes: 0 done; 2 the
user's mistake, in one message; 3 a check said no-go; 130 interrupted, with the command that continues printed last; 1
anything else.
`--debug` shows a traceback with every error.

This page is made from `tune/cli/parser.py` with `make reference`.
"""


def study_page() -> str:
    """Returns `docs/study.md`."""
    schema = json_schema()
    definitions = schema["$defs"]
    top = {key: one for key, one in schema["properties"].items() if "$ref" not in one}
    lines = [_STUDY_HEAD, "## The file itself", "", *_keys("", top, schema["required"])]
    lines += ["## A parameter of `space`", "", "One of these, under the parameter's name.", ""]
    kinds = [one["$ref"].rpartition("/")[2] for one in schema["properties"]["space"]["additionalProperties"]["oneOf"]]
    for kind in kinds:
        found = definitions[kind]
        lines += [found["description"], "", *_keys("space.NAME.", found["properties"], found["required"])]
    rung = definitions["Rung"]
    lines += ["## A rung of `rungs`", "", rung["description"], ""]
    lines += _keys("rungs.N.", rung["properties"], rung["required"])
    a_round = definitions["Round"]
    lines += ["## A round of `plan`", "", f"{a_round['description']} [plans.md](plans.md) says how to use one.", ""]
    lines += _keys("plan.NAME.", a_round["properties"], a_round.get("required", ()))
    searched = {key: definitions["RoundSearch"]["properties"][key] for key in ("space", "rungs")}
    lines += ["`search` of a round has the keys of `search` below, and:", ""]
    lines += _keys("plan.NAME.search.", searched, ("space",))
    for key, one in schema["properties"].items():
        if "$ref" in one:
            section = definitions[one["$ref"].rpartition("/")[2]]
            lines += [f"## `{key}`", "", section["description"], ""]
            lines += _keys(f"{key}.", section["properties"], section.get("required", ()))
    return "\n".join(lines).rstrip() + "\n"


def commands_page() -> str:
    """Returns `docs/commands.md`."""
    lines = [_COMMANDS_HEAD]
    for name, parser, text in _commands():
        positional = " ".join(_usage(one) for one in parser._actions if not one.option_strings)  # noqa: SLF001
        lines += [f"## `latent-tune {name} {positional}`", "", f"{text[0].upper()}{text[1:]}.", ""]
        rows = [row for one in parser._actions if (row := _option(one)) is not None]  # noqa: SLF001
        lines += ["| argument | meaning |", "| --- | --- |", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _keys(prefix: str, keys: Mapping[str, Mapping[str, Any]], required: Any) -> Iterator[str]:
    yield from ("| key | default | meaning |", "| --- | --- | --- |")
    for key, one in keys.items():
        default = "required" if key in required else _default(one)
        yield f"| `{prefix}{key}` | {default} | {_cell(one.get('description', ''))} |"
    yield ""


def _default(one: Mapping[str, Any]) -> str:
    if "default" not in one:
        return "–"
    return f"`{one['default'] if isinstance(one['default'], str) else json.dumps(one['default'])}`"


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yields every command: its name, its parser and its line of help."""
    (group,) = (one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001
    texts = {str(one.dest): str(one.help) for one in group._choices_actions}  # noqa: SLF001
    for name, parser in group.choices.items():
        yield name, parser, texts[name]


def _usage(one: argparse.Action) -> str:
    """Returns a positional argument as usage shows it: in brackets where it may be left out, with dots if repeated."""
    name = str(one.metavar)
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}.get(str(one.nargs), name)


def _option(one: argparse.Action) -> str | None:
    """Returns the row of an argument; None for those that each command has."""
    if one.help == argparse.SUPPRESS or isinstance(one, argparse._HelpAction):  # noqa: SLF001
        return None
    values = one.metavar or (f"{{{','.join(one.choices)}}}" if one.choices else one.dest.upper())
    takes = "" if one.nargs == 0 else f" [{values} ...]" if one.nargs == "*" else f" {values}"
    name = ", ".join(f"{option}{takes}" for option in one.option_strings) or str(values)
    return f"| `{name}` | {_cell(str(one.help))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    STUDY.write_text(study_page(), encoding="utf-8")
    COMMANDS.write_text(commands_page(), encoding="utf-8")
