"""The source of a trainer: its module, and the modules of the same folder that it imports."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

_INSTALLED = frozenset({"site-packages", "dist-packages"})


def source_digests(sources: Mapping[str, Path]) -> dict[str, str]:
    """Returns the SHA-256 of each source file of what trains.

    Args:
        sources: Python files by the dotted names of their modules, which lead to others, see `_digests_of_module`;
            other files by what they are to be called.
    """
    found: dict[str, str] = {}
    for name, file in sources.items():
        found |= _digests_of_module(name, file) if file.suffix == ".py" else {name: _digest(file.read_bytes())}
    return dict(sorted(found.items()))


def _digests_of_module(module: str, file: Path) -> dict[str, str]:
    """Returns the SHA-256 of each source file of a module, by its path in the folder that it is imported from.

    That is the file of its module, of the packages around it and of every module that these import, directly or not,
    from the same folder: the user's own. They are found in the text, so that an import inside of a function counts and
    nothing is run for it. Of one that was installed as a package it is its own file alone.

    Args:
        module: Its dotted name.
        file: Where it lies.
    """
    names = module.split(".")
    depth = len(names) - (file.stem != "__init__")
    root = file.parents[depth] if depth < len(file.parents) else file.parent
    if _INSTALLED & set(root.parts):
        return {file.relative_to(root).as_posix(): _digest(file.read_bytes())}
    found: dict[str, str] = {}
    waiting = [".".join(names[:length]) for length in range(1, len(names) + 1)]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        path = _file_of(root, name)
        if path is None:
            continue
        content = path.read_bytes()
        found[path.relative_to(root).as_posix()] = _digest(content)
        imported = set(_imported(content, name, is_package=path.stem == "__init__")) - seen
        seen |= imported
        waiting += imported
    return found


def _file_of(root: Path, name: str) -> Path | None:
    """Returns the file of a module that is imported from a folder; None where it has none there."""
    place = root.joinpath(*name.split("."))
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _imported(content: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Yields the dotted names that a module's text may import, and those of the packages around them."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*around, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")]
        for name in names:
            parts = [part for part in name.split(".") if part]
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
