"""The checkpoint folder of a run, as the state that the ledger keeps, and back."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tune.adapters.checkpoint_folder import entries_of, files_of
from tune.adapters.program.process import Process
from tune.errors import TrainerMistake

PROGRAM = "the program"
"""Whose state it is, in messages."""

_LOOK_S = 0.01
_PATIENCE_S = 60.0
_ACCESS = 3  # O_RDONLY, O_WRONLY, O_RDWR


def latest_change(folder: Path) -> float:
    """Returns when a file of a folder was last written, in seconds since the epoch; 0 where it has none."""
    try:
        return max((about.st_mtime for _, about in entries_of(folder, PROGRAM)), default=0.0)
    except FileNotFoundError:  # replaced by another just now
        return time.time()


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
                return files_of(folder, PROGRAM)
        if time.monotonic() > until:
            raise TrainerMistake(
                f"no checkpoint can be taken: {writing[0]} has been open for writing for {_PATIENCE_S:g} s; have the "
                "program close what it saves, and write its logs to {run}"
            )
        time.sleep(_LOOK_S)


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
