"""Which study a folder holds, and which process works on it."""

import json
import shlex
import sqlite3
from pathlib import Path
from typing import Any

from tune.errors import StudyConflict, UserMistake
from tune.ledger.database.connection import value_without_password
from tune.ledger.log import log
from tune.ledger.storage.damaged import set_aside
from tune.ledger.storage.files import readable, write_atomically
from tune.study import document
from tune.study.growth import differences, in_words, refused
from tune.study.study import Study, build_study, dump_study


def stored_study(folder: Path) -> Study:
    """Returns the study that a folder holds; where `study.yaml` is damaged or gone, as its latest process told it.

    Raises:
        UserMistake: If it holds none or may not be read, or `study.yaml` is damaged and nothing else tells the study.
    """
    file = folder / "study.yaml"
    with readable(folder):
        if file.is_file():
            file.open("rb").close()  # what may not be read is not damaged
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


def holds_study(folder: Path) -> bool:
    """Says whether a folder holds a study, whatever became of its `study.yaml`."""
    with readable(folder):
        return (folder / "study.yaml").exists() or _told_study(folder) is not None


def set_damaged_study_aside(study: Study, folder: Path) -> None:
    """Makes room for a new `study.yaml` where the old one is damaged and does not tell this study."""
    file = folder / "study.yaml"
    if file.exists():
        found, mistake = _read(file)
        if mistake is not None and found != study:
            set_aside(folder, file, f"{mistake}; it is written anew")


def write_study(study: Study, folder: Path) -> None:
    """Writes `study.yaml`."""
    text = dump_study(study).encode()
    write_atomically(folder / "study.yaml", lambda file: file.write(text))


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
    seen = {path: map(value_without_password, values) for path, values in different.items()}
    lines = [f"  {path}: there {in_words(old)}, asked for {in_words(new)}" for path, (old, new) in seen.items()]
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
