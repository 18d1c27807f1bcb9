"""The user's code: where it is found and runs, and how it is kept apart from ours.

A study's trainer, and whatever is relative in the study, belongs to the folder of the study file. That folder is the
working directory while the study is worked on, on every driver and on every node that has it.

The folder may hold files of any name, `ray.py`, `tune.py` and `model.py` among them. So it comes last where modules are
looked for, and first only while a module of the user's is imported, as it does for `python train.py`: then modules of
the same names that are loaded already are put aside, and put back afterwards. Whoever was imported keeps those that it
was given.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from threading import RLock
from types import ModuleType

_OURS = Path(__file__).resolve().parents[2]
"""Where this package lies; in a checkout it is a working directory like another, and stays where it is."""

_NEEDED = frozenset({
    "tune", "google", "jinja2", "lightning", "markupsafe", "matplotlib", "mlflow", "numpy", "optuna", "plotly",
    "psutil", "pyarrow", "pydantic", "pynvml", "pytorch_lightning", "ray", "rich", "scipy", "sklearn", "sqlalchemy",
    "tensorboard", "torch", "wandb", "yaml",
})  # fmt: skip
"""What this package and its libraries import at any time, so that no file of a user's may have the name for longer."""

_PLACES: list[str] = []  # where modules are looked for last
_ALSO: list[str] = []  # the directory from which a command was given, and those from which the study was before
_LOCK = RLock()
_THEIRS: dict[str, dict[str, ModuleType]] = {}  # by folder, modules of the user's that have the name of another


def working_folder(folder: Path, *relative: Path) -> list[Path]:
    """Makes a folder the working directory; the one before stays a place where modules are looked for, after it.

    Args:
        folder: Of a study file.
        relative: Paths that are meant from the directory before.

    Returns:
        What these are from now on: as they were where nothing changes, else absolute.
    """
    before = Path.cwd()
    _ALSO.clear()
    if folder.resolve() == before.resolve():
        return list(relative)
    paths = [Path(path if "://" in str(path) else before / path) for path in relative]
    os.chdir(folder)
    _ALSO.append(str(before))
    make_importable(Path.cwd(), before)
    return paths


@contextmanager
def folder_kept() -> Iterator[None]:
    """Has the working directory be afterwards what it is now, wherever a study is worked on meanwhile."""
    before, also = Path.cwd(), list(_ALSO)
    try:
        yield
    finally:
        _ALSO[:] = also
        if before.is_dir():  # else it was deleted meanwhile
            os.chdir(before)


def also_importable(*folders: Path) -> None:
    """Has modules be found in the folders in which the study's commands were given before."""
    _ALSO[:] = dict.fromkeys([*_ALSO, *map(str, folders)])
    make_importable(Path.cwd(), *map(Path, _ALSO))


def make_importable(*folders: Path) -> None:
    """Has modules be found in folders after all other places, those in the first folder first."""
    here = str(Path.cwd())
    new = [str(folder) for folder in folders if folder.resolve() != _OURS or str(folder) not in sys.path]
    _PLACES[:] = dict.fromkeys([*new, *_PLACES])
    sys.path[:] = [*(place for place in sys.path if (place or here) not in _PLACES), *_PLACES]


def user_path() -> list[str]:
    """Returns where the user's modules are looked for: the working directory, and where a command was given."""
    return list(dict.fromkeys([str(Path.cwd()), *_ALSO]))


def run_in(paths: Sequence[str]) -> None:
    """Has this process run where the user's code does: in the working folder, if this machine has it.

    Args:
        paths: As `user_path` returned them.
    """
    sent = Path.cwd()  # on a cluster elsewhere a copy of the working folder
    if Path(paths[0]).is_dir():
        os.chdir(paths[0])
    make_importable(*map(Path, paths), *([sent] if str(sent) not in paths else []))


def import_module(name: str, *, ours: bool = False) -> ModuleType:
    """Imports a module that a study names: from the working directory where there is one, else from everywhere.

    Args:
        name: Its dotted name.
        ours: Whether it is this package's own, whatever lies in the working directory.

    Raises:
        Exception: Whatever importing it raises.
    """
    with _searched(_top(name), ours=ours):
        return importlib.import_module(name)


def find_module(name: str, *, ours: bool = False) -> ModuleSpec | None:
    """Returns where `import_module` finds a module; the packages around it are imported for that."""
    with _searched(_top(name), ours=ours):
        return importlib.util.find_spec(name)


@contextmanager
def _searched(top: str, *, ours: bool) -> Iterator[None]:
    """Has a module be found in the right place."""
    folder = Path.cwd()
    with _LOCK:
        make_importable(folder)
        if ours:
            if not _is_of(top, _OURS):
                for name in [name for name in sys.modules if _top(name) == top]:
                    _THEIRS.setdefault(str(folder), {})[name] = sys.modules.pop(name)
            yield
        elif _holds(folder, top):
            with _first(folder):
                yield
        else:
            yield


@contextmanager
def _first(folder: Path) -> Iterator[None]:
    """Has a folder come first where modules are looked for."""
    theirs = _THEIRS.setdefault(str(folder), {})
    clashing = {top for top in map(_top, sys.modules) if _clashes(top, folder)}
    aside = {name: module for name, module in sys.modules.items() if _top(name) in clashing}
    for name in aside:
        del sys.modules[name]
    sys.modules.update(theirs)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        # In a checkout of this package the folder's `tune` is ours, and to be loaded once.
        theirs_now = {top for top in clashing | _NEEDED if _is_of(top, folder) and not _is_of(top, _OURS)}
        found = {name: module for name, module in sys.modules.items() if _top(name) in theirs_now}
        theirs.update(found)
        for name in found:
            del sys.modules[name]
        sys.modules.update(aside)


def _clashes(top: str, folder: Path) -> bool:
    """Says whether a module that is loaded has the name of one in a folder, and is not that one."""
    return top not in sys.stdlib_module_names and _holds(folder, top) and not _is_of(top, folder)


def _is_of(top: str, folder: Path) -> bool:
    """Says whether a module that is loaded lies in a folder itself; an environment in it is a place of its own."""
    file = getattr(sys.modules.get(top), "__file__", None)
    here = folder.resolve()
    return file is not None and Path(file).resolve().parent in (here, here / top)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _holds(folder: Path, top: str) -> bool:
    """Says whether a folder has a module or package of this name; a folder without code is none."""
    spec = PathFinder.find_spec(top, [str(folder)])
    return spec is not None and spec.origin is not None
