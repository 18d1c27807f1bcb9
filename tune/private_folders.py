"""Folders for what lies on a disk for as long as a process needs it, and goes even where that was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SUFFIX = 8
"""Characters that `mkdtemp` adds to a name."""


def own_name(prefix: str) -> str:
    """Returns how the names of this process's folders begin."""
    return f"{prefix}{os.getpid()}-"


@contextmanager
def private_folder(prefix: str, place: Path) -> Iterator[Path]:
    """Makes a folder that nobody else can enter, and removes it in the end; what killed processes left goes as well.

    Args:
        prefix: Of its name: what it is for, and of which machine where several see the place.
        place: Where it lies.
    """
    _remove_abandoned(prefix, place)
    folder = Path(tempfile.mkdtemp(prefix=own_name(prefix), dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(prefix: str, place: Path) -> None:
    """Removes the folders of this user's processes that are gone: they were killed before they could."""
    for folder in place.glob(f"{prefix}*-*"):
        pid = folder.name.removeprefix(prefix).partition("-")[0]
        if not pid.isdecimal() or psutil.pid_exists(int(pid)):
            continue
        about = folder.lstat()
        if about.st_uid == os.getuid() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
