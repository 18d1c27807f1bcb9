"""The lease: whose the study is, through clocks that are set, pids that come again and holders that come back."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.errors import StudyBusy
from tune.ledger.database.database import Database
from tune.ledger.lease import lease as lease_module
from tune.ledger.lease.clock import SteadyClock
from tune.ledger.lease.lease import STALE_S, Lease, is_alive
from tune.ledger.lease.process import birth, machine
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader


def held_here(**changes: object) -> dict[str, object]:
    """A lease of this process."""
    pid = os.getpid()
    held = {"host": socket.gethostname(), "machine": machine(), "pid": pid, "born": birth(pid), "beat": 1000.0}
    return {**held, **changes}


def test_on_this_machine_the_process_counts_and_no_clock() -> None:
    """A live process holds its lease whatever the wall clock says; a dead one does not, nor another of its pid."""
    for now in (0.0, 1000.0, 1e9):
        assert is_alive(held_here(), now)
    assert not is_alive(held_here(born=1.0), 1000.0)
    assert not is_alive(held_here(pid=2**22 + 1), 1000.0)


def test_a_live_study_is_refused_and_a_dead_one_taken_over(tmp_path: Path) -> None:
    """The lease of a living process holds; after kill -9 the next process takes it without repair."""
    code = (
        "import sys, time; from pathlib import Path; from tune.ledger.ledger import Ledger;"
        "from tests.fakes.studies import quadratic_study;"
        f"ledger = Ledger.open(quadratic_study(), Path({str(tmp_path / 'q')!r}), clock=time.time);"
        "print('open', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StudyBusy, match=f"process {holder.pid} on {socket.gethostname()} is running this study"):
            Ledger.open(quadratic_study(), tmp_path / "q", clock=Clock(tick_s=1.0))
        assert LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)).live
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        ledger = Ledger.open(quadratic_study(), tmp_path / "q", clock=Clock(tick_s=1.0))
        assert [session.ended for session in ledger.sessions] == ["lost", ""]
        ledger.close("finished")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close() if holder.stdout else None


def test_another_hosts_lease_lives_by_its_heartbeat() -> None:
    """A process on another host cannot be looked up; a minute of silence makes it dead."""
    holder = {"host": "elsewhere", "pid": 1, "born": 1.0, "beat": 1000.0}
    assert is_alive(holder, 1059.0)
    assert not is_alive(holder, 1061.0)


def test_of_two_takers_one_wins(tmp_path: Path) -> None:
    """The lease changes hands in one statement, so a race has one winner."""
    database = Database(None, tmp_path, "q", create=True)
    first = Lease(database, Clock(tick_s=1.0))
    assert not database.replace_note("lease", None, {"owner": "second"})
    assert not database.replace_note("lease", {"owner": "stale"}, {"owner": "second"})
    first.release()
    assert database.note("lease") is None


def test_another_boot_or_container_lives_by_its_heartbeat() -> None:
    """The same host name, pid and birth on another boot, or in another container, say nothing about a process here."""
    other = held_here(machine=f"{machine()} pid:[1]")
    assert is_alive(other, 1000.0 + STALE_S - 1)
    assert not is_alive(other, 1000.0 + STALE_S + 1)


def test_setting_the_clock_does_not_change_when_a_process_was_born(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the boot moves when the clock is set, and a process's age with it; its birth does not."""
    child = subprocess.Popen(["sleep", "600"])
    try:
        born, told = birth(child.pid), psutil.Process(child.pid).create_time()
        boot = psutil.boot_time()
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 7200)
        assert psutil.Process(child.pid).create_time() == pytest.approx(told + 7200)
        assert birth(child.pid) == born
        assert birth(child.pid) != birth(os.getpid())
    finally:
        child.kill()
        child.wait()
    assert birth(child.pid) is None


def test_the_age_of_a_heartbeat_is_never_negative(tmp_path: Path) -> None:
    """A holder whose clock is ahead was last heard of now."""
    database = Database(None, tmp_path, "q", create=True)
    database.set_note("lease", held_here(machine="elsewhere", host="elsewhere", pid=7, beat=5000.0))
    with pytest.raises(StudyBusy, match=r"process 7 on elsewhere is running this study \(last heard of 0 s ago\)"):
        Lease(database, Clock(1000.0, tick_s=1.0))


