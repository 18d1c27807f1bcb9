"""A damaged study file is written anew, a damaged database is named, and nothing is written through a link."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.damage import cut, garble
from tests.fakes.ledgers import opened, start
from tune.errors import UserMistake
from tune.ledger.database.database import Database
from tune.ledger.identity import stored_study
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision


@pytest.mark.parametrize("harm", [cut, garble, Path.unlink, lambda path: cut(path, 0)])
def test_a_damaged_study_file_is_written_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """The decisions tell the study too."""
    ledger = opened(tmp_path / "q")
    ledger.close("interrupted")
    file = tmp_path / "q" / "study.yaml"
    before = file.read_bytes()
    harm(file)
    assert stored_study(tmp_path / "q") == ledger.study
    assert LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)).study == ledger.study
    with pytest.raises(UserMistake, match="holds another study"):
        opened(tmp_path / "q", seeds=[1, 2, 4])
    opened(tmp_path / "q").close("finished")
    assert file.read_bytes() == before


def test_a_study_file_that_was_cut_between_lines_is_not_another_study(tmp_path: Path) -> None:
    """What is left of a file may be a study as well, with defaults where it was cut; its last line tells."""
    ledger = opened(tmp_path / "q", resources={"retries": 7})
    ledger.close("interrupted")
    file = tmp_path / "q" / "study.yaml"
    text = file.read_text()
    file.write_text(text[: text.index("resources:")])
    assert stored_study(tmp_path / "q").resources.retries == 7


def test_a_damaged_study_file_that_nothing_tells(tmp_path: Path) -> None:
    """Without decisions to tell the study, the message says what to do."""
    (tmp_path / "study.yaml").write_text("name: [")
    with pytest.raises(UserMistake, match=r"study\.yaml is damaged; put a copy of it back, or remove it and run"):
        stored_study(tmp_path)


@pytest.mark.parametrize("harm", [cut, garble, lambda path: cut(path, 0), lambda path: cut(path, 0.9)])
def test_a_damaged_database_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Nothing can be said of a study without its decisions; the message names the file and what to do."""
    opened(tmp_path / "q").close("interrupted")
    harm(tmp_path / "q" / "study.db")
    for look in (lambda: LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)), lambda: opened(tmp_path / "q")):
        with pytest.raises(
            UserMistake, match=r"study\.db: the study's database cannot be opened: .*; put a copy of it"
        ):
            look()


@pytest.mark.parametrize("last", ["a decision", "notes"])
def test_a_damaged_write_ahead_log_loses_no_decision(tmp_path: Path, last: str) -> None:
    """Each decision is in the file as soon as it is taken, and no page of the log is older than the file's."""
    database = Database(None, tmp_path, "q", create=True)
    for number in range(40):
        database.append(number, Decision("start", number, reason="long enough for pages to split" * 9))
    for number in range(20):
        database.set_note(f"before {number}", "x" * 1500)
    database.append(40, Decision("start", 40))
    if last == "notes":
        for number in range(20):
            database.set_note(f"after {number}", "x" * 1500)
    whole, log = ((tmp_path / name).read_bytes() for name in ("study.db", "study.db-wal"))  # as a kill leaves them
    assert bool(log) == (last == "notes")
    database.close()
    header, frame = 32, 24 + 4096
    for place in range(header + 100, len(log), 3 * frame) or [0]:
        folder = tmp_path / f"flipped at {place}"
        folder.mkdir()
        (folder / "study.db").write_bytes(whole)
        (folder / "study.db-wal").write_bytes(log[:place] + bytes([log[place] ^ 4]) + log[place + 1 :] if log else b"")
        again = Database(None, folder, "q", create=True)
        assert [decision.trial for decision in again.decisions()] == list(range(41))
        again.close()


def test_a_reader_that_stands_still_delays_a_decision_and_loses_none(tmp_path: Path) -> None:
    """The log cannot be emptied under a reader; it is with the next decision after it has gone."""
    database = Database(None, tmp_path, "q", create=True)
    database.append(0, Decision("start", 0))
    with closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM latent_tune_decisions").fetchone()
        database.append(1, Decision("start", 1))
        assert (tmp_path / "study.db-wal").stat().st_size > 0
        assert len(list(database.decisions())) == 2
    database.append(2, Decision("start", 2))
    assert (tmp_path / "study.db-wal").stat().st_size == 0
    database.close()


