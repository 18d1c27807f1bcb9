"""The words and the environment with which one run of a program is started."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.errors import UserMistake
from tune.study.program.placeholders import SPREAD, condition_of, filled, has_all, named_in
from tune.study.program.section import Program

_PLAIN_IN_HYDRA = re.compile(r"[A-Za-z_/.@%+-][\w/.@%+-]*")
_NO_TEXT_IN_YAML = frozenset({"null", "none", "true", "false", "yes", "no", "on", "off", "nan", "inf"})


def words(program: Program, config: Mapping[str, Any], values: Mapping[str, Any], *, resumed: bool) -> list[str]:
    """Returns the words of the command line of one run.

    A word with a parameter that the trial does not have is left out, and an option right before it.

    Args:
        program: The section of the study.
        config: The parameters of the trial, fixed ones included.
        values: The placeholders that are of the run.
        resumed: Whether there is a checkpoint.
    """
    everything = {**config, **values}
    texts = {name: text(value) for name, value in everything.items()}
    rest = {name: config[name] for name in unnamed(program, config)}
    found: list[str] = []
    for word in [*program.command, *(program.resume if resumed else [])]:
        condition = condition_of(word)
        if word.strip("{}") in SPREAD and word == f"{{{word[1:-1]}}}":
            found += _STYLES[word[1:-1]](rest)
        elif condition is not None:
            found += [condition[1]] if everything.get(condition[0]) else []
        elif has_all(word, texts):
            found.append(filled(word, texts))
        elif not word.startswith("-") and found[-1:] and found[-1].startswith("-") and found[-1] in program.command:
            found.pop()
    return found


def unnamed(program: Program, names: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Returns the parameters that no placeholder names: they are in `{args}`, or in the copy of the file."""
    named = {name for _, one in program.texts() for name in named_in(one)}
    return [name for name in names if name not in named]


def environment(program: Program, texts: Mapping[str, str], **more: str) -> dict[str, str]:
    """Returns all variables of one run: those of this process, GPUs and threads among them, and the study's.

    Args:
        program: The section of the study.
        texts: The values of all placeholders.
        **more: Variables that are of this run.
    """
    ours = {name: filled(given, texts) for name, given in program.environment.items() if has_all(given, texts)}
    return {**os.environ, "PATH": search_path(), "PYTHONUNBUFFERED": "1", **more, **ours}


def search_path() -> str:
    """Returns `PATH`, before it the folder of this Python where no other environment is active.

    So `python` is the one that has been activated, else the one that this package is installed for.
    """
    path = os.environ.get("PATH", os.defpath)
    active = [os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    if any(place is not None and Path(place).resolve() != Path(sys.prefix).resolve() for place in active):
        return path
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"


def refuse_missing(program: Program) -> None:
    """Raises UserMistake if the program cannot be started from this working directory."""
    first = program.command[0]
    if named_in(first):
        return
    if shutil.which(first, path=program.environment.get("PATH", search_path())) is not None:
        return
    if os.sep not in first:
        beside = f"; to run the file beside the study write ./{first}" if Path(first).is_file() else ""
        raise UserMistake(f"program.command: no program '{first}' is on PATH{beside}; name one that is there")
    here = Path(first)
    if not here.is_file():
        raise UserMistake(f"program.command: {first} is not there, seen from {Path.cwd()}; name a program that is")
    raise UserMistake(
        f"program.command: {first} is not executable; chmod +x it, or name the program that runs it first"
    )


def text(value: Any) -> str:
    """Returns a value as a word: true, false and null as in YAML, lists with commas, mappings as JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return ",".join(map(text, value))
    return str(value)


def _args(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yields `--name value`; a list is several values, null no option."""
    for name, value in parameters.items():
        if value is None:
            continue
        given = [text(one) for one in value] if isinstance(value, list | tuple) else [text(value)]
        if len(given) == 1 and given[0].startswith("-"):
            yield f"--{name}={given[0]}"  # else it would be taken for an option
        else:
            yield from (f"--{name}", *given)


def _flags(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yields the same, with `--name` or `--no-name` for truth values, `--group.no-name` where it has a dot."""
    for name, value in parameters.items():
        group, dot, last = name.rpartition(".")
        if isinstance(value, bool):
            yield f"--{group}{dot}{'' if value else 'no-'}{last}"
        else:
            yield from _args({name: value})


def _hydra(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yields `name=value` in Hydra's grammar."""
    return (f"{name}={_in_hydra(value)}" for name, value in parameters.items())


def _in_hydra(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_in_hydra(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_in_hydra, value))}]"
    if isinstance(value, str) and (not _PLAIN_IN_HYDRA.fullmatch(value) or value.lower() in _NO_TEXT_IN_YAML):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return text(value)


_STYLES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {"args": _args, "flags": _flags, "hydra": _hydra}
