"""Python source that is read and never run: its names, constants and calls."""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tune.cli.init.options import UNKNOWN
from tune.errors import UserMistake

MAX_BYTES = 2_000_000
_MOST_FILES = 40
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_LARGEST_EXPONENT = 64


@dataclass(frozen=True)
class Source:
    """One Python file, parsed.

    Attributes:
        path: Where it lies.
        tree: Its statements.
        names: What its imported names stand for, dotted: `{"np": "numpy", "option": "click.option"}`.
        constants: Names that its module gives a literal value.
    """

    path: Path
    tree: ast.Module
    names: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads and parses a file.

        Raises:
            UserMistake: If it cannot be read, or is no Python.
        """
        try:
            tree = ast.parse(read_text(path))
        except SyntaxError as error:
            where = f"line {error.lineno}: " if error.lineno else ""
            raise UserMistake(
                f"{path}: {where}is no Python ({error.msg}); mend it, or have a program in another language run with "
                "--help: add --help-run"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise UserMistake(f"{path}: cannot be parsed as Python: {error}; add --help-run to have it run") from None
        names = dict(_imported(tree))
        constants: dict[str, object] = {}
        source = cls(path, tree, names, constants)
        for node in tree.body:
            target, value = _assigned(node)
            if target and value is not None and (known := source.literal(value)) is not UNKNOWN:
                constants[target] = known
        return source

    def dotted(self, node: ast.AST | None) -> str:
        """Returns the full dotted name of a name or attribute, imports resolved; "" of anything else."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def literal(self, node: ast.AST | None) -> Any:
        """Returns the value of a literal, a constant of the module, or arithmetic on such; UNKNOWN of the rest."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.constants.get(name, UNKNOWN)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                values = [self.literal(part) for part in parts]
                return UNKNOWN if UNKNOWN in values else tuple(values)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.literal(operand)
                return -value if is_number(value) else UNKNOWN
            case ast.BinOp(left=left, op=how, right=right):
                return _computed(self.literal(left), how, self.literal(right))
        return UNKNOWN

    def calls(self) -> Iterator[ast.Call]:
        """Yields every call, in the order of the file."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        yield from sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def imports(self, *packages: str) -> bool:
        """Says whether it imports one of these packages."""
        return any(name.partition(".")[0] in packages for name in self.names.values())


def read_text(path: Path) -> str:
    """Returns the text of a program or configuration file.

    Raises:
        UserMistake: If it is not there, cannot be read, or is no text.
    """
    try:
        if path.is_dir():
            raise UserMistake(f"{path}: is a folder; give the file that is run to train")
        if path.stat().st_size > MAX_BYTES:
            raise UserMistake(f"{path}: {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserMistake(f"{path}: no such file; give the path of the program that trains") from None
    except UnicodeDecodeError:
        raise UserMistake(
            f"{path}: is no text in UTF-8; give the program's source, or add --help-run to have it run with --help"
        ) from None
    except OSError as error:
        raise UserMistake(f"{path}: cannot be read: {error.strerror}") from None


def with_imported(source: Source) -> Iterator[Source]:
    """Yields a source, then what it imports from its own folder, and what that imports; at most 40 files.

    What another file does only as a program (`if __name__ == "__main__"`) is left out: it is not run when imported.
    """
    waiting, seen = [source], {source.path.resolve()}
    while waiting and len(seen) <= _MOST_FILES:
        current = waiting.pop(0)
        yield current
        for name in dict.fromkeys(current.names.values()):
            path = _local(source.path.parent, current.path.parent, name)
            if path is None or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                imported = Source.read(path)
            except UserMistake:
                continue  # it would not be imported either, which its own run says better
            body = [node for node in imported.tree.body if not _is_main_block(node)]
            waiting.append(Source(path, ast.Module(body, []), imported.names, imported.constants))


def is_number(value: object) -> bool:
    """Says whether a value is a finite number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _local(root: Path, here: Path, dotted: str) -> Path | None:
    """Returns the file that a dotted name leads to in the folder of its importer or of the program."""
    parts = [part for part in dotted.split(".") if part]
    for folder in (here, root):
        for end in range(len(parts), 0, -1):
            stem = folder.joinpath(*parts[:end])
            for path in (stem.with_suffix(".py"), stem / "__init__.py"):
                if path.is_file():
                    return path
    return None


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (top := alias.name.partition(".")[0], top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}" if node.module else alias.name


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and re.search(r"__name__ == ['\"]__main__", ast.unparse(node.test)) is not None


def _computed(left: Any, how: ast.operator, right: Any) -> Any:
    apply = _OPERATORS.get(type(how))
    if apply is None or not (is_number(left) and is_number(right)):
        return UNKNOWN
    if isinstance(how, ast.Pow) and not (abs(right) <= _LARGEST_EXPONENT and abs(left) <= 10_000):
        return UNKNOWN
    try:
        value = apply(left, right)
    except (ZeroDivisionError, OverflowError):
        return UNKNOWN
    return value if is_number(value) else UNKNOWN
