"""Bringing the copy of a study to this machine, where it goes on."""

import time
from pathlib import Path

from tune.errors import LatentTuneError, StudyBusy, UserMistake
from tune.ledger.backup.copy import WHOSE, remember_owners, whose
from tune.ledger.identity import stored_study
from tune.ledger.lease.lease import is_alive
from tune.ledger.origin import belonging
from tune.ledger.storage.files import write_atomically
from tune.ledger.storage.folders import Folder, folder_at, shared_of
from tune.study.places import without_options
from tune.study.study import NAME


def fetch(place: str, results: Path) -> Path:
    """Brings a copy to this machine, as a study folder that is whole or not there.

    Args:
        place: Path or URI of the copy, which ends with the study's name.
        results: Where the study folder is made.

    Returns:
        The study folder.

    Raises:
        UserMistake: If there is no copy, the store refuses, or the folder is there already.
        StudyBusy: If a live process works on the study.
    """
    shown = without_options(place)
    name = shown.rpartition("/")[2]
    if not NAME.fullmatch(name):
        raise UserMistake(f"{shown}: must end with the name of a study, such as s3://bucket/prefix/name")
    target, temporary = results / name, results / f".{name}.fetch"
    if target.exists():
        raise UserMistake(
            f"{target}: is there already; go on with it (latent-tune resume {target}), or give another folder "
            "(--results DIR)"
        )
    try:
        _bring(folder_at(place), temporary)
    except UserMistake:
        raise
    except (LatentTuneError, OSError) as error:
        raise UserMistake(f"{error}; see docs/storage.md") from error
    study = stored_study(temporary)
    if study.storage.shared is None or without_options(shared_of(study)) != shown:
        raise UserMistake(f"{shown}: its study.yaml says storage.shared: {study.storage.shared}; it must lie there")
    temporary.rename(target)
    return target


def _bring(shared: Folder, folder: Path) -> None:
    """Writes a copy into a folder; what an earlier try left there is written again."""
    there, shown = whose(shared), without_options(shared.place)
    if there is None:
        raise UserMistake(f"{shown}: no copy of a study there ({WHOSE} is missing); give storage.shared/NAME")
    if not there.get("ended") and is_alive(there, time.time()):
        raise StudyBusy(
            f"process {there['pid']} on {there['host']} works on this study (last heard of "
            f"{max(0.0, time.time() - there['beat']):.0f} s ago); wait for it, or stop it first"
        )
    (folder / "curves").mkdir(parents=True, exist_ok=True)
    names = [Path(name).name for name in shared.files("curves")]
    for name in (*(f"curves/{name}" for name in names), "study.yaml", "study.db", belonging.FILE):
        try:
            with shared.open(name) as file:
                content = file.read()
        except FileNotFoundError:
            if name in ("study.db", belonging.FILE):  # the decisions lie in another database, or in this one
                continue
            raise UserMistake(f"{shown}: is no whole copy, {name} is missing") from None
        if name == belonging.FILE:
            belonging.replace_folder(content, folder)
        else:
            _write(folder / name, content)
    remember_owners(folder, [str(there["owner"])])


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))
