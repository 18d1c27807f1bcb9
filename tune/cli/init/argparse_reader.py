"""Options of programs that use argparse, or one of its relatives with `add_argument`."""

import ast
from collections.abc import Mapping
from dataclasses import replace

from tune.cli.init.options import UNKNOWN, Interface, Kind, Option
from tune.cli.init.source import Source

_SWITCHES = {"store_true", "store_false", "store_const"}
_NO_OPTIONS = {"help", "version"}


def argparse_interfaces(source: Source) -> list[Interface]:
    """Returns the options of every parser in a file, those of its subparsers under their names; empty without any."""
    subcommands: dict[str, str] = {}
    found: dict[str, list[Option]] = {}
    defaults: dict[str, object] = {}
    for call in source.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr == "set_defaults":
            defaults |= {each.arg: source.literal(each.value) for each in call.keywords if each.arg}
    for node in _in_order(source):
        target, call = node
        if not isinstance(call.func, ast.Attribute):
            continue
        receiver = call.func.value
        if call.func.attr == "add_parser" and call.args:
            subcommands[target] = str(source.literal(call.args[0]))
        elif call.func.attr in ("add_argument_group", "add_mutually_exclusive_group") and target:
            subcommands[target] = _subcommand(receiver, subcommands)
        elif call.func.attr == "add_argument":
            option = _option(source, call)
            if option is not None:
                known = defaults.get(option.name, UNKNOWN)
                option = option if known is UNKNOWN else replace(option, default=known, required=False)
                found.setdefault(_subcommand(receiver, subcommands), []).append(option)
    names = dict.fromkeys([*found, *(name for name in subcommands.values() if name)]) if found else {}
    return [Interface("argparse", tuple(found.get(name, ())), name) for name in names]


def _in_order(source: Source) -> list[tuple[str, ast.Call]]:
    """Returns every call with the name that its result is given, in the order of the file."""
    targets: dict[ast.Call, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            targets[node.value] = ast.unparse(node.targets[0])
    return [(targets.get(call, ""), call) for call in source.calls()]


def _subcommand(receiver: ast.expr, subcommands: Mapping[str, str]) -> str:
    """Returns the subcommand whose parser a call is made on; "" for the program's own."""
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):  # parser.add_argument_group().…
        return _subcommand(receiver.func.value, subcommands)
    return subcommands.get(ast.unparse(receiver), "")


def _option(source: Source, call: ast.Call) -> Option | None:
    """Returns the option that one call adds; None where its name is computed, or it is no setting."""
    given = {each.arg: each.value for each in call.keywords if each.arg}
    flags = [flag for flag in map(source.literal, call.args) if isinstance(flag, str) and flag]
    action = source.literal(given.get("action"))
    action = "store" if "action" not in given else action if isinstance(action, str) else source.dotted(given["action"])
    if not flags or action in _NO_OPTIONS:
        return None
    long = [flag for flag in flags if flag.startswith("--")] or flags
    name = source.literal(given.get("dest"))
    name = name if isinstance(name, str) else long[0].lstrip("-").replace("-", "_")
    default = source.literal(given["default"]) if "default" in given else None
    positional = not long[0].startswith("-")
    nargs = source.literal(given.get("nargs")) if "nargs" in given else None
    choices = source.literal(given.get("choices"))
    kind, switch, negation = _kind(source, given.get("type"), default), action in _SWITCHES, ""
    if action.endswith("BooleanOptionalAction"):
        kind, switch, negation = "bool", True, f"--no-{long[0].lstrip('-')}"
    elif switch:
        kind, default = "bool", action == "store_false" if default is None else default
    elif action != "store" or nargs not in (None, "?", UNKNOWN):
        kind = "other"
    return Option(
        name=name,
        spelling="" if positional else long[0],
        kind=kind,
        default=default,
        choices=choices if isinstance(choices, tuple) else (),
        required=source.literal(given.get("required")) is True or (positional and nargs not in ("?", "*")),
        negation=negation,
        switch=switch,
    )


def _kind(source: Source, typed: ast.expr | None, default: object) -> Kind:
    """Returns the kind of an option's values by its `type`, which argparse calls with the text that was given.

    `type=bool` makes True of every text but the empty one, so such an option is no boolean that could be told.
    """
    if typed is None:
        return "text"
    name = source.dotted(typed).rpartition(".")[2].lower()
    if name == "bool":
        return "text"
    for kind in ("float", "int", "bool"):
        if kind in name:
            return kind
    match default:  # a converter of the program's own says what it makes by what it makes when nothing is given
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
    return "text"
