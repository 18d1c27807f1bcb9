"""Options of programs that derive them from type annotations: typer, tyro, fire, jsonargparse, HfArgumentParser."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tune.cli.init.click_reader import Function, functions
from tune.cli.init.options import UNKNOWN, Interface, Kind, Option
from tune.cli.init.source import Source

_KINDS: dict[str, Kind] = {"int": "int", "float": "float", "bool": "bool", "str": "text", "Path": "text"}
_DEEPEST = 6


@dataclass(frozen=True)
class _Style:
    """How a library spells the options that it derives.

    Attributes:
        word: What the user calls it.
        dashes: Whether `batch_size` becomes `--batch-size`.
        off: What turns a boolean off stands before its name, as `no-` in `--no-x`; "": it takes a value.
        nested: Whether the name of an argument stands before the fields of the class that it is.
    """

    word: str
    dashes: bool = False
    off: str = ""
    nested: bool = True


_STYLES = {
    "tyro.cli": _Style("tyro", dashes=True, off="no-"),
    "fire.Fire": _Style("fire", off="no", nested=False),
    "jsonargparse.CLI": _Style("jsonargparse"),
    "jsonargparse.auto_cli": _Style("jsonargparse"),
    "transformers.HfArgumentParser": _Style("HfArgumentParser", nested=False),
}
_TYPER = _Style("typer", dashes=True, off="no-")
HYDRA = _Style("Hydra")


def typed_interfaces(source: Source, others: Sequence[Source]) -> list[Interface]:
    """Returns the options that a library derives from a function or class that a file hands to it.

    Args:
        source: The file that hands it over.
        others: All files in which it may be defined, that one first.
    """
    found = _typer_interfaces(source)
    for call in source.calls():
        style = _STYLES.get(source.dotted(call.func))
        if style is None or not call.args:
            continue
        given = call.args[0].elts if isinstance(call.args[0], ast.Tuple | ast.List) else [call.args[0]]
        options = [option for one in given for option in options_of(source.dotted(one), others, style)]
        if options:
            found.append(Interface(style.word, tuple(options)))
    return found


def options_of(name: str, others: Sequence[Source], style: _Style, prefix: str = "") -> list[Option]:
    """Returns the options of a class's fields or a function's arguments, nested classes by dotted names."""
    if prefix.count(".") > _DEEPEST:
        return []
    last = name.rpartition(".")[2]
    for source in others:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef | Function) and node.name == last:
                fields = _fields(source, node, others) if isinstance(node, ast.ClassDef) else _arguments(node)
                return [
                    option
                    for key, annotation, default in fields
                    for option in _derived(source, f"{prefix}{key}", annotation, default, (others, style))
                ]
    return []


Field = tuple[str, ast.expr | None, ast.expr | None]
"""Name, annotation, default."""


def _fields(source: Source, node: ast.ClassDef, others: Sequence[Source]) -> Iterator[Field]:
    """Yields the fields of a dataclass, inherited ones first."""
    for base in node.bases:
        last = source.dotted(base).rpartition(".")[2]
        for other in others:
            for parent in other.tree.body:
                if isinstance(parent, ast.ClassDef) and parent.name == last != node.name:
                    yield from _fields(other, parent, others)
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id, each.annotation, each.value


def _arguments(node: Function) -> Iterator[Field]:
    places = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [None] * (len(places) - len(node.args.defaults)) + list(node.args.defaults)
    keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for argument, default in [*zip(places, defaults, strict=True), *keywords]:
        if argument.arg not in ("self", "cls"):
            yield argument.arg, argument.annotation, default


def _derived(
    source: Source,
    name: str,
    annotation: ast.expr | None,
    default: ast.expr | None,
    place: tuple[Sequence[Source], _Style],
) -> Iterator[Option]:
    """Yields the option of one field, or those of the class that it is."""
    others, style = place
    kind, choices = _kind(source, annotation, default)
    if kind == "other" and annotation is not None:
        below = options_of(source.dotted(annotation), others, style, f"{name}." if style.nested else "")
        if below:
            yield from below
            return
    value = _default(source, default)
    if kind == "bool" and value is None and default is not None:
        value = UNKNOWN
    spelling = f"--{name.replace('_', '-') if style.dashes else name}" if style is not HYDRA else name
    head, dot, last = spelling.lstrip("-").rpartition(".")
    switch = kind == "bool" and bool(style.off)
    yield Option(
        name,
        spelling,
        kind,
        value,
        choices,
        required=default is None,
        negation=f"--{head}{dot}{style.off}{last}" if switch else "",
        switch=switch,
    )


def _default(source: Source, default: ast.expr | None) -> object:
    """Returns a field's default; that of `field(default=…)` and `Option(…)` is their argument."""
    if not isinstance(default, ast.Call):
        return source.literal(default) if default is not None else UNKNOWN
    given = {each.arg: each.value for each in default.keywords}
    if "default" in given:
        return source.literal(given["default"])
    return source.literal(default.args[0]) if default.args else UNKNOWN


