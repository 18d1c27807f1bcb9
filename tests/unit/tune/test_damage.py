"""What lies on disk may be damaged: it is noticed before it is used, set aside, told, and done again."""

import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.fakes.damage import cut, flip, garble, notes
from tests.fakes.studies import Clock
from tests.unit.tune.test_ledger import killed, opened, start, train
from tune.errors import DamagedCheckpoint, UserMistake
from tune.ledger import CheckpointStore, Ledger, stored_study
from tune.ledger.curves import CurveStore
from tune.ledger.damaged import set_aside
from tune.ledger.folders import LocalFolder
from tune.ledger.rows import new_stream, read_parquet, read_stream, schema_of, write_batch, write_parquet

# ------------------------------------------------------------------------------------------------------ checkpoints


def checkpoint_of(folder: Path, trial: int, seed: int, epoch: int) -> Path:
    return folder / "checkpoints" / str(trial) / f"seed-{seed}-epoch-{epoch:06d}.pt"


def test_no_flipped_bit_is_ever_loaded(tmp_path: Path) -> None:
    """Whatever bit of a checkpoint flips, it is refused or it is what was written."""
    store, state = CheckpointStore(LocalFolder(tmp_path)), {"weights": torch.arange(200.0), "epoch": 4}
    store.save(0, 4, {1: state})
    file = tmp_path / "0" / "seed-1-epoch-000004.pt"
    whole, draw, refused = file.read_bytes(), Random(0), 0  # noqa: S311
    for _ in range(400):
        bad = bytearray(whole)
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
        file.write_bytes(bad)
        try:
            (loaded,) = store.load(0, 4, [1]).values()
        except DamagedCheckpoint:
            refused += 1
            continue
        assert loaded["epoch"] == 4
        assert torch.equal(loaded["weights"], state["weights"])
    assert refused > 200


