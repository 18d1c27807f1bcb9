"""Checkpoints: the state of one seed of one trial at one epoch, a file each.

A file is the zip archive that `torch.save` writes, in which each part has a CRC-32. torch does not look at it when it
loads, so it is done here, before.

Beside the state lies what its trainer may not have told yet (`Told`): the epochs since the checkpoint before. It tells
its driver about once a second, and a driver that is killed hears nothing; so what a checkpoint has saved is never
trained again, because its rows of the curves are saved with it.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tune.errors import DamagedCheckpoint
from tune.ledger.files import write_atomically
from tune.ledger.runs import Evaluation

BESIDE = "configuration.json"
"""What the trial trains, beside its checkpoints; see `tune.ledger.adoption`."""

_FILE = re.compile(r"seed-(\d+)-epoch-(\d+)\.pt")
_TOLD = re.compile(r"told-(\d+)-epoch-(\d+)\.json")


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


@dataclass(frozen=True)
class Told:
    """What a unit of work reported of one epoch, as the ledger records it.

    Attributes:
        epoch: 1-based.
        metrics: By name, one value per seed.
        held_s: Seconds for which the unit held its slot for it.
        evaluation: As in `Ledger.record`.
        baseline: The constant model's losses, by name.
        gpus: How many GPUs it held; None where an earlier version has saved it.
    """

    epoch: int
    metrics: Mapping[str, Sequence[float | None]]
    held_s: float
    evaluation: Evaluation
    baseline: Mapping[str, float]
    gpus: float | None = None


class CheckpointStore:
    """The folder `checkpoints/<trial number>/`; that of all trials must be there.

    Trainers write into it from wherever they run, so it holds nothing but its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, trial: int, epoch: int, states: Mapping[int, Any], told: Sequence[Told] = ()) -> None:
        """Makes the state of each seed durable, and before it what was reported of these seeds since the last time."""
        import torch

        home = self.folder / str(trial)
        home.mkdir(exist_ok=True)  # not its parents: a study's folder that was deleted does not come back
        if told:
            text = json.dumps({"seeds": list(states), "told": [asdict(one) for one in told]}).encode()
            checked = b"%s\n%d\n" % (text, zlib.crc32(text))
            write_atomically(home / f"told-{min(states)}-epoch-{epoch:06d}.json", lambda out: out.write(checked))
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

    def take_told(self, trial: int) -> Iterator[tuple[tuple[int, ...], Told]]:
        """Yields seeds and report of each epoch that was saved with a checkpoint, in their order.

        A file is removed once all of it was taken. One that is not what was written is left out.
        """
        for path, _ in self._told(trial):
            text, _, checksum = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
            if checksum == b"%d" % zlib.crc32(text):
                content = json.loads(text)
                for one in content["told"]:
                    yield tuple(content["seeds"]), Told(**one)
            path.unlink(missing_ok=True)

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

    def largest(self, trial: int) -> int:
        """Returns the bytes of a trial's largest checkpoint, 0 when it has none."""
        return max((path.stat().st_size for path in self.files(trial)), default=0)

    def remove(self, trial: int, keep: Collection[int] = ()) -> None:
        """Removes every checkpoint of a trial but those of some seeds, and its folder when nothing is left in it.

        It may be asked for what is gone, or half gone, already.
        """
        home = self.folder / str(trial)
        left = False
        for path, (seed, _) in self.files(trial).items():
            if seed in keep:
                left = True
            else:
                path.unlink(missing_ok=True)
        if not left:
            for path in (*(path for path, _ in self._told(trial)), home / BESIDE):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # something else lies there, or it is gone already
                home.rmdir()

    def prune(self, trial: int, keep: Mapping[int, int]) -> None:
        """Removes the checkpoints of earlier epochs than the one to keep, by seed, and what was told up to there."""
        for path, (seed, epoch) in self.files(trial).items():
            if epoch < keep.get(seed, 0):
                path.unlink(missing_ok=True)
        for path, (seed, epoch) in self._told(trial):
            if epoch <= keep.get(seed, 0):
                path.unlink(missing_ok=True)

    def _told(self, trial: int) -> list[tuple[Path, tuple[int, int]]]:
        """Returns file, first seed and last epoch of what was told, by epoch."""
        found = [(path, _TOLD.fullmatch(path.name)) for path in (self.folder / str(trial)).glob("told-*-epoch-*.json")]
        files = [(path, (int(match[1]), int(match[2]))) for path, match in found if match]
        return sorted(files, key=lambda one: (one[1][1], one[1][0]))


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