def _kind(source: Source, annotation: ast.expr | None, default: ast.expr | None) -> tuple[Kind, tuple[object, ...]]:
    """Returns the kind of an annotation (that of X for `X | None` and `Annotated[X, …]`), and a Literal's choices."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = [side for side in (left, right) if source.literal(side) is not None]
            return _kind(source, sides[0], default) if len(sides) == 1 else ("other", ())
        case ast.Subscript(value=outer, slice=inner):
            match source.dotted(outer).rpartition(".")[2]:
                case "Literal":
                    values = source.literal(inner)
                    values = values if isinstance(values, tuple) else (values,)
                    numbers = all(type(value) is int for value in values)
                    return ("int" if numbers else "text"), () if UNKNOWN in values else values
                case "Annotated" | "Positional":
                    return _kind(source, inner.elts[0] if isinstance(inner, ast.Tuple) else inner, default)
                case "Optional":
                    return _kind(source, inner, default)
            return "other", ()
        case None:
            value = _default(source, default)
            return _KINDS.get(type(value).__name__, "text"), ()
    return _KINDS.get(source.dotted(annotation).rpartition(".")[2], "other"), ()


def _typer_interfaces(source: Source) -> list[Interface]:
    """Returns the commands of a typer application, and the function that `typer.run` is given."""
    if not source.imports("typer"):
        return []
    commands = []
    runs = {
        source.dotted(call.args[0]) for call in source.calls() if source.dotted(call.func) == "typer.run" and call.args
    }
    for node in functions(source):
        calls = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
        if node.name in runs or any(source.dotted(each).endswith(".command") for each in calls):
            commands.append((node, [each for each in node.decorator_list if isinstance(each, ast.Call)]))
    return [
        Interface(
            "typer",
            tuple(_typer_option(source, *field) for field in _arguments(node)),
            _typer_name(source, node, decorators) if len(commands) > 1 else "",
        )
        for node, decorators in commands
    ]


def _typer_name(source: Source, node: Function, decorators: Sequence[ast.Call]) -> str:
    for each in decorators:
        given = {one.arg: one.value for one in each.keywords}
        name = source.literal(each.args[0] if each.args else given.get("name"))
        if isinstance(name, str):
            return name
    return node.name.replace("_", "-")


def _typer_option(source: Source, name: str, annotation: ast.expr | None, default: ast.expr | None) -> Option:
    """Returns the option, or positional argument, of one argument of a typer command."""
    about = [default, *(annotation.slice.elts[1:] if _is_annotated(source, annotation) else ())]  # type: ignore[union-attr]
    calls = [each for each in about if isinstance(each, ast.Call)]
    flags = [flag for call in calls for flag in map(source.literal, call.args) if isinstance(flag, str)]
    flags = [flag for flag in flags if flag.startswith("-")]
    positional = any(source.dotted(call.func).endswith("Argument") for call in calls) or (default is None and not calls)
    kind, choices = _kind(source, annotation, default)
    value = _default(source, default)
    dashed = name.replace("_", "-")
    yes, _, no = max(flags, key=len, default=f"--{dashed}").partition("/")
    switch = kind == "bool" and not positional
    return Option(
        name,
        "" if positional else yes,
        kind,
        None if value is Ellipsis else value,
        choices,
        required=default is None or value is Ellipsis,
        negation=(no or ("" if flags else f"--no-{dashed}")) if switch else "",
        switch=switch,
    )


def _is_annotated(source: Source, annotation: ast.expr | None) -> bool:
    return (
        isinstance(annotation, ast.Subscript)
        and source.dotted(annotation.value).endswith("Annotated")
        and isinstance(annotation.slice, ast.Tuple)
    )
