"""Which study a folder holds, and which process works on it."""

import json
import os
import platform
import socket
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tune import document
from tune.errors import StudyConflict, UserMistake
from tune.ledger.damaged import log, set_aside
from tune.ledger.files import write_atomically
from tune.study import Study, build_study, dump_study


def stored_study(folder: Path) -> Study:
    """Returns the study that a folder holds; where `study.yaml` is damaged or gone, as its latest process told it.

    Raises:
        UserMistake: If it holds none, or its `study.yaml` is damaged and nothing else tells the study.
    """
    file = folder / "study.yaml"
    study, mistake = _read(file)
    if study is not None and mistake is None:
        return study
    told = _told_study(folder)
    if told is not None:
        log.warning("%s: %s; the study is taken from the decisions", file, mistake)
        return told
    if study is not None:  # of an earlier version
        return study
    if not file.is_file():
        raise UserMistake(f"{folder}: no study there (study.yaml is missing); give a folder that `run` made")
    raise UserMistake(
        f"{mistake}\n{file} is damaged; put a copy of it back, or remove it and run the study from its own file again"
    )


def write_study(study: Study, folder: Path) -> None:
    """Writes `study.yaml` where it is not there, or damaged; what is damaged is set aside."""
    file = folder / "study.yaml"
    if file.exists():
        found, mistake = _read(file)
        if mistake is None or (found == study):
            return
        set_aside(folder, file, f"{mistake}; it is written anew")
    text = dump_study(study).encode()
    write_atomically(file, lambda out: out.write(text))


def study_detail(study: Study) -> dict[str, Any]:
    """Returns what the decision `open` keeps of a study, so that `study.yaml` can be written anew."""
    return {"study": study.model_dump(mode="json", by_alias=True)}


def _read(file: Path) -> tuple[Study | None, str | None]:
    """Returns the study in a file, if there is one, and what is wrong with the file.

    A file that was cut at the end of a line may be another study and no less valid, so its last line is looked at.
    """
    try:
        study = build_study(document.read(file))
    except UserMistake as mistake:
        return None, str(mistake)
    return study, None if file.read_text(encoding="utf-8").endswith("\n...\n") else "its last line `...` is missing"


def _told_study(folder: Path) -> Study | None:
    """Returns the study as the latest process told it that worked on it with an SQLite file here; else None."""
    file = folder / "study.db"
    if not file.is_file():
        return None
    query = "SELECT decision FROM latent_tune_decisions ORDER BY study, sequence"
    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            decisions = [json.loads(text) for (text,) in connection.execute(query)]
        finally:
            connection.close()
        told = [one["detail"]["study"] for one in decisions if "study" in one.get("detail", ())]
        return Study.model_validate(told[-1]) if told else None
    except (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def refuse_other(study: Study, folder: Path) -> None:
    """Raises StudyConflict, with the differences, if a folder holds another study than this one."""
    if not (folder / "study.yaml").exists() and _told_study(folder) is None:
        return
    old = dict(_flat(stored_study(folder).model_dump(mode="json", by_alias=True)))
    new = dict(_flat(study.model_dump(mode="json", by_alias=True)))
    different = [path for path in (old | new) if old.get(path) != new.get(path)]
    if different:
        shown = [f"  {path}: there {old.get(path)!r}, asked for {new.get(path)!r}" for path in different]
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
