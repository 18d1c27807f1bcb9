"""What a study is made from now, held against what its results are of."""

import json
import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tune.adapters.loading import sources
from tune.cli.session.given import GivenTrainer
from tune.errors import StudyConflict, UserMistake
from tune.ledger.checkpoints.adoption import collect_orphans
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.identity import holds_study
from tune.ledger.log import log
from tune.ledger.origin.made_from import MadeFrom, refuse_different
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.files import refuse_links, write_atomically
from tune.ledger.storage.folders import LocalFolder
from tune.study import document
from tune.study.study import Study
from tune.study.training import Training
from tune.study.user_code import also_importable, working_folder

TRIAL = 0  # a training is stored like the only trial of a study
MADE_FROM = "made-from.json"
"""In the folder of a training, what it is made from; a study has that in its ledger."""


def origin(
    study: Study,
    there: LedgerReader | None,
    accepted: Collection[str] = (),
    again: str = "",
    given: GivenTrainer | None = None,
) -> MadeFrom:
    """Returns what a study is made from: its recording's files and its trainer's source.

    A study that has trained nothing has no results that could be mixed with others, so anything may change.

    Args:
        study: The study.
        there: As it is; None where it is new.
        accepted: What may be another from now on: `recording`, `code`.
        again: The command that goes on with it; by default `resume`.
        given: Its trainer, where that is given as an object; None: what the study names.

    Raises:
        StudyConflict: If something else is not what it was.
    """
    before = there.made_from if there is not None else None
    now = MadeFrom.of(study.recording, sources(study) if given is None else given.sources, before)
    if there is not None and before is not None and there.spent:
        refuse_different(before.differences(now), there.folder, accepted, again)
    return now


def working_folder_of(there: LedgerReader, *relative: Path) -> list[Path]:
    """Makes the folder in which a study was worked on the working directory, where it is here and may be believed.

    Code is imported from there, so a study that somebody else has made does not name it.

    Args:
        there: The study.
        relative: Paths that are meant from the working directory.

    Returns:
        What these are from now on.
    """
    paths = there.sessions[-1].detail.get("paths") if there.sessions else None
    folders = [Path(one) for one in paths if isinstance(one, str)] if isinstance(paths, list) else []
    if not folders or there.folder.stat().st_uid != os.getuid():
        return list(relative)
    if not folders[0].is_dir():
        log.warning("this study was begun in %s, which is not here; it goes on in %s", folders[0], Path.cwd())
        return list(relative)
    found = working_folder(folders[0], *relative)
    also_importable(*folders[1:])
    return found


def study_beside(path: Path) -> LedgerReader | None:
    """Returns the study that a training file was written by, as it lies beside it; None where none can be looked at."""
    folder = path.resolve().parent
    if path.name != "best.yaml" or not holds_study(folder):
        return None
    try:
        return LedgerReader.read(folder, clock=time.time, curves=False)
    except UserMistake:  # in a database to which nobody said to connect, or damaged
        return None


def training_origin(
    training: Training, folder: Path, accepted: Collection[str], again: str, study: LedgerReader | None
) -> MadeFrom:
    """Returns what a training without a study is made from.

    Args:
        training: The training.
        folder: Of the training.
        accepted: As of `origin`.
        again: The command that continues it.
        study: That found it, with what may be another source of its trainer.

    Raises:
        StudyConflict: If something else is not what it was.
    """
    try:
        before = MadeFrom.model_validate_json((folder / MADE_FROM).read_bytes())
    except (OSError, ValueError):  # new, of an earlier version, or damaged
        before = None
    now = MadeFrom.of(training.recording, sources(training), before)
    if before is not None:
        refuse_different(before.differences(now), folder, accepted, again)
    elif study is not None and study.made_from is not None and study.study.what_trains == training.what_trains:
        code = study.made_from.differences(now).get("code")
        refuse_different({"code": code} if code else {}, study.folder, accepted, again)
    return now.with_missing(before)


def refuse_other_training(folder: Path, training: Training) -> None:
    """Raises StudyConflict if a folder holds another training."""
    file = folder / "training.yaml"
    if file.exists() and file.read_bytes() != _text(training).encode():
        raise StudyConflict(
            f"{folder}: holds another training of this name; give this one another (--set name=...) or another "
            "folder (--results DIR)"
        )


def claim(folder: Path, training: Training, made_from: MadeFrom | None = None) -> None:
    """Makes the folder of a training, and says in it what is trained and what that is made from."""
    refuse_links(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints").mkdir(exist_ok=True)
        collect_orphans(folder, CheckpointStore(LocalFolder(folder / "checkpoints")), TRIAL + 1)
        write_atomically(folder / "training.yaml", lambda out: out.write(_text(training).encode()))
        if made_from is not None:
            write_json(folder / MADE_FROM, made_from.model_dump(mode="json"))
    except OSError as error:
        raise UserMistake(f"{folder}: the results folder cannot be written: {error.strerror}") from None


def _text(training: Training) -> str:
    said = training.model_dump(mode="json")
    return document.dump({key: value for key, value in said.items() if value is not None})


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a file, whole or not at all."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_atomically(path, lambda file: file.write(text.encode()))
