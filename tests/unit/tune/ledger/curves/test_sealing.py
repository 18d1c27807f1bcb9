"""Curves of which every row stands once are decided on as those that were appended."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import isnan, nan
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tune.ledger.curves.account import Account
from tune.ledger.curves.files import is_sealed
from tune.ledger.curves.follow import CurveTail
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS, Runs
from tune.ledger.curves.store import CurveStore

TRIALS, SEEDS, EPOCHS = (0, 1), (3, 1), 6
Row = tuple[int, tuple[int, ...], int, Mapping[str, Sequence[float | None]]]


def told(random: Random, rows: int) -> Iterator[Row]:
    """What killed and continued processes tell: epochs again, evaluations, values that are not known, lost rows."""
    trained = dict.fromkeys(TRIALS, 0)
    for _ in range(rows):
        trial = random.choice(TRIALS)
        step = random.choice((1, 1, 1, 1, 0, -1, 2))  # 2: the row between was lost to damage
        epoch = min(EPOCHS, max(1, trained[trial] + step))
        seeds = random.choice((SEEDS, SEEDS, SEEDS[:1]))
        some = [random.choice((random.random(), random.random(), nan, None)) for _ in seeds]
        values = {"loss": some, "other": some}
        cost = {GPU_SECONDS: [random.random()] * len(seeds), "seconds": [random.random()] * len(seeds)}
        kind = random.randrange(4)
        if kind == 0 and trained[trial]:
            yield trial, seeds, trained[trial], {"loss": some, EVALUATED: [1.0] * len(seeds), **cost}
            continue
        mark = {EVALUATED: [0.0] * len(seeds)} if kind == 1 else {}
        yield trial, seeds, epoch, {**values, **mark, **(cost if random.random() < 0.7 else {})}
        trained[trial] = epoch


def known(folder: Path) -> Runs:
    runs = Runs("loss")
    for table in CurveStore(folder, writable=False).tables(len(TRIALS)):
        runs.take_table(table)
    return runs


def said(runs: Runs) -> list[object]:
    """All that is ever asked of runs."""
    found: list[object] = [runs.redone, runs.spent, runs.gpu_seconds, *map(repr, map(runs.pace, TRIALS))]
    for trial, seed in product(TRIALS, SEEDS):
        found += [str(list(runs.curve(trial, seed))), runs.diverged(trial, seed)]
        for epoch in range(1, EPOCHS + 1):
            found += [runs.scored(trial, seed, epoch), runs.unevaluated(trial, seed, epoch)]
            found += [runs.last_known(trial, seed, epoch), repr(runs.loss(trial, seed, epoch))]
    return found


@pytest.mark.parametrize("number", range(60))
def test_nothing_that_is_asked_of_the_curves_changes(tmp_path: Path, number: int) -> None:
    """Over one process or three, whatever was trained again, evaluated or lost: to the last bit."""
    random = Random(number)  # noqa: S311
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    for _ in range(3):
        stores = [CurveStore(folder, writable=True) for folder in (plain, sealed)]
        for row in told(random, random.randrange(1, 14)):
            for store in stores:
                store.append(*row)
        stores[0].close()
        stores[1].close()
        stores[1].seal_all(known(sealed).account)
        assert said(known(sealed)) == said(known(plain))
        (file,) = sealed.iterdir()
        keys = pq.read_table(file).select(["trial", "seed", "epoch"]).to_pylist()
        assert len({tuple(key.values()) for key in keys}) == len(keys)


def store_of(folder: Path) -> CurveStore:
    """A store with two files, of which an epoch was trained again and one evaluated."""
    store = CurveStore(folder, writable=True)
    store.append(0, [1, 2], 1, {"loss": [0.5, 0.6]})
    store.append(0, [1, 2], 2, {"loss": [0.4, 0.5], EVALUATED: [0.0, 0.0]})
    store.append(0, [1, 2], 2, {"loss": [0.4, 0.5], EVALUATED: [0.0, 0.0]})
    store.append(0, [1, 2], 2, {"test": [0.7, 0.8], EVALUATED: [1.0, 1.0]})
    store.close()
    return store


def test_other_programs_read_the_folder_as_it_lies_there(tmp_path: Path) -> None:
    """Pandas and Arrow find one schema, and one row per trial, seed and epoch."""
    store = store_of(tmp_path / "curves")
    assert len(list((tmp_path / "curves").iterdir())) == 3
    store.seal_all(known(tmp_path / "curves").account)
    frame = pd.read_parquet(tmp_path / "curves").sort_values(["seed", "epoch"])
    assert frame[["seed", "epoch"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert frame["loss"].tolist() == [0.5, 0.4, 0.6, 0.5]
    assert [None if isnan(value) else value for value in frame["test"]] == [None, 0.7, None, 0.8]
    assert store.table().equals(CurveStore(tmp_path / "curves", writable=True).table())


def test_what_a_killed_process_left_beside_it_counts_once(tmp_path: Path) -> None:
    """Killed before the files before it are removed: readers leave them out, the next process removes them."""
    folder = tmp_path / "curves"
    store = store_of(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    runs = known(folder)
    store.seal_all(runs.account)
    (sealed,) = folder.iterdir()
    for name, content in before.items():
        if name != sealed.name:
            (folder / name).write_bytes(content)
    assert said(known(folder)) == said(runs)
    CurveStore(folder, writable=True)
    assert list(folder.iterdir()) == [sealed]


def test_a_full_disk_leaves_all_files_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process ends in order although there is no room for the one file."""
    folder = tmp_path / "curves"
    store = store_of(folder)
    runs = known(folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tune.ledger.curves.store.write_atomically", full)
    store.seal_all(runs.account)
    assert len(list(folder.iterdir())) == 3
    assert said(known(folder)) == said(runs)


def test_an_account_outlives_damage(tmp_path: Path) -> None:
    """What is left of a sealed file still says what the rows before it cost."""
    folder = tmp_path / "curves"
    store = CurveStore(folder, writable=True)
    for epoch in range(1, 5000):
        store.append(0, [1], epoch, {"loss": [0.5], GPU_SECONDS: [0.1]})
    store.append(0, [1], 1, {"loss": [0.5], GPU_SECONDS: [0.1]})
    store.close()
    runs = known(folder)
    store.seal_all(runs.account)
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 10] ^= 0xFF
    file.write_bytes(content)
    left = CurveStore(folder, writable=True).table(1)
    assert 0 < left.num_rows < 4999
    assert is_sealed(file)
    assert (known(folder).redone, known(folder).gpu_seconds) == (1, runs.gpu_seconds)


def test_who_follows_misses_nothing(tmp_path: Path) -> None:
    """Rows that were appended since the last look are read from the one file."""
    folder = tmp_path / "curves"
    tail, store = CurveTail(folder), CurveStore(folder, writable=True)
    store.append(0, [1], 1, {"loss": [0.5]})
    assert [table.num_rows for table in tail.read()] == [1]
    store.append(0, [1], 2, {"loss": [0.4], "test": [0.3]})
    store.close()
    store.seal_all(known(folder).account)
    assert 2 in [row["epoch"] for table in tail.read() for row in table.to_pylist()]
    assert tail.read() == []


def test_an_account_is_read_as_it_was_written() -> None:
    """To the last bit; without one there is none."""
    account = Account(3, 0.1 + 0.2, {0: (1 / 3, 7)}, frozenset({(0, 2**62, 5)}))
    assert Account.of(pa.schema([]).with_metadata({b"account": account.text()})) == account
    assert Account.of(pa.schema([])) is None
