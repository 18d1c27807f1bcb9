"""Whether what a study says of `storage.shared` can be used, before anything is written."""

import secrets

from tune.errors import LatentTuneError, UserMistake
from tune.ledger.storage.folders import folder_at
from tune.study.places import folder_of, without_options
from tune.study.study import Study


def refuse_unusable(study: Study) -> None:
    """Raises UserMistake if a file cannot be written, read back and removed in `storage.shared`."""
    place = study.storage.shared
    if place is None:
        return
    disk = folder_of(place)
    if disk is not None and not disk.is_dir():
        raise UserMistake(f"storage.shared: {disk}: no such folder; mount it, make it, or give another")
    name, word = f".probe-{secrets.token_hex(8)}", secrets.token_bytes(16)
    folder = folder_at(place)
    try:
        folder.write(name, lambda file: file.write(word))
        with folder.open(name) as file:
            same = file.read() == word
        folder.remove([name])
    except (LatentTuneError, OSError) as error:
        raise UserMistake(
            f"storage.shared: {error}; the bucket or folder must be there and writable, and credentials in the "
            "environment, see docs/storage.md"
        ) from error
    if not same:
        raise UserMistake(f"storage.shared: {without_options(place)}: what was written there is not what is read back")