def test_a_session_is_measured_by_a_clock_that_does_not_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock is set by hours, forwards and backwards, in mid-session: it lasted as long as it did."""
    wall = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    passed = [500.0]
    ledger = Ledger.open(quadratic_study(), tmp_path, clock=SteadyClock(time.time, lambda: passed[0]))
    for jump in (7200.0, -18000.0):
        wall[0] += jump
        passed[0] += 10
        before = ledger.elapsed_s()
        assert before == pytest.approx(passed[0] - 500)
        assert LedgerReader.read(tmp_path, clock=time.time).live
        ledger.decide("start", len(ledger.trials), 0, "", {"parameters": {"x": 0.5, "fragile": False}})
        assert LedgerReader.read(tmp_path, clock=time.time).elapsed_s() == pytest.approx(before)
    ledger.close("finished")
    again = Ledger.open(quadratic_study(), tmp_path, clock=SteadyClock(time.time, lambda: passed[0]))
    passed[0] += 5
    assert again.elapsed_s() == pytest.approx(25)
    again.close("finished")
    assert LedgerReader.read(tmp_path, clock=time.time).elapsed_s() == pytest.approx(25)


def test_a_holder_that_was_away_asks_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shut out while it slept, it writes no decision, note, row or end; the new holder's study stays as it is."""
    monkeypatch.setattr(lease_module, "TRUST_S", 0.0)
    old = Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0))
    old.decide("start", 0, 0, "", {"parameters": {"x": 0.5, "fragile": False}})
    old.record(0, (1, 2), 1, {"validation_loss": [0.5, 0.5]})
    taken = Database(None, tmp_path, "quadratic", create=True)
    held = taken.note("lease")
    stale = {**held, "machine": "elsewhere", "beat": 0.0}
    assert taken.replace_note("lease", held, stale)
    new = Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0))
    new.record(0, (1, 2), 2, {"validation_loss": [0.4, 0.4]})
    new.set_in_flight([0])
    before = {path: path.read_bytes() for path in (tmp_path / "curves").iterdir()}
    writes = (
        lambda: old.decide("stop", 0, 0, "late"),
        lambda: old.record(0, (1, 2), 2, {"validation_loss": [9.0, 9.0]}),
        lambda: old.saved(0, (1, 2), 1),
        lambda: old.set_in_flight([]),
        lambda: old.set_baseline({"validation_loss": 9.0}),
    )
    for write in writes:
        with pytest.raises(StudyBusy, match="another process has taken this study over"):
            write()
    old.close("interrupted")
    assert old.lease_lost
    assert before == {path: path.read_bytes() for path in (tmp_path / "curves").iterdir()}
    assert new.in_flight == {0}
    new.decide("stop", 0, 0, "in time")
    new.close("finished")
    seen = LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0))
    assert [decision.kind for decision in seen.decisions] == ["open", "start", "close", "open", "stop", "close"]
    assert list(seen.curve(0, 1)) == [0.5, 0.4]
    assert seen.baseline is None


def test_a_beat_that_fails_is_made_up_for(tmp_path: Path) -> None:
    """The database refuses heartbeats for a while, and takes them again: the lease is held all the time."""
    code = (
        "import sqlite3, sys, time; from pathlib import Path; from tune.ledger.lease import lease\n"
        "lease.BEAT_S = 0.02\n"
        "from tests.fakes.studies import quadratic_study; from tune.ledger.ledger import Ledger\n"
        "from sqlalchemy.exc import OperationalError\n"
        "folder = Path(sys.argv[1])\n"
        "ledger = Ledger.open(quadratic_study(), folder, clock=time.time)\n"
        "beat, tries = ledger._database.beat, []\n"
        "def away(held):\n"
        "    tries.append(1)\n"
        "    if len(tries) < 5: raise OperationalError('', {}, Exception())\n"
        "    return beat(held)\n"
        "ledger._database.beat = away\n"
        "while len(tries) < 8: time.sleep(0.01)\n"
        "print(ledger.lease_lost, ledger.live)\n"
        "ledger.close('finished')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
