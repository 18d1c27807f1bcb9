"""Checkpoints: the state of one seed of one trial at one epoch, a file each."""

import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tune.ledger.files import write_atomically

_FILE = re.compile(r"seed-(\d+)-epoch-(\d+)\.pt")


@dataclass(frozen=True)
class Usage:
    """What checkpoints take.

    Attributes:
        files: How many there are.
        size: Their bytes in all.
        largest: Bytes of the largest, the state of one run.
    """

    files: int
    size: int
    largest: int


class CheckpointStore:
    """The folder `checkpoints/<trial number>/`; that of all trials must be there.

    Trainers write into it from wherever they run, so it holds nothing but its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, trial: int, epoch: int, states: Mapping[int, Any]) -> None:
        """Makes the state of each seed durable."""
        import torch

        home = self.folder / str(trial)
        home.mkdir(exist_ok=True)  # not its parents: a study's folder that was deleted does not come back
        for seed, state in states.items():
            write_atomically(_path(home, seed, epoch), partial(torch.save, state))

    def load(self, trial: int, epoch: int, seeds: Sequence[int]) -> dict[int, Any]:
        """Returns the state of each seed at an epoch.

        Raises:
            FileNotFoundError: If a seed has none there.
        """
        import torch

        home = self.folder / str(trial)
        return {seed: torch.load(_path(home, seed, epoch), weights_only=True, map_location="cpu") for seed in seeds}

    def epochs(self, trial: int) -> dict[int, list[int]]:
        """Returns the epochs of which a whole checkpoint lies there, ascending, by seed.

        A file that was cut short has lost the directory at its end and is left out.
        """
        found: dict[int, list[int]] = {}
        for path in (self.folder / str(trial)).glob("seed-*-epoch-*.pt"):
            match = _FILE.fullmatch(path.name)
            if match and zipfile.is_zipfile(path):
                found.setdefault(int(match[1]), []).append(int(match[2]))
        return {seed: sorted(epochs) for seed, epochs in found.items()}

    def trials(self) -> list[int]:
        """Returns the trials that have a folder, in the order of their numbers."""
        return sorted(int(path.name) for path in self.folder.glob("*") if path.name.isdigit())

    def usage(self) -> Usage:
        """Returns what lies there; a process may add and remove files meanwhile."""
        sizes = []
        for path in self.folder.glob("*/seed-*-epoch-*.pt"):
            with suppress(FileNotFoundError):
                sizes.append(path.stat().st_size)
        return Usage(len(sizes), sum(sizes), max(sizes, default=0))

    def remove(self, trial: int, keep: Collection[int] = ()) -> None:
        """Removes every checkpoint of a trial but those of some seeds, and its folder when nothing is left in it.

        It may be asked for what is gone, or half gone, already.
        """
        home = self.folder / str(trial)
        for path in home.glob("seed-*-epoch-*.pt"):
            match = _FILE.fullmatch(path.name)
            if match and int(match[1]) not in keep:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # something else lies there
            home.rmdir()

    def prune(self, trial: int, keep: Mapping[int, int]) -> None:
        """Removes the checkpoints of earlier epochs than the one to keep, by seed."""
        for path in (self.folder / str(trial)).glob("seed-*-epoch-*.pt"):
            match = _FILE.fullmatch(path.name)
            if match and int(match[2]) < keep.get(int(match[1]), 0):
                path.unlink(missing_ok=True)


def _path(home: Path, seed: int, epoch: int) -> Path:
    return home / f"seed-{seed}-epoch-{epoch:06d}.pt"
