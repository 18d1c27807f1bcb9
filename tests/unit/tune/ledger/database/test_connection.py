"""Where a study's database lies: SQLite files and what stands beside them, network filesystems, URLs."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.errors import UserMistake
from tune.ledger.database import connection as connection_module
from tune.ledger.database.connection import network_filesystem, parse_url, value_without_password, without_password
from tune.ledger.database.database import Database
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader


def journal_mode(file: Path) -> str:
    """What SQLite says of a file."""
    connection = sqlite3.connect(file)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    return str(mode)


def test_a_given_file_is_made_as_whole_as_the_studys_own(tmp_path: Path) -> None:
    """`sqlite:////path`: a write-ahead log, nothing beside it once it is closed, and room for a second study."""
    file = tmp_path / "elsewhere" / "studies.db"
    file.parent.mkdir()
    for name in ("one", "two"):
        ledger = Ledger.open(
            quadratic_study(name=name, storage={"database": f"sqlite:///{file}"}),
            tmp_path / name,
            clock=Clock(tick_s=1.0),
        )
        ledger.close("finished")
    assert journal_mode(file) == "wal"
    assert [path.name for path in file.parent.iterdir()] == ["studies.db"]
    assert not (tmp_path / "one" / "study.db").exists()
    assert [each.kind for each in LedgerReader.read(tmp_path / "two", clock=Clock(tick_s=1.0)).decisions] == [
        "open",
        "close",
    ]


def test_a_given_file_is_absent_until_it_is_whole(tmp_path: Path) -> None:
    """Killed in the middle of its making, it is not there, and the next process makes it."""
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    code = (
        "import os; from pathlib import Path; import sqlalchemy; from tune.ledger.database.database import Database;"
        "count = 0\n"
        "@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, 'before_cursor_execute')\n"
        "def die(*_):\n"
        "    global count\n"
        "    count += 1\n"
        "    if count == 30: os.kill(os.getpid(), 9)\n"
        f"Database({url!r}, Path('.'), 'q', create=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "studies.db").exists()
    Database(url, tmp_path, "q", create=True).close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////nowhere/at/all/x.db", "the folder /nowhere/at/all is not there; make it, or give another"),
        ("sqlite:////proc/x.db", "the file cannot be written"),
        ("sqlite://", "keeps the study in memory"),
        ("sqlite:///:memory:", "keeps the study in memory"),
        ("not a url", "not a database URL; allowed: null"),
    ],
)
def test_a_place_that_cannot_be_is_a_mistake(tmp_path: Path, url: str, message: str) -> None:
    """What is wrong with the place is said, and no study folder is left behind."""
    with pytest.raises(UserMistake, match=message):
        Ledger.open(quadratic_study(storage={"database": url}), tmp_path / "q", clock=Clock(tick_s=1.0))
    assert not (tmp_path / "q").exists()


def test_passwords_are_never_shown() -> None:
    """Neither the one before the @ nor one among the options."""
    url = parse_url("postgresql+psycopg://me:s3cret@host/db?password=s3cret&sslpassword=s3cret&connect_timeout=3")
    assert "s3cret" not in without_password(url)
    assert "connect_timeout=3" in without_password(url)
    assert value_without_password("postgresql://me:s3cret@host/db") == "postgresql://me:***@host/db"
    assert value_without_password(0.5) == 0.5
    with pytest.raises(UserMistake) as caught:
        parse_url("postgresql//me:s3cret@host")
    assert "s3cret" not in str(caught.value)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
//files/my\\040share /mnt/my\\040share cifs rw 0 0
me@host:/ /mnt/far fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/study", None),
        ("/home/me/study", "nfs4"),
        ("/home/local/study", None),
        ("/homeless/study", None),
        ("/mnt/my share/study", "cifs"),
        ("/mnt/far/study", "fuse.sshfs"),
    ],
)
def test_a_network_filesystem_is_known_by_its_mount(tmp_path: Path, folder: str, kind: str | None) -> None:
    """The mount that is nearest to a folder counts, by whole names, spaces included."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert network_filesystem(Path(folder), mounts) == kind
    assert network_filesystem(Path(folder), tmp_path / "no such file") is None


def test_on_a_network_filesystem_there_is_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study that was begun on a disk and moved to a network goes on without the log, and the ledger says where."""
    Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0)).close("interrupted")
    assert journal_mode(tmp_path / "study.db") == "wal"
    monkeypatch.setattr(connection_module, "network_filesystem", lambda _: "nfs4")
    ledger = Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0))
    assert ledger.network == "nfs4"
    assert journal_mode(tmp_path / "study.db") == "delete"
    ledger.close("finished")
    assert LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0)).sessions[-1].ended == "finished"


def beside(folder: Path) -> dict[str, bytes]:
    """What lies in a study folder's top."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    """Reading a study that is closed touches nothing, even if the reader dies without a word, and cannot write."""
    Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0)).close("finished")
    before = beside(tmp_path)
    code = (
        "import os, time; from pathlib import Path; from tune.ledger.reader import LedgerReader;"
        f"assert LedgerReader.read(Path({str(tmp_path)!r}), clock=time.time).decisions; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert beside(tmp_path) == before
    reader = LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0))
    with pytest.raises(sqlalchemy.exc.OperationalError, match="readonly"):
        reader._database.set_note("baseline", {})
    assert beside(tmp_path) == before


def test_looking_at_a_live_study_sees_its_latest(tmp_path: Path) -> None:
    """While a writer keeps its log, readers read the log too, and leave the database to it."""
    ledger = Ledger.open(quadratic_study(), tmp_path, clock=Clock(tick_s=1.0))
    for number in range(3):
        ledger.decide("start", number, 0, "", {"parameters": {"x": 0.5, "fragile": False}})
        before = (tmp_path / "study.db").read_bytes()
        assert len(LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0)).trials) == number + 1
        assert (tmp_path / "study.db").read_bytes() == before
    ledger.close("finished")


@pytest.mark.parametrize("network", [None, "nfs4"])
def test_looking_at_a_killed_study_sees_what_was_decided(tmp_path: Path, network: str | None) -> None:
    """A log or journal that a killed writer left is read like the rest."""
    code = (
        "import os, time; from pathlib import Path; from tests.fakes.studies import quadratic_study;"
        "from tune.ledger.database import connection; from tune.ledger.ledger import Ledger;"
        f"connection.network_filesystem = lambda _: {network!r};"
        f"ledger = Ledger.open(quadratic_study(), Path({str(tmp_path)!r}), clock=time.time);"
        "ledger.decide('start', 0, 0, '', {'parameters': {'x': 0.5, 'fragile': False}});"
        # a write that is half done: SQLite's journal is hot
        "c = ledger._database.engine.raw_connection(); c.execute('PRAGMA cache_size=1');"
        "c.execute(\"INSERT INTO latent_tune_notes SELECT study, sequence || 'x', decision || hex(randomblob(20000)) \""
        "'FROM latent_tune_decisions');"
        "c.execute(\"INSERT INTO latent_tune_notes SELECT study, key || 'y', hex(randomblob(20000)) \""
        "'FROM latent_tune_notes');"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith("study.db")}
    assert left == (
        {"study.db", "study.db-wal", "study.db-shm"} if network is None else {"study.db", "study.db-journal"}
    )
    ledger = LedgerReader.read(tmp_path, clock=Clock(tick_s=1.0))
    assert [trial.number for trial in ledger.trials] == [0]
    assert not ledger.live
