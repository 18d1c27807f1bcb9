"""The lease: one process at a time works on a study.

How it changes hands: free → held (beats) → given back; or → its holder dies, at once seen on its own machine and after
`STALE_S` of silence elsewhere → taken over. A holder that comes back after that (its machine slept, its network was
cut) is shut out: every write to the database asks, in the same transaction, whether the lease is still its own, and
before a file is written whoever was silent for too long asks as well.
"""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tune.errors import StudyBusy
from tune.ledger.database.database import TAKEN_OVER, Database
from tune.ledger.lease.clock import uptime
from tune.ledger.lease.process import birth, machine
from tune.ledger.replay import LATEST_S

BEAT_S = 5.0
STALE_S = 60.0
TRUST_S = 30.0
"""After so long without a heartbeat a holder no longer trusts its lease; half of the time after which others do not."""


class Lease:
    """Held by the process that works on a study; beats from a thread of its own, however long an epoch takes.

    Args:
        database: Where the lease is written; from now on it takes writes only while this lease holds.
        clock: Seconds since the epoch.

    Raises:
        StudyBusy: If a live process holds it.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self.lost = threading.Event()
        self._stop = threading.Event()
        holder = holder_of(database)
        if holder is not None and is_alive(holder, clock()):
            raise StudyBusy(
                f"process {holder['pid']} on {holder['host']} is running this study "
                f"(last heard of {max(0.0, clock() - holder['beat']):.0f} s ago); wait for it, or stop it first"
            )
        self.last_holder: Mapping[str, Any] | None = holder
        pid = os.getpid()
        self._held = {
            "owner": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "machine": machine(),
            "pid": pid,
            "born": birth(pid),
            "beat": clock(),
        }
        self._beaten = uptime()
        if not database.replace_note("lease", holder, self._held):
            raise StudyBusy("another process took this study at the same moment; wait for it")
        database.owner = str(self._held["owner"])
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Makes sure that the lease is still held, by asking the database if nothing was heard of it for long.

        Raises:
            StudyBusy: If another process has taken the study over.
            Interrupted, StudyStopped: As `tune.ledger.storage.outages` says, while the database is away.
        """
        if uptime() - self._beaten > TRUST_S and not self.lost.is_set():
            self._database.retry(self._beat)
        if self.lost.is_set():
            raise StudyBusy(TAKEN_OVER)

    def held(self) -> bool:
        """Asks the database, once, whether the lease is still held; when it does not answer, nobody knows that."""
        try:
            self._beat()
        except SQLAlchemyError:
            return False
        return not self.lost.is_set()

    @property
    def holder(self) -> Mapping[str, Any]:
        """Returns what the lease says of this process."""
        return self._held

    @property
    def given_back(self) -> bool:
        """Whether it was released."""
        return self._stop.is_set()

    def release(self) -> None:
        """Gives the lease back; if the database is away, others find it stale."""
        self._stop.set()
        self._thread.join()
        with suppress(SQLAlchemyError):
            self._database.drop_lease()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S):
            with suppress(SQLAlchemyError):  # locked or away for a while: the next beat tries again
                self._beat()
            if self.lost.is_set():
                return

    def _beat(self) -> None:
        asked, beaten = uptime(), {**self._held, "beat": self._clock()}
        if self._database.beat(beaten):
            self._beaten, self._held = asked, beaten
        else:
            self.lost.set()


def holder_of(database: Database) -> Mapping[str, Any] | None:
    """Returns what the lease says of the process that holds it, or held it last; None where there is none.

    Raises:
        UserMistake: If it is none that a process of this program has written.
    """
    holder = database.note("lease")
    if holder is None:
        return None
    with suppress(TypeError, ValueError, LookupError, AttributeError):
        if abs(float(holder["beat"])) < LATEST_S and isinstance(holder["pid"], int) and isinstance(holder["host"], str):
            found: Mapping[str, Any] = holder
            return found
    raise database.nonsense("lease", holder)


def is_alive(holder: Mapping[str, Any], now: float) -> bool:
    """Says whether the process that holds a lease lives: looked up on this machine, by its heartbeat on others."""
    if holder.get("machine") == machine():
        born = holder.get("born")
        return born is not None and birth(holder["pid"]) == born
    return now - float(holder["beat"]) < STALE_S
