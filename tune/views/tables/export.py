"""A study's tables as files that any other program reads: CSV, Parquet."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tune.errors import UserMistake
from tune.ledger.printable import printable
from tune.ledger.storage.files import write_atomically
from tune.views.results import Results
from tune.views.tables.columns import CURVES, DECISIONS, TRIALS, Column
from tune.views.tables.frames import curves_frame, decisions_frame, trials_frame

if TYPE_CHECKING:
    import pandas as pd

_KEY = ["trial", "seed", "epoch"]


def write_csv(results: Results, folder: Path) -> list[Path]:
    """Writes `trials.csv`, `curves.csv`, `decisions.csv` and a `README.md` that says what their columns are.

    Args:
        results: Of the study.
        folder: Where to; made where it is not there.

    Returns:
        What it wrote.

    Raises:
        UserMistake: If it cannot be written there.
    """
    frames = {
        "trials.csv": trials_frame(results),
        "curves.csv": curves_frame(results),
        "decisions.csv": decisions_frame(results),
    }
    contents: dict[str, Callable[[BinaryIO], Any]] = {
        name: partial(_write_frame, frame) for name, frame in frames.items()
    }
    about = printable(_readme(results, frames)).encode()
    contents["README.md"] = lambda file: file.write(about)
    return [_write(folder / name, content) for name, content in contents.items()]


def write_parquet(results: Results, path: Path) -> Path:
    """Writes the curves as one Parquet file, each row with its trial's state and parameters, and returns its path.

    Raises:
        UserMistake: If it cannot be written there.
    """
    import pyarrow as pa
    import pyarrow.parquet

    curves, trials = curves_frame(results), trials_frame(results)
    beside = trials[["trial", "state", *trials.columns[len(TRIALS) :]]]
    taken = {name: f"parameter_{name}" for name in beside.columns if name != "trial" and name in curves.columns}
    joined = curves.merge(beside.rename(columns=taken), on="trial", how="left")
    table = pa.Table.from_pandas(joined, preserve_index=False)
    return _write(path, lambda file: pa.parquet.write_table(table, file))


def _write_frame(frame: "pd.DataFrame", file: BinaryIO) -> None:
    file.write(frame.to_csv(index=False, lineterminator="\n").encode())


def _write(path: Path, content: Callable[[BinaryIO], Any]) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserMistake(
            f"{path}: cannot be written: {error.strerror}; give a place in which you may write"
        ) from error
    return path


def _readme(results: Results, frames: "Mapping[str, pd.DataFrame]") -> str:
    study = results.study
    head = (
        f"# {study.name}\n\nThe study's trials, its curves and all that was decided, as of when this was written. "
        f"The scored metric is {study.score.metric}. An empty cell is a value that is not known.\n"
    )
    known = {"trials.csv": TRIALS, "curves.csv": CURVES, "decisions.csv": DECISIONS}
    return head + "".join(
        f"\n## {name}: {len(frame):,} rows\n\n| column | what it is |\n| --- | --- |\n"
        + "".join(f"| `{column}` | {meaning} |\n" for column, meaning in _meanings(frame, known[name]))
        for name, frame in frames.items()
    )


def _meanings(frame: "pd.DataFrame", known: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """Yields each column of a table and what it is; of those that differ from study to study, whose it is."""
    other = "a parameter of the space" if known is TRIALS else "a metric that the trainer told; empty where unknown"
    for name in map(str, frame.columns):
        yield name.replace("|", "\\|"), known[name].meaning if name in known else other
