"""Which study a folder holds, and which process works on it."""

import os
import platform
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tune import document
from tune.errors import StudyConflict, UserMistake
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


def refuse_other(study: Study, folder: Path) -> None:
    """Raises StudyConflict, with the differences, if a folder holds another study than this one."""
    if not (folder / "study.yaml").exists():
        return
    old = dict(_flat(stored_study(folder).model_dump(mode="json", by_alias=True)))
    new = dict(_flat(study.model_dump(mode="json", by_alias=True)))
    different = [path for path in (old | new) if old.get(path) != new.get(path)]
    if different:
        shown = [
            f"  {path}: there {without_password(old.get(path))!r}, asked for {without_password(new.get(path))!r}"
            for path in different
        ]
        raise StudyConflict(
            "\n".join(
                [
                    f"{folder}: holds another study of the name '{study.name}'",
                    *shown,
                    "give this one another name (--set name=...), or another folder (--results DIR)",
                ]
            )
        )


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


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
