"""The copy of a study in `storage.shared`: enough to go on elsewhere when the machine of its driver is lost.

It is `study.yaml`, the curves, `study.db` where the decisions lie in it, and `copy.json`, which says whose it is. The
decisions are read first and written last, so a copy never knows a decision without the curves that it rests on. What
the copy does not tell yet, a trainer's last reports for example, is not removed beside the checkpoints before it does.
"""

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from tune.errors import LatentTuneError, StudyBusy, StudyConflict, UserMistake
from tune.ledger.curves.appended import numbers, place_of, read_appended
from tune.ledger.log import log
from tune.ledger.origin import belonging
from tune.ledger.printable import printable
from tune.ledger.storage.files import readable
from tune.ledger.storage.folders import Folder, LocalFolder, folder_at, retry_with, shared_of
from tune.study.places import without_options
from tune.study.study import Study

WHOSE = "copy.json"
"""In the copy: which process keeps it, and when it was last heard of."""
LAST_STREAM = 8_000_000
"""Bytes: a stream of curves that is longer is sealed, because what is still written to is copied again each time."""

_OURS = "owner.json"
"""In the study folder: under which names its processes kept the copy."""
_BEAT_S = 20.0
_PATIENCE_S = 240.0


class LedgerCopy:
    """Keeps the copy, from a thread of its own: no decision waits for it.

    How its state evolves: `begin()` → `changed()` with every decision → a copy, at most so often → `finish()`. A store
    that is away is tried again; meanwhile the copy grows old, and the log and the terminal say so once.

    Args:
        study: With `storage.shared`.
        folder: Its folder.
        holder: Who works on it, as its lease says.
        lost: Set when another process keeps the copy.
        should_stop: Asked while the last copy waits for the store.
    """

    def __init__(
        self,
        study: Study,
        folder: Path,
        holder: Mapping[str, Any],
        lost: threading.Event,
        should_stop: Callable[[], bool],
    ) -> None:
        self._study, self._folder, self._holder, self._lost = study, folder, dict(holder), lost
        place = shared_of(study)
        self._shared = folder_at(place)
        self._last = folder_at(place, retry_with(place, should_stop, give_up_s=_PATIENCE_S))
        self._before: str | None = None
        self._changed, self._over = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._later: list[Callable[[], None]] = []
        self._copied = ""  # when, for messages
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="copy", daemon=True)

    def begin(self) -> None:
        """Takes the copy over and begins to keep it.

        Raises:
            StudyConflict: If it is another study's, or was continued elsewhere.
            StudyStopped: If the store refuses, or does not answer.
        """
        there = refuse_foreign(self._last, self._folder)
        self._before = str(there["owner"]) if there else None
        remember_owners(self._folder, [self._holder["owner"], *([self._before] if self._before else [])])
        self._changed.set()
        self._copy(self._last)
        self._thread.start()

    def changed(self) -> None:
        """Takes note that there is something new."""
        self._changed.set()

    def later(self, call: Callable[[], None]) -> None:
        """Does something once all that is stored by now is in the copy: removing what the copy may still need."""
        with self._lock:
            self._later.append(call)

    def finish(self) -> None:
        """Brings the copy up to date and gives it up; a store that is away for too long leaves it as it is."""
        self._stop()
        if self._lost.is_set():
            return
        try:
            self._copy(self._last)
            self._tell_whose(self._last, ended=True)
        except (LatentTuneError, OSError) as error:
            self._say(f"the copy of the study ends at {self._copied}: {error}; {self._folder} has everything")

    def _stop(self) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        every_s = self._study.storage.copy_every
        copied = time.monotonic()
        while not self._over.wait(min(every_s, _BEAT_S)):
            try:
                if self._changed.is_set() and time.monotonic() - copied >= every_s:
                    self._copy(self._shared)
                    copied = time.monotonic()
                else:
                    self._tell_whose(self._shared)
                if self._failed:
                    self._failed = False
                    self._say(f"the copy of the study in {without_options(self._shared.place)} is kept again")
            except StudyBusy:
                self._lost.set()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the study itself goes on
                if not self._failed:
                    self._failed = True
                    self._say(f"the copy of the study is not kept since {self._copied}: {error}; trying again")

    def _copy(self, shared: Folder) -> None:
        """Copies what is stored by now; then does what waited for it."""
        self._changed.clear()
        try:
            with self._lock:
                waiting = len(self._later)
            self._tell_whose(shared)
            decisions = None if self._study.storage.database else _snapshot(self._folder / "study.db")
            _copy_curves(self._folder, shared)
            words = self._folder / belonging.FILE
            files = {"study.yaml": (self._folder / "study.yaml").read_bytes(), "study.db": decisions}
            files[belonging.FILE] = words.read_bytes() if words.is_file() else None
            for name, content in files.items():
                if content is not None:
                    _put(shared, name, content)
        except BaseException:
            self._changed.set()
            raise
        self._copied = datetime.now().astimezone().isoformat(timespec="seconds")
        with self._lock:
            due, self._later = self._later[:waiting], self._later[waiting:]
        for place, call in enumerate(due):
            try:
                call()
            except BaseException:
                with self._lock:
                    self._later = due[place:] + self._later
                raise

    def _tell_whose(self, shared: Folder, *, ended: bool = False) -> None:
        """Says that this process keeps the copy, and lives.

        Raises:
            StudyBusy: If another one keeps it now.
        """
        there = whose(shared)
        if there is not None and there["owner"] not in (self._holder["owner"], self._before):
            raise StudyBusy(f"another process, on {there['host']}, keeps the copy in {shared.place}; this one stops")
        _put(shared, WHOSE, json.dumps({**self._holder, "beat": time.time(), "ended": ended}).encode())

    def _say(self, message: str) -> None:
        log.warning(message)
        sys.stderr.write(printable(f"{message}\n"))


