"""YAML files whose every mistake is reported at once, with its path and line."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from tune.errors import FileMistakes, Mistake, UserMistake, did_you_mean
from tune.study.scalars import Dumper, Loader, misread

YamlKey = str | int
Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 1_000_000
_MOST_VALUES = 100_000  # aliases of aliases make so many of a few lines that nobody could wait for them
# What PyYAML raises over a value that does not fit its tag, such as `!!int ''`, besides errors of its own.
_NOT_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass
class Document:
    """A mapping read from a file, and where each of its values stands.

    Attributes:
        source: The file, for messages.
        value: The mapping.
        lines: 1-based line by path.
        mistakes: What was already found wrong while reading.
    """

    source: str
    value: dict[str, Any]
    lines: dict[tuple[YamlKey, ...], int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, path: Sequence[YamlKey], message: str) -> Mistake:
        """Returns a mistake at a path, with the line of the nearest value that stands in the file."""
        keys = tuple(path)
        nearest = next((keys[:end] for end in range(len(keys), 0, -1) if keys[:end] in self.lines), None)
        return Mistake(".".join(map(str, keys)), message, self.lines[nearest] if nearest is not None else None)


def read(path: Path) -> Document:
    """Reads a YAML file that holds one mapping.

    Raises:
        UserMistake: If the file cannot be read or is not YAML.
        FileMistakes: If it does not hold a mapping.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserMistake(f"{path}: {path.stat().st_size:,} bytes is no study file; at most {MAX_BYTES:,} are read")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserMistake(f"{path}: no such file; give the path of a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserMistake(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Reads YAML text that holds one mapping; `source` names it in messages."""
    try:
        loader = Loader(text)
    except yaml.YAMLError as error:
        raise FileMistakes(source, [Mistake("", f"not YAML: {' '.join(str(error).split())}")]) from None
    try:
        node = loader.get_single_node()
        document = Document(source, {})
        if node is not None:
            document.lines, document.mistakes = _locate(node)
            document.value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileMistakes(source, [Mistake("", f"not YAML: {error.problem or error.context}", line)]) from None
    except _NOT_YAML as error:
        raise FileMistakes(source, [Mistake("", f"not YAML: {type(error).__name__}: {error}")]) from None
    finally:
        loader.dispose()
    if not isinstance(document.value, dict):
        kind = type(document.value).__name__
        raise FileMistakes(source, [Mistake("", f"a mapping of keys to values is needed, got a {kind}", 1)])
    return document


_BY_PARAMETER = ("fixed", "base", "grid", "one_at_a_time")
"""Sections whose keys are names of parameters; under `space` these have keys of their own."""


def assign(document: Document, path: str, value: Any) -> None:
    """Sets the value at a dotted path, as `--set path=value` does; lists are entered by index.

    Intermediate mappings that are missing are made. A path that leads through a plain value is recorded as a mistake. A
    parameter may have dots in its name, such as `training.batch_size`.
    """
    parts, target = path.split("."), document.value
    keys: list[YamlKey] = []
    while parts:
        key = _next_key(target, parts, str(keys[-1]) if keys else "", value)
        last = not parts
        if isinstance(target, dict) and last:
            target[str(key)] = value
        elif isinstance(target, dict):
            target = target.setdefault(str(key), {})
        elif isinstance(target, list) and isinstance(key, int) and key < len(target):
            if last:
                target[key] = value
            target = target[key]
        else:
            where = ".".join(map(str, keys)) or "the file"
            document.mistakes.append(Mistake(path, f"cannot be set: {where} has no entry '{key}'"))
            return
        keys.append(key)
    gone = tuple(keys)
    document.lines = {at: line for at, line in document.lines.items() if at[: len(gone)] != gone}


def _next_key(target: Any, parts: list[str], section: str, value: Any) -> YamlKey:
    """Takes the next key off the parts of a dotted path.

    One that has dots itself is known by being there. Where parameters stand by name, a name that is not there is a new
    one with all that follows: `fixed.training.batch_size`. A parameter's range has a key after it, or is
    given as a whole.
    """
    count = 1
    if isinstance(target, dict):
        there = [some for some in range(len(parts), 0, -1) if ".".join(parts[:some]) in target]
        if there:
            count = there[0]
        elif section in _BY_PARAMETER:
            count = len(parts)
        elif section == "space":
            count = len(parts) if isinstance(value, dict) else max(1, len(parts) - 1)
    key = ".".join(parts[:count])
    del parts[:count]
    return int(key) if key.isdecimal() else key


def assign_text(document: Document, assignment: str) -> None:
    """Applies one `path=value` of the command line; the value is YAML."""
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise UserMistake(f"--set {assignment}: write path=value, for example --set search.trials=48")
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is not None:
            found = [replace(one, path=f"{path.strip()}.{one.path}".rstrip("."), line=None) for one in _locate(node)[1]]
            document.mistakes += found
        assign(document, path.strip(), None if node is None else loader.construct_document(node))
    except _NOT_YAML as error:
        raise UserMistake(f"--set {assignment}: the value is not YAML: {error}") from None


def choose_scale(document: Document, overrides: Sequence[str]) -> None:
    """Applies the variant of `scales` that `scale=NAME` among the overrides, or the key `scale`, asks for.

    A variant is a mapping of dotted paths to values. Mistakes are recorded.
    """
    scales = document.value.pop("scales", None)
    chosen = document.value.pop("scale", None)
    asked = [override.partition("=")[2] for override in overrides if override.startswith("scale=")]
    name = asked[-1] if asked else chosen
    if scales is not None and not (
        isinstance(scales, dict) and all(isinstance(changes, dict) for changes in scales.values())
    ):
        document.mistakes.append(
            document.mistake(("scales",), "must map each scale's name to a mapping of dotted paths to values")
        )
        return
    if name is None:
        return
    if name not in (scales or {}):
        message = f"no scale '{name}' in this file{did_you_mean(str(name), list(scales or {})) if scales else ''}"
        document.mistakes.append(Mistake("scale", message))
        return
    for path, value in (scales or {})[name].items():
        assign(document, path, value)


def validate(model: type[Model], document: Document) -> tuple[Model | None, list[Mistake]]:
    """Builds the model from a document.

    Returns:
        The model, or None; and every mistake, those of reading included.
    """
    try:
        return model.model_validate(document.value), list(document.mistakes)
    except ValidationError as error:
        found = [
            _translate(model, document, detail)
            for detail in error.errors(include_url=False)
            if detail["type"] != "default_factory_not_called"  # a default that rests on what is a mistake itself
        ]
        return None, [*document.mistakes, *found]


def dump(value: Mapping[str, Any]) -> str:
    """Returns YAML in the order given, lists of plain values on one line."""
    return yaml.dump(dict(value), Dumper=Dumper, sort_keys=False, default_flow_style=False, width=120)


def _locate(root: yaml.Node) -> tuple[dict[tuple[YamlKey, ...], int], list[Mistake]]:
    """Returns the line of every value, keys that stand twice, and numbers that are not what they look like."""
    lines: dict[tuple[YamlKey, ...], int] = {}
    mistakes: list[Mistake] = []

    def walk(node: yaml.Node, path: tuple[YamlKey, ...]) -> None:
        if said := misread(node):
            mistakes.append(Mistake(".".join(map(str, path)), said, lines.get(path)))
        for key, line, child in _children(node):
            at = (*path, key)
            if at in lines:
                where = ".".join(map(str, at))
                mistakes.append(Mistake(where, f"stands twice, first on line {lines[at]}; keep one", line))
                continue
            if len(lines) == _MOST_VALUES:
                raise yaml.YAMLError(f"more than {_MOST_VALUES:,} values, aliases counted each time")
            lines[at] = line
            walk(child, at)

    walk(root, ())
    return lines, mistakes


def _children(node: yaml.Node) -> Iterator[tuple[YamlKey, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield index, item.start_mark.line + 1, item


def _translate(model: type[BaseModel], document: Document, detail: ErrorDetails) -> Mistake:
    path = _real_path(document.value, detail["loc"])
    kind, got = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return document.mistake(path, f"unknown key{did_you_mean(str(path[-1]), _fields(model, detail['loc'][:-1]))}")
    if kind == "missing":
        return document.mistake(path, "is missing, and has no default")
    message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if kind == "value_error":
        return document.mistake(path, message)
    if kind == "too_short" and detail["ctx"]["actual_length"] == 0:
        return document.mistake(path, "is empty; give at least one")
    if kind == "string_pattern_mismatch" and (allowed := _name_in_words(detail["ctx"]["pattern"])):
        return document.mistake(path[:-1] if path[-1] == "[key]" else path, f"{got!r} is no name; {allowed}")
    return document.mistake(path, f"{message}, got {_shown(got)}")


def _name_in_words(pattern: str) -> str:
    """Returns what the pattern of a name allows, such as `^[a-z][a-z0-9-]{0,62}$`; "" where it is another's."""
    found = re.fullmatch(r"\^\[(.+)\]\[(.+)\]\{0,(\d+)\}\$", pattern)
    if found is None:
        return ""
    first, others = (", ".join(re.findall(r".-.|.", one)) for one in found.groups()[:2])
    return f"allowed: {others}, at most {int(found[3]) + 1}, the first of {first}"


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text}" if len(text) <= 60 else f"{type(value).__name__} {text[:57]}..."


def _real_path(value: Any, loc: Sequence[YamlKey]) -> tuple[YamlKey, ...]:
    """Drops from pydantic's location the names of union members, which stand in no file."""
    path: list[YamlKey] = []
    for index, key in enumerate(loc):
        if isinstance(key, str) and key.startswith("<"):
            continue
        if isinstance(value, Mapping) and (key in value or index == len(loc) - 1):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            continue
        path.append(key)
    return tuple(path)


def _fields(annotation: Any, loc: Sequence[Hashable]) -> list[str]:
    """Returns the keys that are allowed at a location of a model."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not loc:
            return [info.alias or name for name, info in annotation.model_fields.items()]
        for name, info in annotation.model_fields.items():
            if (info.alias or name) == loc[0]:
                return _fields(info.annotation, loc[1:])
        return []
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _fields(arguments[0], loc)
    if origin in (list, tuple) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _fields(arguments[-1], loc[1:])
    if loc:
        arguments = tuple(argument for argument in arguments if Tag(str(loc[0])) in get_args(argument))
    return sorted({name for argument in arguments for name in _fields(argument, ())})
