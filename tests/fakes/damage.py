"""Damage to files, as disks and power cuts do it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flip(path: Path, at: float = 0.5) -> None:
    """Flips a bit, at this share of the file's length."""
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def cut(path: Path, left: float = 0.5) -> None:
    """Cuts a file, so that this share of its length is left."""
    os.truncate(path, int(left * path.stat().st_size))


def garble(path: Path) -> None:
    """Puts as many bytes there that mean nothing."""
    path.write_bytes(b"\x93garbage" * (path.stat().st_size // 8 + 1))


@contextmanager
def notes() -> Iterator[list[str]]:
    """Collects what is logged."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log, listener = logging.getLogger("latent-tune"), Listener()
    log.addHandler(listener)
    try:
        yield said
    finally:
        log.removeHandler(listener)
