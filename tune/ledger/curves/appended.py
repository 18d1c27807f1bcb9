"""Where rows lie as they were appended: in the file of their number, unless that shows each of them once.

`curves/` is read by other programs as it lies there, so a file there keeps no row that was told of again. What it held
before stands under its number in `_appended/`: pandas and Arrow pass by what has such a name, and as the files there do
not end in `.parquet`, so do patterns that go into folders. A file is written there before the other changes, so whoever
finds none there has read all rows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

APPENDED = "_appended"
"""In `curves/`: the folder of files whose rows are as they were appended, where those beside it show each once."""
_APART = ".rows"
_ENDINGS = (".arrows", ".parquet", _APART)


def numbers(folder: Path) -> list[str]:
    """Returns the numbers of a folder's files, as they are named, in the order in which the files were begun."""
    found = [path for home in (folder, folder / APPENDED) for path in home.glob("*.*")]
    names = {path.stem for path in found if path.suffix in _ENDINGS and path.stem.isdecimal()}
    return sorted(names, key=lambda name: (int(name), name))


def kept_apart(folder: Path, number: str) -> Path:
    """Returns the Parquet file of the rows of a number as they were appended, once another shows each of them once."""
    return folder / APPENDED / f"{number}{_APART}"


def place_of(folder: Path, number: str) -> Path:
    """Returns the file of a number whose rows are as they were appended; a stream's Parquet file goes before it."""
    apart, settled = kept_apart(folder, number), folder / f"{number}.parquet"
    if apart.exists():
        return apart
    return settled if settled.exists() else folder / f"{number}.arrows"


def read_appended(folder: Path, number: str, read: Callable[[Path], T]) -> tuple[Path, T]:
    """Reads the rows of a number as they were appended, whatever their writer does meanwhile.

    Args:
        folder: `curves/`.
        number: One of `numbers`.
        read: Of the file.

    Returns:
        The file, and what was read of it.

    Raises:
        FileNotFoundError: If there is none any more.
    """
    while True:
        path = place_of(folder, number)
        try:
            found = read(path)
        except FileNotFoundError:
            if place_of(folder, number) == path:
                raise
            continue
        if place_of(folder, number) == path:  # else this file may by now be what is shown of the rows
            return path, found
