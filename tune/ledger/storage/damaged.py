"""The folder `damaged/`: what cannot be used is moved there, never thrown away, and told in the log."""

import os
from itertools import count
from pathlib import Path

from tune.ledger.log import log
from tune.ledger.storage.files import sync_folder


def set_aside(study_folder: Path, path: Path, why: str, *, copy: bool = False) -> Path:
    """Moves a file or folder of a study out of the way, under a name that tells where it lay.

    Args:
        study_folder: The study's.
        path: What cannot be used; it lies in the study folder.
        why: For the log.
        copy: Leave it where it is, to be replaced; only for files.

    Returns:
        Where it lies now.

    Raises:
        OSError: If it cannot be moved.
    """
    home = study_folder / "damaged"
    home.mkdir(exist_ok=True)
    name = "-".join(path.relative_to(study_folder).parts)
    target = next(place for n in count(1) if not (place := home / f"{name}.{n}").exists())
    if copy:
        os.link(path, target)
    else:
        path.rename(target)
        sync_folder(path.parent)
    sync_folder(home)
    log.warning("%s: %s; it lies in %s now", path, why, target)
    return target
