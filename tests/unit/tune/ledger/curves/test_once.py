"""Files of curves show each row once, and nothing that is asked of the rows as they were appended changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import isnan, nan
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import Clock
from tests.fakes.damage import cut, flip, garble, notes
from tests.fakes.ledgers import killed, opened, start, train
from tune.ledger.curves import store as store_module
from tune.ledger.curves.appended import APPENDED, read_appended
from tune.ledger.curves.files import read_parquet
from tune.ledger.curves.follow import CurveTail
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS, Runs
from tune.ledger.curves.store import CurveStore
from tune.ledger.reader import LedgerReader

TRIALS, SEEDS, EPOCHS = (0, 1), (3, 1), 6
KEY = ["trial", "seed", "epoch"]
Row = tuple[int, tuple[int, ...], int, Mapping[str, Sequence[float | None]]]


class Killed(BaseException):
    """The end of a process, between two instructions."""


def told(random: Random, rows: int) -> Iterator[Row]:
    """What killed and continued processes tell: epochs again, evaluations, values that are not known, lost rows."""
    trained = dict.fromkeys(TRIALS, 0)
    for _ in range(rows):
        trial = random.choice(TRIALS)
        step = random.choice((1, 1, 1, 1, 0, -1, 2))  # 2: the row between was lost to damage
        epoch = min(EPOCHS, max(1, trained[trial] + step))
        seeds = random.choice((SEEDS, SEEDS, SEEDS[:1]))
        some = [random.choice((random.random(), random.random(), nan, None)) for _ in seeds]
        cost = {GPU_SECONDS: [random.random()] * len(seeds), "seconds": [random.random()] * len(seeds)}
        kind = random.randrange(4)
        if kind == 0 and trained[trial]:
            yield trial, seeds, trained[trial], {"loss": some, EVALUATED: [1.0] * len(seeds), **cost}
            continue
        mark = {EVALUATED: [0.0] * len(seeds)} if kind == 1 else {}
        other = {random.choice(("a", "other")): some}
        yield trial, seeds, epoch, {"loss": some, **other, **mark, **(cost if random.random() < 0.7 else {})}
        trained[trial] = epoch


def appended(folder: Path) -> list[dict[str, object]]:
    """Every row as readers of the study take it, in its order; nan like nan, whatever the columns that hold nothing."""
    tables = CurveStore(folder, writable=False).tables(len(TRIALS))
    return [{key: value for key, value in sorted(row.items()) if value is not None} for row in rows_of(tables)]


def rows_of(tables: Iterator[pa.Table]) -> Iterator[dict[str, object]]:
    for table in tables:
        for row in table.to_pylist():
            yield {name: "nan" if isinstance(value, float) and isnan(value) else value for name, value in row.items()}


def said(folder: Path) -> list[object]:
    """All that is ever asked of runs."""
    runs = Runs("loss")
    for table in CurveStore(folder, writable=False).tables(len(TRIALS)):
        runs.take_table(table)
    found: list[object] = [runs.redone, runs.spent, runs.gpu_seconds, *map(repr, map(runs.pace, TRIALS))]
    for trial, seed in product(TRIALS, SEEDS):
        found += [str(list(runs.curve(trial, seed))), runs.diverged(trial, seed)]
        for epoch in range(1, EPOCHS + 1):
            found += [runs.scored(trial, seed, epoch), runs.unevaluated(trial, seed, epoch)]
            found += [runs.last_known(trial, seed, epoch), repr(runs.loss(trial, seed, epoch))]
    return found


def shown(folder: Path) -> pd.DataFrame:
    """What pandas reads of the folder as it lies there, sorted."""
    return pd.read_parquet(folder).sort_values(KEY, ignore_index=True)


def check_shown(folder: Path) -> None:
    """Pandas finds each row once, with the columns and values that the study has."""
    frame = shown(folder)
    assert not frame.duplicated(KEY).any()
    pd.testing.assert_frame_equal(frame, CurveStore(folder, writable=False).table().to_pandas(), check_exact=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def filled(folder: Path) -> CurveStore:
    """Three files; the second has an epoch trained again, an evaluation, and a column of its own."""
    due, done = {EVALUATED: [0.0, 0.0]}, {EVALUATED: [1.0, 1.0]}
    for metrics in (
        [(1, {"loss": [0.5, 0.6], EVALUATED: [None, None]}), (2, {"loss": [0.4, 0.5], **due})],
        [(2, {"loss": [0.4, 0.5], "test": [None, None], **due}), (2, {"test": [0.7, 0.8], **done})],
        [(3, {"loss": [0.3, 0.4]})],
    ):
        store = CurveStore(folder, writable=True)
        for epoch, row in metrics:
            store.append(0, SEEDS, epoch, row)
        store.close()
    return store


@pytest.mark.parametrize("number", range(3))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_that_is_asked_of_the_curves_changes(
    tmp_path_factory: pytest.TempPathFactory, number: int, seed: int
) -> None:
    """Over so many processes, whatever was trained again, evaluated or lost: to the last bit, and each row once."""
    random, home = Random(seed), tmp_path_factory.mktemp("curves")  # noqa: S311
    plain, once = home / "plain", home / "once"
    tail, read = CurveTail(once), list[pa.Table]()
    for _ in range(number + 1):
        stores = [CurveStore(folder, writable=True) for folder in (plain, once)]
        stores[1].show_each_row_once()
        for row in told(random, random.randrange(1, 14)):
            for store in stores:
                store.append(*row)
            if random.random() < 0.2:
                read += tail.read()
        if random.random() < 0.8:  # else it is killed
            stores[0].close()
            stores[1].show_each_row_once()
            check_shown(once)
        assert appended(once) == appended(plain)
        assert said(once) == said(plain)
    assert sum(table.num_rows for table in [*read, *tail.read()]) == len(appended(plain))
    CurveStore(once, writable=True).show_each_row_once()
    check_shown(once)


def test_rows_that_were_told_of_again_are_kept_apart(tmp_path: Path) -> None:
    """Each file shows what was told there last, in the columns of all; one that loses nothing has no second one."""
    store = filled(tmp_path)
    before = content(tmp_path)
    assert shown(tmp_path).duplicated(KEY).any()
    store.show_each_row_once()
    after = content(tmp_path)
    assert list(after) == [*sorted(before), f"{APPENDED}/000001.rows", f"{APPENDED}/000002.rows"]
    for number in ("000001", "000002"):
        assert after[f"{APPENDED}/{number}.rows"] == before[f"{number}.parquet"]
    check_shown(tmp_path)
    rows = {name: pd.read_parquet(tmp_path / name)["epoch"].tolist() for name in before}
    assert rows == {"000001.parquet": [1, 1], "000002.parquet": [2, 2], "000003.parquet": [3, 3]}


def test_what_is_in_order_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing changes on the disk, nor in a folder where no row was told of again."""
    filled(tmp_path / "a").show_each_row_once()
    store = CurveStore(tmp_path / "b", writable=True)
    store.append(0, SEEDS, 1, {"loss": [0.5, nan]})
    store.close()
    before = content(tmp_path)
    monkeypatch.setattr(store_module, "write_atomically", lambda *_: pytest.fail("written again"))
    for folder in ("a", "b"):
        CurveStore(tmp_path / folder, writable=True).show_each_row_once()
    assert content(tmp_path) == before


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(5))
def test_a_kill_between_any_two_writes_leaves_rows_twice_at_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    """Before or after each of its writes: no row is missing or miscounted, and the next process ends the work."""
    store = filled(tmp_path)
    whole, rows, told_of = said(tmp_path), appended(tmp_path), {tuple(key) for key in shown(tmp_path)[KEY].to_numpy()}
    write, left = store_module.write_atomically, [number]

    def struck(path: Path, write_it: Callable[..., object]) -> None:
        if not left[0] and not after:
            raise Killed
        write(path, write_it)
        if not left[0]:
            raise Killed
        left[0] -= 1

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_atomically", struck)
        with pytest.raises(Killed):
            store.show_each_row_once()
    assert {tuple(key) for table in tmp_path.glob("*.parquet") for key in pd.read_parquet(table)[KEY].to_numpy()} == (
        told_of
    )
    assert (said(tmp_path), appended(tmp_path)) == (whole, rows)
    CurveStore(tmp_path, writable=True).show_each_row_once()
    check_shown(tmp_path)
    assert (said(tmp_path), appended(tmp_path)) == (whole, rows)


