"""Who called: the nearest line of the user's code, and what of a library is between."""

import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["user", "ours", "library", "standard", "import"]

_ROOT = Path(__file__).resolve().parents[3]
_OURS = tuple(str(_ROOT / name) for name in ("tune/", "model/", "latent_tune.py"))
_STANDARD = tuple({str(Path(sysconfig.get_path(name)).resolve()) + "/" for name in ("stdlib", "platstdlib")})
_IMPORT = ("<frozen importlib", "importlib/_bootstrap")
_TYPED = ("<stdin>", "<ipython")
_OF_CONSTRUCTION = "random"
"""The module of the standard library whose classes call their own methods."""


@dataclass(frozen=True)
class Caller:
    """Who called something.

    Attributes:
        where: `file:line` of the user's code, below the working directory from there.
        through: What of a library the user's code called, as `package.function`; empty where it called itself.
        innermost: The module that called.
    """

    where: str
    through: str
    innermost: str


def caller() -> Caller | None:
    """Returns who called the module that calls this.

    Returns:
        None where it was this package, the standard library for itself, or a library while it was imported.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - a traceback of all frames would be slow
    passed = (sys._getframe(1).f_globals["__name__"], _OF_CONSTRUCTION)  # noqa: SLF001
    while frame is not None and frame.f_globals.get("__name__") in passed:
        frame = frame.f_back
    if frame is None or _kind(frame.f_code.co_filename) == "standard":
        return None
    innermost, through = str(frame.f_globals.get("__name__", "?")), ""
    while frame is not None:
        kind = _kind(frame.f_code.co_filename)
        if kind in ("ours", "import"):
            return None
        if kind == "user":
            where = f"{_shown(frame.f_code.co_filename)}:{frame.f_lineno}"
            return Caller(where, through, innermost)
        # What decorators put around a function is not what was called.
        if kind == "library" and "<locals>" not in frame.f_code.co_qualname:
            package = str(frame.f_globals.get("__name__", "?")).partition(".")[0]
            through = f"{package}.{frame.f_code.co_qualname}"
        frame = frame.f_back
    return None


@cache
def _kind(file: str) -> Kind:
    """Says whose a file is."""
    if any(part in file for part in _IMPORT):
        return "import"
    if file.startswith("<") and not file.startswith(_TYPED):  # made by a dataclass, say
        return "library"
    path = str(Path(file).resolve()) if not file.startswith("<") else file
    if path.startswith(_OURS):
        return "ours"
    if {"site-packages", "dist-packages"} & set(Path(path).parts):
        return "library"
    return "standard" if path.startswith(_STANDARD) else "user"


def _shown(file: str) -> str:
    path = Path(file).resolve() if not file.startswith("<") else Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
