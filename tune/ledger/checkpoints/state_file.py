"""How a state lies in a file: data only, in the zip archive that `torch.save` writes.

Each part of it has a CRC-32. torch does not look at it when it loads, so it is done here, before.
"""

import os
import pickle
import sys
import zipfile
from io import BytesIO
from typing import Any, BinaryIO, NoReturn


class _Plain(pickle.Pickler):
    """Pickles what is made of Python's numbers, texts, lists and mappings alone."""

    def reducer_override(self, thing: object) -> NoReturn:
        """Called for all else."""
        raise pickle.PicklingError(f"{type(thing).__name__} is no plain data")


def write_state(state: Any, out: BinaryIO) -> None:
    """Writes a state as `torch.save` does; where PyTorch is not loaded and the state is plain, without loading it.

    That takes more than a second, in each process that trains with something else.
    """
    plain = None if "torch" in sys.modules else _pickled(state)
    if plain is None:
        import torch

        torch.save(state, out)
        return
    archived = BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        for name, content in (("data.pkl", plain), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
    out.write(archived.getbuffer())


def _pickled(state: Any) -> bytes | None:
    """Returns a state as `torch.load` reads it, None where it is not plain."""
    pickled = BytesIO()
    try:
        _Plain(pickled, protocol=2).dump(state)
    except pickle.PicklingError:
        return None
    return pickled.getvalue()


def damage(file: BinaryIO) -> str | None:
    """Returns what is wrong with an open checkpoint file, None when it is what was written."""
    try:
        size = file.seek(0, os.SEEK_END)
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            # Stored as they are: what is packed could be small here and fill the memory there.
            packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
            if packed or sum(part.file_size for part in parts) > size:
                return "its parts are not stored as torch stores them"
            wrong = archive.testzip()
    except Exception as error:  # noqa: BLE001 - whatever zipfile stumbles over, it is not what was written
        return f"{type(error).__name__}: {error}"
    return None if wrong is None else f"the checksum of its part {wrong} is wrong"