def test_a_full_disk_leaves_rows_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process ends in order although there is no room, and says that rows stand twice."""
    store = filled(tmp_path)
    before = content(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_atomically", full)
    with notes() as lines:
        store.show_each_row_once()
    assert content(tmp_path) == before
    assert "rows that were told of again stay where they are" in lines[0]


@pytest.mark.parametrize("harm", [flip, cut, garble, Path.unlink])
def test_a_file_that_shows_rows_is_made_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Damage to it, or its loss, costs nothing: what it is made of is kept apart."""
    curves = tmp_path / "curves"
    filled(curves).show_each_row_once()
    whole, before = said(curves), content(curves)
    harm(curves / "000002.parquet")
    assert said(curves) == whole
    CurveStore(curves, writable=True).show_each_row_once()
    assert content(curves) == before
    assert len(list(tmp_path.glob("damaged/curves-000002.parquet.1"))) == (harm is not Path.unlink)


@pytest.mark.parametrize("harm", [flip, cut, garble])
def test_rows_kept_apart_are_damaged_like_any(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """What a file that is kept apart loses, the study loses and shows no more; no other file suffers."""
    curves = tmp_path / "curves"
    filled(curves).show_each_row_once()
    rows = appended(curves)
    harm(curves / APPENDED / "000002.rows")
    assert appended(curves) == [*rows[:4], *rows[8:]]
    store = CurveStore(curves, writable=True)
    assert store.table()["evaluated"].to_pylist() == [None, 0.0, None] * 2
    store.show_each_row_once()
    check_shown(curves)
    assert sorted(path.name for path in (tmp_path / "damaged").iterdir()) == [
        "curves-000002.parquet.1",
        f"curves-{APPENDED}-000002.rows.1",
    ]


def test_who_reads_while_rows_are_moved_reads_them_all(tmp_path: Path) -> None:
    """A file that changes while it is read is read again where its rows are kept."""
    store = filled(tmp_path)

    def read(path: Path) -> pa.Table:
        store.show_each_row_once()
        return read_parquet(path)[0]

    path, rows = read_appended(tmp_path, "000002", read)
    assert path == tmp_path / APPENDED / "000002.rows"
    assert rows["epoch"].to_pylist() == [2, 2, 2, 2]


def test_a_killed_study_shows_each_row_once_when_it_is_opened(tmp_path: Path) -> None:
    """What was trained again since the last checkpoint is counted as ever, and shown once from the next opening on."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    train(ledger, trial, range(3, 5), save=False)
    killed(ledger)
    ledger = opened(tmp_path / "q")
    train(ledger, trial, range(3, 6), save=False)
    assert (ledger.spent, ledger.redone) == (10, 4)
    killed(ledger)
    ledger = opened(tmp_path / "q")
    check_shown(tmp_path / "q" / "curves")
    assert (ledger.spent, ledger.redone) == (10, 4)
    train(ledger, trial, range(3, 7))
    ledger.close("interrupted")
    check_shown(tmp_path / "q" / "curves")
    last = LedgerReader.read(tmp_path / "q", clock=Clock(tick_s=1.0))
    assert (last.spent, last.redone, ledger.redone) == (12, 10, 10)
