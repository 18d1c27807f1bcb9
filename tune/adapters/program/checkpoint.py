"""The checkpoint folder of a run, as the state that the ledger keeps, and back."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tune.adapters.program.process import Process
from tune.errors import TrainerMistake

MOST_BYTES = 4_000_000_000
"""Of the state of one seed: it passes through memory."""

_LOOK_S = 0.01
_PATIENCE_S = 60.0
_ACCESS = 3  # O_RDONLY, O_WRONLY, O_RDWR


def files_of(folder: Path) -> dict[str, bytes]:
    """Returns the files of a folder and those below it, by their paths in it; links lead out and are left out.

    Raises:
        TrainerMistake: If they are more than `MOST_BYTES`.
    """
    found: dict[str, bytes] = {}
    size = 0
    for path in _files(folder):
        size += path.stat().st_size
        if size > MOST_BYTES:
            raise TrainerMistake(
                f"the checkpoint has more than {MOST_BYTES:,} bytes, at {path.relative_to(folder)}; have the program "
                "keep only its latest state there, and write other files to {run}"
            )
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes into an empty folder what `files_of` returned.

    Raises:
        TrainerMistake: If a path leads out of the folder.
    """
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise TrainerMistake(f"the checkpoint holds a file {name!r}, which would lie outside of its folder")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def latest_change(folder: Path) -> float:
    """Returns when a file of a folder was last written, in seconds since the epoch; 0 where it has none."""
    return max((path.stat().st_mtime for path in _files(folder)), default=0.0)


def files_between_writes(folder: Path, process: Process) -> dict[str, bytes]:
    """Returns the files of a folder at a moment at which nothing of a running program has one open for writing.

    The program stands still while they are read.

    Raises:
        TrainerMistake: If there is no such moment within a minute.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        with process.stopped():
            writing = _open_for_writing(folder, process.members)
            if not writing:
                return files_of(folder)
        if time.monotonic() > until:
            raise TrainerMistake(
                f"no checkpoint can be taken: {writing[0]} has been open for writing for {_PATIENCE_S:g} s; have the "
                "program close what it saves, and write its logs to {run}"
            )
        time.sleep(_LOOK_S)


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(here, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _open_for_writing(folder: Path, members: Sequence[int]) -> list[str]:
    """Returns the paths of a folder's files that processes hold open for writing."""
    found = []
    inside = f"{folder.resolve()}{os.sep}"
    for member in members:
        try:
            descriptors = list(Path(f"/proc/{member}/fd").iterdir())
        except OSError:  # it has ended
            continue
        for descriptor in descriptors:
            try:
                target = str(descriptor.readlink())
                if not target.startswith(inside):
                    continue
                said = Path(f"/proc/{member}/fdinfo/{descriptor.name}").read_text(encoding="ascii")
            except OSError:
                continue
            flags = next(int(line.split()[1], 8) for line in said.splitlines() if line.startswith("flags:"))
            if flags & _ACCESS:
                found.append(target.removeprefix(inside))
    return found
