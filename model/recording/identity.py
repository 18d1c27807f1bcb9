"""By what a file is known to be the same as before, without reading it."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

_SETTLED_S = 2.0
"""The slowest clock of a filesystem ticks so often (FAT); what was written within it may look as if it were not."""


def identity(path: Path) -> list[Any]:
    """By what a file is known: place, device, inode, size, times of change of content and of inode.

    A program can set the time of change of the content, and ``cp -p`` does; that of the inode it cannot. Of a file that
    was written just now, the SHA-256 of its content belongs to it as well.

    Raises:
        OSError: it cannot be read.
    """
    path = path.expanduser().resolve()
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        known = [str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
        if time.time() - found.st_ctime < _SETTLED_S:
            known.append(hashlib.file_digest(file, "sha256").hexdigest())
    return known


def unchanged(path: Path, known: list[Any]) -> bool:
    """Whether a file is still what ``identity`` said; its content is not looked at."""
    found = path.expanduser().resolve().stat()
    return known[1:6] == [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
