"""The disk under a study: how much is free, how much is needed, and what an error of it means."""

import errno
import os
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from tune.errors import DiskFull, LatentTuneError, StudyStopped, UserMistake
from tune.ledger.printable import output_fault
from tune.study.ladder import stages
from tune.study.study import Study
from tune.study.units import show_size

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SQLITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_NAMES = ("study.yaml", "training.yaml")
_PRIMARY = 0xFF
"""SQLite's extended codes keep the primary one in their lowest byte."""

MAKE_SPACE = "tensorboard/ in a study's folder, and checkpoints/ of a finished study that is not to be extended"
"""What can be deleted without loss: the first is made again from the ledger, of the second only its trainings are."""


_RESERVE = ".reserve"
_RESERVED = 2**20


def hold_reserve(folder: Path) -> None:
    """Takes a mebibyte of the disk, so that a process whose disk is full can still store how it ended."""
    reserve = folder / _RESERVE
    if not reserve.is_file() or reserve.stat().st_size < _RESERVED:
        reserve.write_bytes(os.urandom(_RESERVED))  # zeros would be compressed to nothing by some file systems


def free_reserve(folder: Path) -> None:
    """Gives it back, as far as the disk lets it."""
    with suppress(OSError):
        (folder / _RESERVE).unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Returns how many bytes this user can still write where a folder is, or is to be made; no end if it tells none."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize if found.f_blocks else sys.maxsize


def needed_bytes(study: Study, state: int, units: int) -> int:
    """Returns how much must be free before another unit of work begins.

    It is `storage.min_free`, or what it takes to save every unit in flight, whichever is more.

    Args:
        study: The study; 0 for its `storage.min_free` asks for nothing.
        state: Bytes of the largest checkpoint of one run; 0 before there is one.
        units: How many units there will be in flight.
    """
    least = study.storage.min_free
    return max(least, units * study.top.seeds * state) if least else 0


def estimate(study: Study, state: int) -> int:
    """Returns about how many bytes the checkpoints of a study come to at most, as the ladder is expected to go.

    Args:
        study: The study.
        state: Bytes of one checkpoint.
    """
    counts = [stage.trials for stage in stages(study.rungs, study.trials, study.search.reduction_factor)]
    waiting = [here - above for here, above in pairwise(counts)]
    runs = sum(trials * rung.seeds for trials, rung in zip(waiting, study.rungs, strict=False))
    keep = study.storage.keep
    confirmed = counts[-1] if keep == "all" else min(keep, counts[-1])
    return (runs + (confirmed + 1) * study.most_seeds) * state


def refuse_low_space(study: Study, folder: Path) -> None:
    """Raises UserMistake if less than `storage.min_free` is free where the study's folder is, or is to be made."""
    free = free_bytes(folder)
    if free < study.storage.min_free:
        raise UserMistake(
            f"{folder}: {show_size(free)} are free there, storage.min_free asks for "
            f"{show_size(study.storage.min_free)}; make space (what can be deleted: {MAKE_SPACE}), or give another "
            "folder (--results DIR), or a lower limit (--set storage.min_free=100MB)"
        )


def lift_file_limit(folder: Path, least: int, instead: str = "") -> None:
    """Lets files grow as far as this process may let them; raises UserMistake if that is not far enough.

    Args:
        folder: Of the study, for the words.
        least: How large one file must be able to be, in bytes.
        instead: What else can be done.
    """
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if 0 <= most < least:
        raise UserMistake(
            f"{folder}: no file of this process may be larger than {show_size(most)} (ulimit -f), and a study needs "
            f"{show_size(least)}; raise that limit{instead}"
        )


def _file_limit() -> str:
    """Returns that files may not grow without end here; "" where they may."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return f" (no file of this process may be larger than {show_size(limit)}: ulimit -f)" if limit >= 0 else ""


def disk_full(folder: Path, why: str) -> DiskFull:
    """Returns the error of a study or training that is paused because its disk is full.

    Args:
        folder: Its folder.
        why: What could not be done, or how much is needed.
    """
    free = show_size(free_bytes(folder))
    return DiskFull(
        f"{folder}: paused, because the disk is full; nothing that was stored is lost. {free} free there, "
        f"{why}; make space (what can be deleted: {MAKE_SPACE})"
    )


def vanished(folder: Path) -> StudyStopped | None:
    """Returns the error of a study or training whose folder is gone; None where it is there."""
    if any((folder / name).is_file() for name in _NAMES):
        return None
    return StudyStopped(
        f"{folder}: the folder was moved or deleted while it was worked on ({' or '.join(_NAMES)} is missing there); "
        "put it back and resume, or run it again from its beginning"
    )


def is_full(error: BaseException) -> bool:
    """Says whether a full disk, or a user's full quota, is behind an error."""
    return any(
        getattr(one, "errno", None) in _FULL
        if isinstance(one, OSError)
        else isinstance(one, sqlite3.Error) and _code(one) == sqlite3.SQLITE_FULL
        for one in _chain(error)
    )


def explained(error: BaseException, folder: Path) -> BaseException:
    """Returns what an error of the disk means to a study or training, a pause or its end; others as they are.

    Args:
        error: Anything that was raised while it was worked on.
        folder: Its folder.
    """
    if isinstance(error, LatentTuneError):
        return error
    faults = [one for one in _chain(error) if is_disk_fault(one)]
    if not faults:
        return error
    if is_full(error):
        return disk_full(folder, f"and a write failed ({faults[-1]})")
    return vanished(folder) or StudyStopped(
        f"{folder}: a file cannot be read or written: {faults[-1]}{_file_limit()}; what was stored is kept; mend that, "
        "then continue"
    )


@contextmanager
def disk_troubles(folder: Path, again: str) -> Iterator[None]:
    """Has an error of the disk say what it means, and how to go on.

    Args:
        folder: Of the study or training that is worked on.
        again: The command that continues it.
    """
    try:
        yield
    except Exception as error:
        if is_full(error) and (fault := output_fault()) is not None:
            raise LatentTuneError(
                f"standard output cannot be written ({fault.strerror}), so {folder} stands as it was and nothing is "
                f"lost; write it elsewhere, or nothing at all (--quiet)\n{again}"
            ) from error
        told = explained(error, folder)
        if isinstance(told, DiskFull):
            raise DiskFull(f"{told}\n{again}") from error
        if told is error:
            raise
        raise told from error


def is_disk_fault(error: BaseException) -> bool:
    """Says whether an error itself, not one before it, is one of files."""
    if isinstance(error, sqlite3.Error):
        return _code(error) in _SQLITE
    return isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError)


def caused_by_disk(error: BaseException) -> bool:
    """Says whether an error, or one that it came from, is one of files: PyTorch wraps those of its writes."""
    return any(is_disk_fault(one) for one in _chain(error))


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that it came from, the first one last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
