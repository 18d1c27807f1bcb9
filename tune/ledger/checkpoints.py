"""Checkpoints: the state of one seed of one trial at one epoch, a file each.

A file is the zip archive that `torch.save` writes, in which each part has a CRC-32. torch does not look at it when it
loads, so it is done here, before.
"""

import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tune.errors import DamagedCheckpoint
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
            DamagedCheckpoint: If a seed has none there, or it is not what was written, or no plain data.
        """
        home = self.folder / str(trial)
        return {seed: _load(_path(home, seed, epoch)) for seed in seeds}

    def files(self, trial: int) -> dict[Path, tuple[int, int]]:
        """Returns seed and epoch by file, whatever state the files are in."""
        found = {path: _FILE.fullmatch(path.name) for path in (self.folder / str(trial)).glob("seed-*-epoch-*.pt")}
        return {path: (int(match[1]), int(match[2])) for path, match in found.items() if match}

    def epochs(self, trial: int) -> dict[int, list[int]]:
        """Returns the epochs of which a checkpoint lies there that is what was written, ascending, by seed.

        Every file is read from end to end.
        """
        found: dict[int, list[int]] = {}
        for path, (seed, epoch) in self.files(trial).items():
            if damage(path) is None:
                found.setdefault(seed, []).append(epoch)
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
        for path, (seed, epoch) in self.files(trial).items():
            if epoch < keep.get(seed, 0):
                path.unlink(missing_ok=True)


def damage(path: Path) -> str | None:
    """Returns what is wrong with a checkpoint file, None when it is what was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            # Stored as they are: what is packed could be small here and fill the memory there.
            packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
            if packed or sum(part.file_size for part in parts) > path.stat().st_size:
                return "its parts are not stored as torch stores them"
            wrong = archive.testzip()
    except FileNotFoundError:
        return "it is missing"
    except Exception as error:  # noqa: BLE001 - whatever zipfile stumbles over, it is not what was written
        return f"{type(error).__name__}: {error}"
    return None if wrong is None else f"the checksum of its part {wrong} is wrong"


def _load(path: Path) -> Any:
    import torch

    wrong = damage(path)
    if wrong is not None:
        raise DamagedCheckpoint(f"{path}: {wrong}")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise DamagedCheckpoint(f"{path}: holds no plain data: {type(error).__name__}: {first}") from error


def _path(home: Path, seed: int, epoch: int) -> Path:
    return home / f"seed-{seed}-epoch-{epoch:06d}.pt"