STRANGE = [
    {"kind": "open", "detail": {"made_from": 3}},
    {"kind": "accept", "detail": {"made_from": {"recording": {"path": {"sha256": 3}}}}},
    {"kind": "promote", "trial": 99, "rung": 1},
    {"kind": "promote", "trial": -1, "rung": 1},
    {"kind": "promote", "trial": 0, "rung": 10**30},
    {"kind": "promote", "trial": 0, "rung": -1},
    {"kind": "promote", "trial": "../0", "rung": 1},
    {"kind": "start", "trial": 5, "detail": {"parameters": {}}},
    {"kind": "start", "trial": 1, "detail": {"parameters": 3}},
    {"kind": "start", "trial": 1},
    {"kind": "race", "trial": 0, "rung": 1, "detail": {"seeds": 10**9}},
    {"kind": "reach", "trial": 0, "rung": 0, "detail": {"score": "x", "losses": {}, "confirmed": True}},
    {"kind": "reach", "trial": 0, "rung": 0, "detail": {"score": 1, "losses": {"77": 1}, "confirmed": True}},
    {"kind": "run", "trial": 0},
    {"kind": "stop", "trial": 0, "time": float("nan")},
    {"kind": "stop", "trial": 0, "time": float("inf")},
    {"kind": "stop", "trial": 0, "time": 1e300},
    {"kind": "stop", "trial": 0, "time": -1e12},
    {"kind": "stop", "trial": 0, "time": None},
    {"kind": "stop", "trial": 0, "time": "yesterday"},
    {"kind": "stop", "trial": 0, "log": "/etc/passwd"},
    ["stop"],
    None,
]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda strange: json.dumps(strange)[:60])
def test_a_decision_that_cannot_be_is_refused(tmp_path: Path, strange: object) -> None:
    """What another program wrote into the database is told as that, by whoever opens the study."""
    ledger = opened(tmp_path / "q")
    start(ledger)
    ledger.close("interrupted")
    with sqlite3.connect(tmp_path / "q" / "study.db") as connection:
        row = connection.execute("SELECT study FROM latent_tune_decisions").fetchone()
        connection.execute("INSERT INTO latent_tune_decisions VALUES (?, 3, ?)", (*row, json.dumps(strange)))
    connection.close()
    with pytest.raises(UserMistake, match=r"of the decisions in its database number 4 .*cannot be: "):
        LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))


def changed(folder: Path, *statements: str) -> None:
    """Has another program change a study's database."""
    with sqlite3.connect(folder / "study.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


FOREIGN = [
    "DROP TABLE latent_tune_decisions",
    "DROP TABLE latent_tune_notes",
    "DROP TABLE studies",
    "ALTER TABLE latent_tune_decisions RENAME COLUMN decision TO choice",
    "ALTER TABLE latent_tune_decisions RENAME COLUMN sequence TO place",
    "ALTER TABLE latent_tune_notes RENAME COLUMN value TO content",
]


@pytest.mark.parametrize("statement", FOREIGN)
def test_a_database_of_another_version_is_named(tmp_path: Path, statement: str) -> None:
    """A table or column that is missing is told with the file and what to do, to who looks and to who works."""
    opened(tmp_path / "q").close("interrupted")
    changed(tmp_path / "q", statement)
    for look in (lambda: LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)), lambda: opened(tmp_path / "q")):
        with pytest.raises(
            UserMistake, match=r"study\.db: the study's database cannot be opened: .*no such (table|col)"
        ):
            look()


NOTES = ["[", "3", '"x"', "[1]", "{}", '{"beat": "yesterday", "pid": 1, "host": "a"}', '{"beat": 1, "host": "a"}']
NOTES += ['{"beat": 1e300, "pid": 1, "host": "a"}', '{"beat": NaN, "pid": 1, "host": "a"}', '{"beat": null, "pid": 1}']


@pytest.mark.parametrize("note", NOTES)
def test_a_lease_that_cannot_be_is_refused(tmp_path: Path, note: str) -> None:
    """What another program noted as the lease, unknown times among it, is told as that."""
    opened(tmp_path / "q").close("interrupted")
    insert = "INSERT INTO latent_tune_notes SELECT study_id, 'lease', '?' FROM studies".replace("?", note)
    changed(tmp_path / "q", "DELETE FROM latent_tune_notes WHERE key = 'lease'", insert)
    reader = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    for look in (lambda: reader.live, reader.last_sign, lambda: opened(tmp_path / "q")):
        with pytest.raises(UserMistake, match=r"study\.db: what its database notes as 'lease' cannot be: .*put a copy"):
            look()


LINKS = [
    "checkpoints",
    "curves",
    "damaged",
    "tensorboard",
    "latent-tune.log",
    "report.md",
    "study.db",
    "curves/1.arrows",
]


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    """A link in a study folder is refused, and what it points to stays as it is."""
    opened(tmp_path / "q").close("interrupted")
    place, elsewhere = tmp_path / "q" / name, tmp_path / "elsewhere"
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.mkdir()
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    place.symlink_to(elsewhere)
    for look in (lambda: LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0)), lambda: opened(tmp_path / "q")):
        with pytest.raises(UserMistake, match=f"{name}: is a symbolic link to .*elsewhere"):
            look()
    place.unlink()
    left = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert [one for one in left if one[0] != place.parent] == [one for one in before if one[0] != place.parent]
