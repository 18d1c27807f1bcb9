"""The scratch folders of runs, each held by a lock; those of processes that were killed are removed later."""

import fcntl
import getpass
import os
import re
import shutil
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

_HELD = "held"
_YOUNG_S = 60.0


class Scratch:
    """A new folder that is this process's until it is removed, or the process ends.

    Args:
        path: Of the folder.
        descriptor: Of the lock.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def make(cls, parent: Path | None, name: str) -> Self:
        """Makes a folder, and removes those beside it whose process is gone.

        Args:
            parent: Where; None for a folder of the machine's own.
            name: What its name begins with.
        """
        if parent is None:
            parent = Path(tempfile.gettempdir()) / f"latent-tune-{getpass.getuser()}" / "runs"
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Some file systems keep locks to one machine, so each looks after its own.
        machine = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
        _sweep(parent, machine)
        path = Path(tempfile.mkdtemp(prefix=f"{name}-{machine}.", dir=parent))
        descriptor = os.open(path / _HELD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks: nothing is swept on it either
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(path, descriptor)

    def remove(self) -> None:
        """Removes it with all that is in it; once is enough."""
        if self._descriptor >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(OSError):  # others have theirs there
                self.path.parent.rmdir()


def _sweep(parent: Path, machine: str) -> None:
    for folder in parent.glob(f"*-{machine}.*"):
        with suppress(OSError):
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Says whether the process that a folder was of is gone."""
    try:
        descriptor = os.open(folder / _HELD, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:  # it is being made, or was when the process was killed
        return time.time() - folder.stat().st_mtime > _YOUNG_S
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
