"""Results on disk, found again by the content of what made them.

An entry is a folder named by a hash of its key. It holds the files that ``build`` wrote and ``entry.json``: the
key, and the size and SHA-256 of every file. An entry whose files do not match is made again. Entries
appear by a rename, so a reader sees a whole one or none.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from model.recording.mistakes import RecordingError

CACHE_VARIABLE = "LATENT_TUNE_CACHE"
"""Environment variable that names the cache folder; by default the user's own."""

_SIDECAR = "entry.json"


def cache_folder() -> Path:
    """Where recordings are kept: ``$LATENT_TUNE_CACHE`` or the user's own cache, then ``recordings``.

    Source: freedesktop.org, "XDG Base Directory Specification", for where that is.
    """
    users = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get(CACHE_VARIABLE) or f"{users}/latent-tune").expanduser() / "recordings"


def find_or_build(key: Mapping[str, Any], build: Callable[[Path], None], size_bytes: int) -> Path:
    """The folder of the entry for ``key``, built if it is missing or damaged.

    Processes that ask for one entry at the same time wait for the first of them, and where the file system has no
    locks they each build it and one of them wins; either way all end with a whole entry.

    Args:
        key: what determines the content; JSON values.
        build: writes the entry's files into the folder it is given.
        size_bytes: bytes that ``build`` will write; refused at once where the disk has less room.

    Raises:
        RecordingError: the cache cannot be written or has no room.
    """
    text = json.dumps(key, sort_keys=True)
    home = cache_folder()
    entry = home / hashlib.sha256(text.encode()).hexdigest()[:32]
    if _is_whole(entry):
        return entry
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _lock(entry) as alone:
            if _is_whole(entry):
                return entry
            if alone:
                for left_over in home.glob(f"{entry.name}.*.tmp"):
                    shutil.rmtree(left_over, ignore_errors=True)
            free = shutil.disk_usage(home).free
            if free < size_bytes:
                raise RecordingError(
                    f"recording: the cache {home} has {free / 2**20:.0f} MiB free and {size_bytes / 2**20:.0f} MiB are"
                    f" needed; free some, or set {CACHE_VARIABLE} to another folder"
                )
            _build(entry, text, build)
    except OSError as error:
        raise RecordingError(
            f"recording: the cache {home} cannot be written ({error.strerror or error}); set {CACHE_VARIABLE} to"
            f" a folder that can"
        ) from error
    return entry


def _build(entry: Path, key: str, build: Callable[[Path], None]) -> None:
    """Build beside the final place, make durable, rename."""
    work = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", suffix=".tmp", dir=entry.parent))
    try:
        work.chmod(0o755)
        build(work)
        files = {file.name: {"bytes": file.stat().st_size, "sha256": _digest(file)} for file in sorted(work.iterdir())}
        (work / _SIDECAR).write_text(json.dumps({"key": json.loads(key), "files": files}, indent=1), encoding="utf-8")
        for path in (*work.iterdir(), work):
            fsync(path)
        damaged = work.with_suffix(".damaged.tmp")
        if entry.exists() and not _is_whole(entry):
            entry.rename(damaged)
        try:
            work.rename(entry)
        except OSError:  # another process was quicker where there are no locks
            if not _is_whole(entry):
                raise
        fsync(entry.parent)
        shutil.rmtree(damaged, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's list of names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_whole(entry: Path) -> bool:
    """Whether every file that the sidecar names is there with its size and checksum."""
    try:
        files = json.loads((entry / _SIDECAR).read_text(encoding="utf-8"))["files"]
        return bool(files) and all(
            (entry / name).stat().st_size == wanted["bytes"] and _digest(entry / name) == wanted["sha256"]
            for name, wanted in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _lock(entry: Path) -> Iterator[bool]:
    """Hold the entry's lock; yields False where the file system cannot lock."""
    with entry.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
