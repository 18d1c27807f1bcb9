"""Curves are followed as they grow."""

from pathlib import Path

import pytest

from tune.ledger.curves.follow import CurveTail
from tune.ledger.curves.store import CurveStore


def epochs(tail: CurveTail) -> list[int]:
    return [epoch for table in tail.read() for epoch in table["epoch"].to_pylist()]


def test_each_row_is_read_once(tmp_path: Path) -> None:
    """Whatever happens in between: more rows, more columns, a stream that becomes Parquet, a new process."""
    tail, store = CurveTail(tmp_path), CurveStore(tmp_path, writable=True)
    assert epochs(tail) == []
    store.append(0, [1], 1, {"loss": [1.0]})
    assert epochs(tail) == [1]
    assert epochs(tail) == []
    store.append(0, [1], 2, {"loss": [0.5]})
    store.append(0, [1], 3, {"loss": [0.4], "test": [0.6]})
    assert epochs(tail) == [2, 3]
    store.append(0, [1], 4, {"loss": [0.3]})
    store.close()
    assert epochs(tail) == [4]
    again = CurveStore(tmp_path, writable=True)
    again.append(0, [1], 5, {"loss": [0.2]})
    assert epochs(tail) == [5]
    assert epochs(CurveTail(tmp_path)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kept", [1, 8, 100])
def test_a_row_that_is_still_being_written_is_left_for_later(tmp_path: Path, kept: int) -> None:
    """Half a batch at the end of a stream is not read, and not lost once the other half is there."""
    store, path = CurveStore(tmp_path, writable=True), tmp_path / "000001.arrows"
    store.append(0, [1], 1, {"loss": [1.0]})
    before = path.stat().st_size
    store.append(0, [1], 2, {"loss": [0.5]})
    whole = path.read_bytes()
    path.write_bytes(whole[: before + kept])
    tail = CurveTail(tmp_path)
    assert epochs(tail) == [1]
    path.write_bytes(whole)
    assert epochs(tail) == [2]
