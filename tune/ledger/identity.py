"""Which study a folder holds, and which process works on it."""

import os
import platform
import shlex
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tune import document
from tune.errors import StudyConflict, UserMistake
from tune.growth import differences, refused, shown
from tune.ledger.engine import without_password
from tune.study import Study, build_study


def stored_study(folder: Path) -> Study:
    """Returns the study that a folder holds.

    Raises:
        UserMistake: If it holds none.
    """
    file = folder / "study.yaml"
    if not file.is_file():
        raise UserMistake(f"{folder}: no study there (study.yaml is missing); give a folder that `run` made")
    return build_study(document.read(file))


def refuse_other(study: Study, there: Study, folder: Path) -> None:
    """Raises StudyConflict, with the differences, if a folder holds another study than the one asked for.

    Args:
        study: The one asked for.
        there: The one that the folder holds.
        folder: The study folder.
    """
    different = differences(there, study)
    if not different:
        return
    seen = {path: map(without_password, values) for path, values in different.items()}
    lines = [f"  {path}: there {shown(old)}, asked for {shown(new)}" for path, (old, new) in seen.items()]
    ways = []
    if not refused(study, there):
        ways.append(f"it has grown since it was that; continue it with: latent-tune resume {shlex.quote(str(folder))}")
    ways.append("give this one another name (--set name=...), or another folder (--results DIR)")
    if not refused(there, study):
        changes = " ".join(f"--set {path}=..." for path in different)
        ways.append(f"or have it grow: latent-tune resume {shlex.quote(str(folder))} {changes}")
    heading = f"{folder}: holds another study of the name '{study.name}'"
    raise StudyConflict("\n".join([heading, *lines, *ways]))


def refuse_growth(there: Study, study: Study, folder: Path, started: int) -> None:
    """Raises StudyConflict, with what and why, if a study cannot become another without changing its old results.

    Args:
        there: The study as it is.
        study: What it is to become.
        folder: The study folder.
        started: How many trials it has.
    """
    if found := refused(there, study, started):
        heading = f"{folder}: cannot grow so, because what was trained would mean something else"
        way = f"make another study of it: latent-tune run {shlex.quote(str(folder / 'study.yaml'))} --set name=... ..."
        raise StudyConflict("\n".join([heading, *(f"  {mistake}" for mistake in found), way]))


def process_detail() -> dict[str, Any]:
    """Returns what is remembered of this process: host, pid, versions."""
    packages = ("latent-tune", "optuna", "ray", "torch")
    known = {package: _version(package) for package in packages}
    return {"host": socket.gethostname(), "pid": os.getpid(), "python": platform.python_version(), "packages": known}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None