@pytest.mark.parametrize("harm", [flip, cut, garble, Path.unlink])
def test_a_trial_goes_on_from_an_older_checkpoint(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """The newest checkpoint is damaged: the one before counts, and the file is kept beside with a note."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 5), save=False)
    for epoch in (2, 4):
        ledger.checkpoints.save(trial, epoch, {1: {"epoch": epoch}, 2: {"epoch": epoch}})
    killed(ledger)
    harm(checkpoint_of(tmp_path / "q", trial, 1, 4))
    with notes() as said:
        again = opened(tmp_path / "q")
        assert again.done(trial) == {1: 2, 2: 4}
    aside = [path.name for path in (tmp_path / "q").glob("damaged/*")]
    assert aside == ([] if harm is Path.unlink else ["checkpoints-0-seed-1-epoch-000004.pt.1"])
    assert [line for line in said if "cannot be used" in line and aside[0] in line] or not aside


def test_a_checkpoint_that_goes_bad_is_found_again(tmp_path: Path) -> None:
    """What was known to be there is looked at again when it is asked for, and a whole one is not set aside."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    assert not ledger.recheck(trial, (1, 2), 2)
    flip(checkpoint_of(tmp_path / "q", trial, 2, 2))
    assert ledger.done(trial) == {1: 2, 2: 2}
    assert ledger.recheck(trial, (1, 2), 2)
    assert ledger.done(trial) == {1: 2}
    ledger.close("interrupted")


@pytest.mark.parametrize("beside", [b'{"trainer": "other", "configuration": {}}', b"{", b"[" * 100_000, b"\xff"])
def test_checkpoints_of_another_configuration_are_not_adopted(tmp_path: Path, beside: bytes) -> None:
    """A number alone does not say whose checkpoints they are; what the trial trains lies beside them."""
    ledger = opened(tmp_path / "q", fixed={"sleep_s": 0})
    trial = start(ledger)
    assert ledger.done(trial) == {}
    train(ledger, trial, range(1, 3))
    file = tmp_path / "q" / "checkpoints" / "0" / "configuration.json"
    assert json.loads(file.read_text()) == {
        "trainer": "tests.fakes.trainers:Quadratic",
        "configuration": {"x": 0.5, "fragile": False, "sleep_s": 0},
    }
    ledger.close("interrupted")
    file.write_bytes(beside)
    again = opened(tmp_path / "q", fixed={"sleep_s": 0})
    assert again.done(trial) == {}
    assert (tmp_path / "q" / "damaged" / "checkpoints-0.1" / "seed-1-epoch-000002.pt").is_file()
    assert json.loads(file.read_text())["configuration"]["x"] == 0.5
    again.close("interrupted")


def test_two_damaged_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """What is set aside never takes the place of what was set aside before."""
    for content in ("a", "b"):
        (tmp_path / "file").write_text(content)
        set_aside(tmp_path, tmp_path / "file", "is wrong")
    assert [(tmp_path / "damaged" / f"file.{n}").read_text() for n in (1, 2)] == ["a", "b"]


def test_orphans_are_collected(tmp_path: Path) -> None:
    """Half-written files of dead processes go, those of living ones stay; checkpoints of no trial are set aside."""
    opened(tmp_path / "q").close("interrupted")
    folder = tmp_path / "q"
    CheckpointStore(LocalFolder(folder / "checkpoints")).save(7, 1, {1: {}})
    dead = [folder / ".study.yaml.4194300.tmp", folder / "checkpoints" / "7" / ".seed-1-epoch-000002.pt.4194300.tmp"]
    alive = folder / "curves" / ".000001.parquet.1.tmp"
    for path in (*dead, alive):
        path.write_bytes(b"half")
    with notes() as said:
        opened(folder).close("interrupted")
    assert not any(path.exists() for path in dead)
    assert alive.exists()
    assert (folder / "damaged" / "checkpoints-7.1" / "seed-1-epoch-000001.pt").exists()
    assert len([line for line in said if "half-written" in line]) == 2
    assert len([line for line in said if "which the decisions do not know" in line]) == 1


# ----------------------------------------------------------------------------------------------------------- curves


def epochs_of(table: pa.Table) -> list[int]:
    found: list[int] = table["epoch"].to_pylist()
    return found


def stored(folder: Path, epochs: int = 6) -> CurveStore:
    store = CurveStore(folder / "curves", writable=True)
    for epoch in range(1, epochs + 1):
        store.append(0, [1, 2], epoch, {"validation_loss": [0.1, None], "extra": [0.5, 1 / epoch]})
    return store


def test_no_flipped_bit_of_a_stream_is_ever_believed(tmp_path: Path) -> None:
    """A damaged batch is left out, those before and after it are kept, and none is ever changed."""
    stored(tmp_path)
    data = next(tmp_path.glob("curves/*.arrows")).read_bytes()
    whole = read_stream(data)
    rows = [batch.to_pydict() for batch in whole.batches]
    assert (len(rows), whole.end, whole.damaged) == (6, len(data), 0)
    draw, kept = Random(0), []  # noqa: S311
    for _ in range(400):
        place = draw.randrange(len(whole.head), len(data))
        bad = bytearray(data)
        bad[place] ^= 1 << draw.randrange(8)
        found = read_stream(bytes(bad))
        assert all(batch.to_pydict() in rows for batch in found.batches)
        kept.append(len(found.batches))
    assert set(kept) == {5, 6}  # padding may flip without harm


def test_a_write_that_was_cut_short_is_no_damage(tmp_path: Path) -> None:
    """A stream that ends in the middle of a batch, as a kill leaves it, loses that batch and nothing is told."""
    stored(tmp_path, epochs=3)
    data = next(tmp_path.glob("curves/*.arrows")).read_bytes()
    ends = [read_stream(data[:cut]).damaged for cut in range(len(data) + 1)]
    assert set(ends) == {0}
    assert read_stream(data[:-100] + b"\x00" * 100).damaged
    assert read_stream(b"\x00" * 100 + data[100:]).damaged


def test_a_damaged_stream_becomes_what_is_left_of_it(tmp_path: Path) -> None:
    """The next process keeps the whole batches as Parquet, the stream beside, and tells it."""
    stored(tmp_path)
    stream = next(tmp_path.glob("curves/*.arrows"))
    stream.write_bytes(stream.read_bytes().replace(struct.pack("<d", 0.25), struct.pack("<d", 0.26)))
    with notes() as said:
        table = CurveStore(tmp_path / "curves", writable=True).table()
    assert len(epochs_of(table)) == 10
    assert [path.name for path in (tmp_path / "damaged").iterdir()] == ["curves-000001.arrows.1"]
    assert "bytes are damaged; the rows around them are kept" in said[0]


@pytest.mark.parametrize("harm", [flip, cut, garble])
def test_a_damaged_parquet_file_is_noticed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """A reader leaves out what is damaged and changes nothing; who holds the study keeps the file beside."""
    stored(tmp_path).close()
    file = tmp_path / "curves" / "000001.parquet"
    harm(file)
    before = file.read_bytes()
    assert CurveStore(tmp_path / "curves", writable=False).table().num_rows == 0
    assert file.read_bytes() == before
    assert CurveStore(tmp_path / "curves", writable=True).table().num_rows == 0
    assert (tmp_path / "damaged" / "curves-000001.parquet.1").read_bytes() == before
    assert read_parquet(file)[1] == 0


def test_parquet_is_salvaged_by_groups_of_rows(tmp_path: Path) -> None:
    """Of a long file only the group of rows is lost in which the damage is."""
    count = 10_000
    key = [pa.array([0] * count, pa.int32()), pa.array([1] * count), pa.array(range(1, count + 1), pa.int32())]
    table = pa.table([*key, pa.array([1 / n for n in range(1, count + 1)])], schema=schema_of(["validation_loss"]))
    with (tmp_path / "x.parquet").open("wb") as file:
        write_parquet(file, table)
    assert read_parquet(tmp_path / "x.parquet")[0].equals(table)
    flip(tmp_path / "x.parquet", at=0.6)
    left, damaged = read_parquet(tmp_path / "x.parquet")
    assert damaged == 1
    assert epochs_of(left) == [*range(1, 4097), *range(8193, count + 1)]


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """Streams and Parquet files without checksums are believed as far as Arrow reads them."""
    (tmp_path / "curves").mkdir()
    schema = schema_of(["validation_loss"])
    rows = [pa.array([0], pa.int32()), pa.array([1]), pa.array([1], pa.int32()), pa.array([0.5])]
    pq.write_table(pa.table(rows, schema=schema), tmp_path / "curves" / "000001.parquet")
    rows[2] = pa.array([2], pa.int32())
    with (
        (tmp_path / "curves" / "000002.arrows").open("wb") as file,
        pa.ipc.new_stream(file, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(rows, schema=schema))
    assert epochs_of(CurveStore(tmp_path / "curves", writable=False).table()) == [1, 2]
    assert epochs_of(CurveStore(tmp_path / "curves", writable=True).table()) == [1, 2]
    assert not (tmp_path / "damaged").exists()


def test_a_batch_without_its_checksum_is_damaged(tmp_path: Path) -> None:
    """Where batches have checksums, one that lost it is not believed."""
    schema = schema_of(["loss"])
    batch = pa.record_batch([pa.array([0], pa.int32()), pa.array([1]), pa.array([1], pa.int32()), [0.5]], schema=schema)
    with (tmp_path / "s").open("wb") as file, new_stream(file, ["loss"]) as writer:
        write_batch(writer, batch)
        writer.write_batch(batch)
        writer.write_batch(batch, custom_metadata={"crc33": "1"})
    assert len(read_stream((tmp_path / "s").read_bytes()).batches) == 1


def test_a_study_opens_without_its_curves(tmp_path: Path) -> None:
    """Decisions stand; a run counts as far as its curve has no gap, and the rest as redone when it comes again."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    for epochs in (range(1, 3), range(3, 4), range(4, 7)):
        train(ledger, trial, epochs)
        ledger.close("interrupted")
        ledger = opened(tmp_path / "q")
    ledger.close("interrupted")
    garble(tmp_path / "q" / "curves" / "000002.parquet")
    for again in (Ledger.read(tmp_path / "q", clock=Clock()), opened(tmp_path / "q")):
        assert again.trained(trial) == {1: 2, 2: 2, 3: 0}
        assert (again.spent, again.redone) == (10, 0)
        assert again.done(trial) == {1: 0, 2: 0}
    train(again, trial, range(1, 7))
    assert again.trained(trial) == {1: 6, 2: 6, 3: 0}
    assert (again.spent, again.redone) == (12, 10)
    again.close("interrupted")
    assert (again.spent, again.redone) == (12, 10)
    last = Ledger.read(tmp_path / "q", clock=Clock())
    assert (last.spent, last.redone) == (12, 10)


def test_rows_of_trials_that_nobody_knows_are_taken_out(tmp_path: Path) -> None:
    """The database lost its last decisions: what a later trial of that number trains is never mixed with the rows."""
    ledger = opened(tmp_path / "q")
    for x in (0.1, 0.2):
        train(ledger, start(ledger, x), range(1, 3))
    ledger.close("interrupted")
    with sqlite3.connect(tmp_path / "q" / "study.db") as connection:
        connection.execute("DELETE FROM latent_tune_decisions WHERE sequence >= 2")
    connection.close()
    reader = Ledger.read(tmp_path / "q", clock=Clock())
    assert set(reader.curves()["trial"].to_pylist()) == {0}
    again = opened(tmp_path / "q")
    assert again.spent == 4
    assert start(again, 0.7) == 1
    assert again.done(1) == {}
    again.close("interrupted")
    (left,) = (read_parquet(path)[0] for path in (tmp_path / "q" / "curves").iterdir())
    assert set(left["trial"].to_pylist()) == {0}
    aside = {path.name for path in (tmp_path / "q" / "damaged").iterdir()}
    assert aside == {"curves-000001.parquet.1", "checkpoints-1.1"}


# ---------------------------------------------------------------------------------------- study.yaml and the database


@pytest.mark.parametrize("harm", [cut, garble, Path.unlink, lambda path: cut(path, 0)])
def test_a_damaged_study_file_is_written_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """The decisions tell the study too."""
    ledger = opened(tmp_path / "q")
    ledger.close("interrupted")
    file = tmp_path / "q" / "study.yaml"
    before = file.read_bytes()
    harm(file)
    assert stored_study(tmp_path / "q") == ledger.study
    assert Ledger.read(tmp_path / "q", clock=Clock()).study == ledger.study
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
    for look in (lambda: Ledger.read(tmp_path / "q", clock=Clock()), lambda: opened(tmp_path / "q")):
        with pytest.raises(
            UserMistake, match=r"study\.db: the study's database cannot be opened: .*; put a copy of it"
        ):
            look()


def test_a_damaged_write_ahead_log_loses_no_decision(tmp_path: Path) -> None:
    """Each decision is in the database's file as soon as it is taken."""
    ledger = opened(tmp_path / "q")
    train(ledger, start(ledger), range(1, 3))
    killed(ledger)
    decisions = list(ledger.decisions)
    for suffix in ("", "-wal"):
        content = (tmp_path / "q" / f"study.db{suffix}").read_bytes()
        (tmp_path / f"study.db{suffix}").write_bytes(content)
    garble(tmp_path / "study.db-wal")
    with sqlite3.connect(tmp_path / "study.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM latent_tune_decisions").fetchone()
    connection.close()
    assert count == len(decisions)


STRANGE = [
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
        Ledger.read(tmp_path / "q", clock=Clock())


# ------------------------------------------------------------------------------------------------------------ links

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
    for look in (lambda: Ledger.read(tmp_path / "q", clock=Clock()), lambda: opened(tmp_path / "q")):
        with pytest.raises(UserMistake, match=f"{name}: is a symbolic link to .*elsewhere"):
            look()
    place.unlink()
    left = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    assert [one for one in left if one[0] != place.parent] == [one for one in before if one[0] != place.parent]
