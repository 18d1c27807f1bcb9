"""Follows curves as they grow: each row is read once, however often one looks."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tune.ledger.curves.appended import numbers, place_of, read_appended
from tune.ledger.curves.files import read_parquet, read_stream


@dataclass
class _Place:
    """How far one file was read: rows, and in a stream the byte after them and the bytes at its head."""

    whole: bool = False
    rows: int = 0
    offset: int = 0
    head: bytes = b""


class CurveTail:
    """Reads what was appended to a curves folder since it was last looked at, by this process or another.

    How its state evolves: `read()` gives every row so far, in the order in which they were appended → rows are
    appended, streams become Parquet → `read()` gives the new rows only. A row that was trained again is given again.

    Args:
        folder: The study's `curves/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, _Place] = {}

    def read(self) -> list[pa.Table]:
        """Returns the new rows, a table for each file that has some."""
        found = (self._read(number) for number in numbers(self.folder))
        return [table for table in found if table.num_rows]

    def _read(self, number: str) -> pa.Table:
        place = self._places.setdefault(number, _Place())
        path = place_of(self.folder, number)
        if path.suffix == ".arrows":
            try:
                return _read_stream(path, place)
            except FileNotFoundError:  # the writer has just turned this stream into Parquet
                pass
        if place.whole:
            return pa.table({})
        _, (rows, _) = read_appended(self.folder, number, read_parquet)
        table = rows.slice(place.rows)
        place.rows, place.whole = place.rows + table.num_rows, True
        return table


def _read_stream(path: Path, place: _Place) -> pa.Table:
    """Reads the whole batches after a place, and moves it; a batch that is still being written is left for later."""
    with path.open("rb") as file:
        file.seek(place.offset)
        found = read_stream(file.read(), place.head)
    place.head, place.offset = found.head, place.offset + found.end
    place.rows += found.table.num_rows
    return found.table
