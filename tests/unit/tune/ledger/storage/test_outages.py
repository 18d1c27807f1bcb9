"""A database that is locked or away: what is waited for, what is not, and that nothing is written twice."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError, PendingRollbackError

from tests.fakes.clock import Clock
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.postgresql import Server
from tests.fakes.studies import quadratic_study
from tune.errors import Interrupted, StudyBusy, StudyStopped
from tune.ledger.database.connection import is_outage
from tune.ledger.database.database import Database
from tune.ledger.database.making import make_study
from tune.ledger.database.optuna_mirror import Mirror
from tune.ledger.lease.lease import Lease
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision, Trial
from tune.ledger.storage.outages import GIVE_UP_S, STOPPING_S, OutageRetry


class Away:
    """A call to a server that is away until a moment; remembers when it was tried."""

    def __init__(self, time: Clock, until: float) -> None:
        self.time, self.until = time, until
        self.tried: list[float] = []

    def __call__(self) -> str:
        self.tried.append(self.time.now)
        if self.time.now < self.until:
            raise OperationalError("SELECT 1", {}, ConnectionError("connection refused"))
        return "here"


def test_it_waits_longer_and_longer_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The waits grow to five seconds; a word after three seconds and every minute, and one when it is over."""
    time = Clock(0.0)
    away = Away(time, until=100)
    assert OutageRetry("db", clock=time, sleep=time.sleep, passes=is_outage)(away) == "here"
    waits = [round(after - before, 6) for before, after in zip(away.tried, away.tried[1:], strict=False)]
    assert waits[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(waits[6:]) == {5.0}
    assert capsys.readouterr().err.splitlines() == [
        "the database db does not answer since 3 s; waiting",
        "the database db does not answer since 66 s; waiting",
        "the database db answers again, after 101 s; going on",
    ]


def test_a_moment_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    """A lock of a second is nobody's business."""
    time = Clock(0.0)
    OutageRetry("db", clock=time, sleep=time.sleep, passes=is_outage)(Away(time, until=1))
    assert capsys.readouterr().err == ""


def test_it_gives_up_at_last_and_then_for_good() -> None:
    """After a quarter of an hour the study stops, and its last words wait for nothing."""
    time = Clock(0.0)
    retry, away = OutageRetry("db", clock=time, sleep=time.sleep, passes=is_outage), Away(time, until=1e9)
    with pytest.raises(StudyStopped, match=r"did not answer for 15 min: .*connection refused.*resume the study"):
        retry(away)
    assert GIVE_UP_S <= time.now <= GIVE_UP_S + 5
    then = time.now
    with pytest.raises(StudyStopped):
        retry(away)
    assert time.now == then


def test_a_request_to_stop_ends_the_wait() -> None:
    """Whoever is asked to stop while it waits, waits no more; a lock that passes at once it still survives."""
    time = Clock(0.0)
    retry = OutageRetry("db", lambda: time.now >= 30, clock=time, sleep=time.sleep, passes=is_outage)
    with pytest.raises(Interrupted, match="nothing is lost"):
        retry(Away(time, until=1e9))
    assert time.now <= 30 + STOPPING_S
    assert (
        OutageRetry("db", lambda: True, clock=time, sleep=time.sleep, passes=is_outage)(Away(time, until=time.now + 1))
        == "here"
    )


def test_what_a_database_will_go_on_refusing_is_not_waited_for(tmp_path: Path) -> None:
    """A missing table, a file that cannot be written: the first answer counts."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(OperationalError, match="no such table") as caught, engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM nowhere"))
    assert not is_outage(caught.value)


def test_a_lock_delays_the_ledger(tmp_path: Path) -> None:
    """Another program holds SQLite's lock: decisions, notes and Optuna's trials wait for it, and all are written."""
    ledger = Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0))
    locked = sqlite3.connect(tmp_path / "study.db", isolation_level=None, check_same_thread=False)
    refused = threading.Event()
    wait = ledger._database.retry._wait

    def release(seconds: float) -> None:
        refused.set()
        locked.execute("COMMIT")
        wait(seconds)
        ledger._database.retry._wait = wait  # type: ignore[method-assign]

    def lock() -> None:
        refused.clear()
        locked.execute("BEGIN IMMEDIATE")
        ledger._database.retry._wait = release  # type: ignore[method-assign]

    lock()
    ledger.decide("start", 0, 0, "by hand", {"parameters": {"x": 0.5, "fragile": False}})
    assert refused.is_set()
    lock()
    ledger.set_in_flight([0])
    assert refused.is_set()
    lock()
    ledger.trials[0].ended = "failed"
    ledger._mirror.changed(0)
    ledger._mirror.flush(ledger.study, ledger.trials, None)
    assert refused.is_set()
    locked.close()
    ledger.close("finished")
    again = LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0))
    assert [decision.kind for decision in again.decisions] == ["open", "start", "close"]
    assert again.decisions == ledger.decisions


@pytest.fixture
def proxy(postgresql: Server) -> Iterator[CuttingProxy]:
    """A network before the server."""
    proxy = CuttingProxy(postgresql.port)
    yield proxy
    proxy.close()


@pytest.fixture
def database(tmp_path: Path, postgresql: Server, database_url: str, proxy: CuttingProxy) -> Iterator[Database]:
    """A study's database, behind that network."""
    url = database_url.replace(f":{postgresql.port}/", f":{proxy.port}/")
    database = Database(url, tmp_path, "q", create=True)
    yield database
    database.close()


def test_a_decision_that_was_taken_unheard_is_written_once(database: Database, proxy: CuttingProxy) -> None:
    """The server commits and the connection breaks: the decision is found again, its own and not a rival's."""
    lease = Lease(database, Clock(tick_s=1.0))
    first, second = Decision("open", time=1.0), Decision("close", time=2.0)
    with proxy.cut_after_commit():
        database.append(0, first)
    with proxy.cut_after_commit():
        database.append(1, second)
    assert list(database.decisions()) == [first, second]
    with pytest.raises(StudyBusy):
        database.append(1, first)
    lease.release()


def test_a_lease_that_was_taken_unheard_is_ones_own(database: Database, proxy: CuttingProxy) -> None:
    """Neither the taking nor a heartbeat mistakes itself for another process."""
    with proxy.cut_after_commit():
        lease = Lease(database, Clock(tick_s=1.0))
    with proxy.cut_after_commit():
        lease.check()
        database.retry(lease._beat)
    lease.check()
    assert not lease.lost.is_set()
    with proxy.cut_after_commit():
        database.set_note("baseline", {"loss": 1.0})
    assert database.note("baseline") == {"loss": 1.0}
    lease.release()
    assert database.note("lease") is None


def test_a_trial_that_was_added_unheard_is_there_once(database: Database, proxy: CuttingProxy) -> None:
    """Optuna's trials are one per trial, whatever the network does."""
    mirror, trial = Mirror(database), Trial(0, {"x": 0.5, "fragile": True})
    mirror.changed(0)
    with proxy.cut_after_commit():
        mirror.flush(quadratic_study(), [trial], None)
    trial.ended = "failed"
    mirror.changed(0)
    with proxy.cut_after_commit():
        mirror.flush(quadratic_study(), [trial], None)
    (told,) = optuna.load_study(study_name="q", storage=database.url).trials
    assert (told.number, told.state.name) == (0, "FAIL")


def test_a_transaction_without_its_connection_is_an_outage() -> None:
    """What is left of one whose connection broke cannot be committed, which is for the next try."""
    assert is_outage(PendingRollbackError("Can't reconnect until invalid transaction is rolled back."))
    assert not is_outage(ValueError("exceeding max length"))


def test_what_optuna_says_of_a_database_is_told_as_the_database_said_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a study is made, its errors are around those of SQLAlchemy, by which an outage is known."""
    broken = PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")

    def fails(*_: object, **__: object) -> None:
        raise StorageInternalError("An exception is raised during the commit.") from broken

    monkeypatch.setattr("optuna.create_study", fails)
    with pytest.raises(PendingRollbackError):
        make_study("sqlite://", {}, "q", maximize=False)