def whose(shared: Folder) -> dict[str, Any] | None:
    """Returns what a copy says of the process that keeps it; None where there is no copy.

    Raises:
        UserMistake: If it cannot be understood.
    """
    try:
        with shared.open(WHOSE) as file:
            said = json.loads(file.read())
        return {**said, **{name: said[name] for name in ("owner", "host", "pid", "beat")}}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError):
        raise UserMistake(f"{shared.place}/{WHOSE}: is damaged, so nobody knows whose the copy is; remove it") from None


def is_copy(folder: Path) -> bool:
    """Says whether a folder is the copy of a study, and no study folder."""
    with readable(folder):
        return (folder / WHOSE).is_file()


def refuse_foreign(shared: Folder, folder: Path) -> dict[str, Any] | None:
    """Returns whose a copy is so far, None where there is none.

    Args:
        shared: The copy.
        folder: The study folder that is to be worked on.

    Raises:
        StudyConflict: If it is another study's, or was continued on another machine.
    """
    there, ours = whose(shared), folder / _OURS
    owners = json.loads(ours.read_bytes())["owners"] if ours.is_file() else []
    if there is not None and there["owner"] not in owners:
        place = without_options(shared.place)
        raise StudyConflict(
            f"storage.shared: {place} holds a study that {folder} does not know, last worked on by process "
            f"{there['pid']} on {there['host']}; go on with that one (latent-tune resume {place} --results OTHER_DIR), "
            "or give this one another name (--set name=...)"
        )
    return there


def remember_owners(folder: Path, owners: Sequence[str]) -> None:
    """Writes into a study folder whose copy it knows: it goes on from there and from nothing else."""
    _put(LocalFolder(folder), _OURS, json.dumps({"owners": list(owners)}).encode())


def _copy_curves(folder: Path, shared: Folder) -> None:
    """Copies the files of curves that are new or still written to, then removes what the study has no more.

    A file has its rows in the copy as they were appended: what is shown of them can be made again. A stream that
    becomes a Parquet file meanwhile is looked for again under its new name.
    """
    curves = folder / "curves"
    while True:
        there, names = shared.files("curves"), set[str]()
        try:
            for number in numbers(curves):
                path = place_of(curves, number)
                if path.suffix == ".arrows" or there.get(_in_copy(path)) != path.stat().st_size:
                    path, content = read_appended(curves, number, Path.read_bytes)
                    _put(shared, _in_copy(path), content)
                names.add(_in_copy(path))
        except FileNotFoundError:
            continue
        shared.remove(set(there) - names)
        return


def _in_copy(path: Path) -> str:
    """Returns the name in the copy of a file of curves."""
    return f"curves/{path.name if path.suffix == '.arrows' else f'{path.stem}.parquet'}"


def _snapshot(file: Path) -> bytes:
    """Returns an SQLite file as it stands between two transactions."""
    with (
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as memory,
    ):
        source.backup(memory)
        return memory.serialize()


def _put(shared: Folder, name: str, content: bytes) -> None:
    shared.write(name, _writer(content))


def _writer(content: bytes) -> Callable[[Any], object]:
    return lambda file: file.write(content)
