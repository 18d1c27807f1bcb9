"""A file system of its own that is small enough to be full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SmallDisk:
    """A tmpfs; `fill` leaves so many bytes free, `free` makes room again.

    Args:
        path: Where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def left(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Leaves so many bytes, to the page."""
        self.free()
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.left - leave)

    def free(self) -> None:
        """Makes room again."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """Makes it read-only (`ro`) or writable (`rw`)."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)


@contextmanager
def mounted(path: Path, size: int) -> Iterator[SmallDisk | None]:
    """Mounts a disk of so many bytes; gives None where this process may not."""
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=False, capture_output=True
    )
    if done.returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
