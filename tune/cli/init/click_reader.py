"""Options of programs that use click, or a wrapper of it with the same decorators."""

import ast
from collections.abc import Iterator

from tune.cli.init.options import UNKNOWN, Interface, Kind, Option
from tune.cli.init.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
_KINDS: dict[str, Kind] = {
    "int": "int", "INT": "int", "IntRange": "int", "float": "float", "FLOAT": "float", "FloatRange": "float",
    "bool": "bool", "BOOL": "bool",
}  # fmt: skip


def click_interfaces(source: Source) -> list[Interface]:
    """Returns the options of every command in a file; those of a group's commands under their names."""
    commands = [(node, kind) for node in functions(source) if (kind := _decorated(source, node))]
    groups = {node.name for node, kind in commands if kind.endswith("group")}
    found = []
    for node, kind in commands:
        options = tuple(option for each in node.decorator_list if (option := _option(source, each)) is not None)
        below = kind.rpartition(".")[0] in groups
        if options or below:
            found.append(Interface("click", options, _command_name(source, node) if below else ""))
    return found


def functions(source: Source) -> Iterator[Function]:
    """Yields every function of a file."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            yield node


def _decorated(source: Source, node: Function) -> str:
    """Returns the decorator that makes a function a command or group, dotted; "" where there is none."""
    for each in node.decorator_list:
        name = source.dotted(each.func if isinstance(each, ast.Call) else each)
        if name.rpartition(".")[2] in ("command", "group"):
            return name
    return ""


def _command_name(source: Source, node: Function) -> str:
    for each in node.decorator_list:
        if isinstance(each, ast.Call) and source.dotted(each.func).endswith((".command", ".group")):
            given = {one.arg: one.value for one in each.keywords}
            name = source.literal(each.args[0] if each.args else given.get("name"))
            if isinstance(name, str):
                return name
    return node.name.replace("_", "-")


def _option(source: Source, decorator: ast.expr) -> Option | None:
    """Returns what one decorator adds; None where it adds no option."""
    if not isinstance(decorator, ast.Call):
        return None
    what = source.dotted(decorator.func).rpartition(".")[2]
    flags = [flag for flag in map(source.literal, decorator.args) if isinstance(flag, str)]
    if what not in ("option", "argument") or not flags:
        return None
    given = {each.arg: each.value for each in decorator.keywords if each.arg}
    default = source.literal(given["default"]) if "default" in given else None
    typed = given.get("type")
    choices = _choices(source, typed)
    if what == "argument":
        required = default is None and source.literal(given.get("required")) is not False
        return Option(flags[0], "", _kind(source, typed, default), default, choices, required=required)
    dashed = [flag for flag in flags if flag.startswith("-")]
    long = max(dashed, key=lambda flag: (flag.startswith("--"), len(flag)), default="")
    if not long:
        return None
    yes, _, no = (part.strip() for part in long.partition("/"))
    named = [flag for flag in flags if not flag.startswith("-")]
    switch = bool(no) or source.literal(given.get("is_flag")) is True
    several = source.literal(given.get("multiple")) is True or "nargs" in given
    return Option(
        name=named[0] if named else yes.lstrip("-").replace("-", "_"),
        spelling=yes,
        kind="bool" if switch else "other" if several else _kind(source, typed, default),
        default=bool(default) if switch and default is not UNKNOWN else default,
        choices=choices,
        required=source.literal(given.get("required")) is True,
        negation=no,
        switch=switch,
    )


def _kind(source: Source, typed: ast.expr | None, default: object) -> Kind:
    """Returns the kind of an option by its `type`, else by its default, as click does."""
    if typed is not None:
        name = source.dotted(typed.func if isinstance(typed, ast.Call) else typed).rpartition(".")[2]
        return _KINDS.get(name, "text")
    match default:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case tuple():
            return "other"
    return "text"


def _choices(source: Source, typed: ast.expr | None) -> tuple[object, ...]:
    if isinstance(typed, ast.Call) and source.dotted(typed.func).endswith("Choice") and typed.args:
        values = source.literal(typed.args[0])
        return values if isinstance(values, tuple) else ()
    return ()
