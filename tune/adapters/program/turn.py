"""Turns: programs that write where others of their kind do as well run one after another on a machine."""

import fcntl
import getpass
import hashlib
import os
import tempfile
import time
from pathlib import Path


class Turn:
    """The right to be the only program that writes to a place, and the only one in every second of its run.

    So what is new there is this run's, and a folder named by the time is no other run's.

    Args:
        place: The path or pattern.
    """

    def __init__(self, place: str) -> None:
        folder = Path(tempfile.gettempdir()) / f"latent-tune-{getpass.getuser()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(str(Path(place).absolute()).encode(errors="surrogateescape")).hexdigest()[:16]
        self._path = folder / f"turn-{name}.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Takes the turn if nobody has it; says whether it did."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        if os.pread(descriptor, 32, 0) == _second():
            os.close(descriptor)
            return False
        os.pwrite(descriptor, _second(), 0)
        self._descriptor = descriptor
        return True

    def leave(self) -> None:
        """Gives the turn to whoever waits."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, _second(), 0)  # it may have named its folder just now: it was slow to start
            os.close(self._descriptor)
            self._descriptor = None


def _second() -> bytes:
    return str(int(time.time())).encode()
