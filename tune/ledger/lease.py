"""The lease: one process at a time works on a study."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psutil
from sqlalchemy.exc import SQLAlchemyError

from tune.errors import StudyBusy
from tune.ledger.database import Database

BEAT_S = 5.0
STALE_S = 60.0


class Lease:
    """Held by the process that works on a study; beats from a thread of its own, however long an epoch takes.

    Args:
        database: Where the lease is written.
        clock: Seconds since the epoch.

    Raises:
        StudyBusy: If a live process holds it.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self.lost = threading.Event()
        self._stop = threading.Event()
        holder = database.note("lease")
        if holder is not None and is_alive(holder, clock()):
            raise StudyBusy(
                f"process {holder['pid']} on {holder['host']} is running this study "
                f"(last heard of {clock() - holder['beat']:.0f} s ago); wait for it, or stop it first"
            )
        self.last_holder: Mapping[str, Any] | None = holder
        pid = os.getpid()
        self._held = {"owner": uuid.uuid4().hex, "host": socket.gethostname(), "pid": pid, "born": _birth(pid)}
        self._held["beat"] = clock()
        if not database.replace_note("lease", holder, self._held):
            raise StudyBusy("another process took this study at the same moment; wait for it")
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Gives the lease back; one that cannot be written any more is found to be a dead process's by the next."""
        self._stop.set()
        self._thread.join()
        with suppress(SQLAlchemyError):
            self._database.replace_note("lease", self._held, None)

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S):
            beaten = {**self._held, "beat": self._clock()}
            try:
                held = self._database.replace_note("lease", self._held, beaten)
            except SQLAlchemyError:  # locked or away for a while: the next beat tries again
                continue
            if not held:
                self.lost.set()
                return
            self._held = beaten


def is_alive(holder: Mapping[str, Any], now: float) -> bool:
    """Says whether the process that holds a lease lives: looked up on this host, by its heartbeat on others."""
    if holder["host"] == socket.gethostname():
        return holder["born"] is not None and _birth(int(holder["pid"])) == holder["born"]
    return now - float(holder["beat"]) < STALE_S


def _birth(pid: int) -> float | None:
    """Returns when a process was made, which tells it from a later one of the same pid; None when it is dead."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
