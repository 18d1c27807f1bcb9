"""Follows curves as they grow: each row is read once, however often one looks."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet


@dataclass
class _Place:
    """How far one file was read: rows, and in a stream the byte after them and the schema at its head."""

    whole: bool = False
    rows: int = 0
    offset: int = 0
    schema: pa.Schema | None = None


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
        stems = {path.stem for path in self.folder.glob("*") if path.suffix in (".arrows", ".parquet")}
        found = (self._read(stem) for stem in sorted(stems) if stem.isdigit())
        return [table for table in found if table.num_rows]

    def _read(self, stem: str) -> pa.Table:
        place = self._places.setdefault(stem, _Place())
        settled = self.folder / f"{stem}.parquet"
        if not settled.exists():
            try:
                return _read_stream(self.folder / f"{stem}.arrows", place)
            except FileNotFoundError:  # the writer has just turned this stream into Parquet
                pass
        if place.whole:
            return pa.table({})
        table = pa.parquet.read_table(settled).slice(place.rows)
        place.rows, place.whole = place.rows + table.num_rows, True
        return table


def _read_stream(path: Path, place: _Place) -> pa.Table:
    """Reads the whole batches after a place, and moves it; a batch that is still being written is left for later."""
    batches = []
    with pa.OSFile(str(path)) as file:
        file.seek(place.offset)
        try:
            if place.schema is None:
                place.schema = pa.ipc.read_schema(file)
                place.offset = file.tell()
            while True:
                batch = pa.ipc.read_record_batch(pa.ipc.read_message(file), place.schema)
                batches.append(batch)
                place.offset = file.tell()
                place.rows += batch.num_rows
        except (EOFError, pa.ArrowInvalid, OSError):
            pass
    return pa.Table.from_batches(batches, place.schema) if place.schema is not None else pa.table({})
