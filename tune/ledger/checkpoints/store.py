"""Checkpoints: the state of one seed of one trial at one epoch, a file each (`tune.ledger.checkpoints.state_file`).

Beside the state lies what its trainer may not have told yet (`UnreportedEpoch`): the epochs since the checkpoint
before. It tells its driver about once a second, and a driver that is killed hears nothing; so what a checkpoint has
saved is never trained again, because its rows of the curves are saved with it.

Where they lie, on a disk or in an object store, is `tune.ledger.storage.folders`'.
"""

import json
import re
import secrets
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Self

from tune.errors import DamagedCheckpoint, StudyStopped
from tune.ledger.checkpoints.plain_data import restored, stored
from tune.ledger.checkpoints.state_file import damage, write_state
from tune.ledger.curves.history import EvaluationMark, Metrics
from tune.ledger.incoming import metrics_of
from tune.ledger.storage.folders import Folder

BESIDE = "configuration.json"
"""What the trial trains, beside its checkpoints; see `tune.ledger.checkpoints.adoption`."""

MARK = "study.token"
"""A random word by which whoever trains knows that it sees these very checkpoints, and no folder of the same name."""

_FILE = re.compile(r"(\d+)/seed-(\d+)-epoch-(\d+)\.pt")
_TOLD = re.compile(r"(\d+)/told-(\d+)-epoch-(\d+)\.json")


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
class UnreportedEpoch:
    """What a unit of work reported of one epoch, as the ledger records it.

    Attributes:
        epoch: 1-based.
        metrics: By name, one value per seed.
        held_s: Seconds for which the unit held its slot for it.
        evaluation: As in `Ledger.record`.
        baseline: The constant model's losses, by name.
        gpus: How many GPUs it held; None where an earlier version has saved it.
        redone: How many epochs were trained again before it, one number per seed; empty where none was.
    """

    epoch: int
    metrics: Metrics
    held_s: float
    evaluation: EvaluationMark
    baseline: Mapping[str, float]
    gpus: float | None = None
    redone: Sequence[int] = ()

    def part(self, seeds: Sequence[int], some: Collection[int]) -> Self:
        """Returns what was reported of some of its seeds, with their share of `held_s`.

        Raises:
            TrainerMistake: If they are not what can be recorded.
        """
        places = [place for place, seed in enumerate(seeds) if seed in some]
        checked = metrics_of(self.metrics, seeds)
        metrics = {name: [values[place] for place in places] for name, values in checked.items()}
        redone = [self.redone[place] for place in places] if self.redone else ()
        return replace(self, metrics=metrics, held_s=self.held_s * len(places) / len(seeds), redone=redone)


class Checkpoints:
    """What lies in the folder `checkpoints/<trial number>/`, for those who only look.

    Args:
        folder: The folder `checkpoints`; on a disk, that of all trials must be there.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def refuse_other(self, word: str, who: str) -> None:
        """Raises StudyStopped if it holds another random word than the study's, or none.

        Args:
            word: As the driver read it.
            who: The machine that looks.
        """
        there = self._marked()
        if there != word:
            seen = "none is there" if there is None else "another folder of that name is there"
            raise StudyStopped(
                f"{who} does not see the study's checkpoints in {self.folder.place}: {seen}; checkpoints must lie "
                "where every node sees them (storage.shared, or --results on a shared filesystem), see docs/storage.md"
            )

    def load(self, trial: int, epoch: int, seeds: Sequence[int]) -> dict[int, Any]:
        """Returns the state of each seed at an epoch.

        Raises:
            DamagedCheckpoint: If a seed has none there, or it is not what was written, or no plain data.
        """
        return {seed: self._load(_name(trial, seed, epoch)) for seed in seeds}

    def files(self, trial: int) -> dict[str, tuple[int, int]]:
        """Returns seed and epoch by name of file, whatever state the files are in."""
        return _checkpoints(self.folder.files(str(trial)))

    def damage(self, name: str) -> str | None:
        """Returns what is wrong with a checkpoint file, None when it is what was written."""
        try:
            with self.folder.open(name) as file:
                return damage(file)
        except FileNotFoundError:
            return "it is missing"

    def epochs(self, trial: int) -> dict[int, list[int]]:
        """Returns the epochs of which a checkpoint lies there that is what was written, ascending, by seed.

        Every file is read from end to end.
        """
        found: dict[int, list[int]] = {}
        for name, (seed, epoch) in self.files(trial).items():
            if self.damage(name) is None:
                found.setdefault(seed, []).append(epoch)
        return {seed: sorted(epochs) for seed, epochs in found.items()}

    def trials(self) -> list[int]:
        """Returns the trials that have a folder, in the order of their numbers."""
        return sorted(int(name) for name in self.folder.folders() if name.isdecimal())

    def usage(self) -> Usage:
        """Returns what lies there; a process may add and remove files meanwhile."""
        sizes = [size for name, size in self.folder.files().items() if _FILE.fullmatch(name)]
        return Usage(len(sizes), sum(sizes), max(sizes, default=0))

    def largest(self, trial: int) -> int:
        """Returns the bytes of a trial's largest checkpoint, 0 when it has none."""
        sizes = self.folder.files(str(trial))
        return max((sizes[name] for name in _checkpoints(sizes)), default=0)

    def _marked(self) -> str | None:
        try:
            with self.folder.open(MARK) as file:
                return file.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return None

    def _load(self, name: str) -> Any:
        import torch

        try:
            with self.folder.open(name) as file:
                wrong = damage(file)
                if wrong is None:
                    file.seek(0)
                    return restored(torch.load(file, weights_only=True, map_location="cpu"))
        except FileNotFoundError:
            wrong = "it is missing"
        except StudyStopped:  # the object store is away
            raise
        except Exception as error:
            first = next(iter(str(error).splitlines()), "")
            what = f"holds no plain data: {type(error).__name__}: {first}"
            raise DamagedCheckpoint(f"{self.folder.place}/{name}: {what}") from error
        raise DamagedCheckpoint(f"{self.folder.place}/{name}: {wrong}")


class CheckpointStore(Checkpoints):
    """The same, for those who write into it.

    Trainers do from wherever they run, so it holds nothing but its place.
    """

    def mark(self) -> str:
        """Returns the random word in it, which is written where there is none."""
        word = self._marked()
        if word is None:
            word = secrets.token_hex(16)
            text = word.encode()
            self.folder.write(MARK, lambda out: out.write(text))
        return word

    def save(self, trial: int, epoch: int, states: Mapping[int, Any], told: Sequence[UnreportedEpoch] = ()) -> None:
        """Makes the state of each seed durable, and before it what was reported of these seeds since the last time.

        Raises:
            TrainerMistake: If a state is no plain data (`tune.ledger.checkpoints.plain_data`); then nothing is written.
        """
        plain = {seed: stored(state, f"state[{seed}]") for seed, state in states.items()}
        if told:
            text = json.dumps({"seeds": list(states), "told": [asdict(one) for one in told]}).encode()
            checked = b"%s\n%d\n" % (text, zlib.crc32(text))
            self.folder.write(f"{trial}/told-{min(states)}-epoch-{epoch:06d}.json", lambda out: out.write(checked))
        for seed, state in plain.items():
            self.folder.write(_name(trial, seed, epoch), partial(write_state, state))

    def take_unreported(self, trial: int) -> Iterator[tuple[tuple[int, ...], UnreportedEpoch]]:
        """Yields seeds and report of each epoch that was saved with a checkpoint, in their order.

        A file is removed once all of it was taken. One that is not what was written is left out.
        """
        for name, _ in _told(self.folder.files(str(trial))):
            with self.folder.open(name) as file:
                text, _, checksum = file.read().rstrip(b"\n").rpartition(b"\n")
            if checksum == b"%d" % zlib.crc32(text):
                content = json.loads(text)
                for one in content["told"]:
                    yield tuple(content["seeds"]), UnreportedEpoch(**one)
            self.folder.remove([name])

    def set_unreadable_aside(self, trial: int, epoch: int, seeds: Sequence[int]) -> None:
        """Sets aside what somebody could not load and nobody can: PyTorch reads headers that no checksum covers."""
        there = self.files(trial)
        for name in (_name(trial, seed, epoch) for seed in seeds):
            try:
                self._load(name)
            except DamagedCheckpoint as error:
                if name in there:
                    self.folder.set_aside(name, f"cannot be used: {error}")

    def remove(self, trial: int, keep: Collection[int] = ()) -> None:
        """Removes every checkpoint of a trial but those of some seeds, and its folder when nothing is left in it.

        It may be asked for what is gone, or half gone, already.
        """
        names = self.folder.files(str(trial))
        found = _checkpoints(names)
        self.folder.remove(name for name, (seed, _) in found.items() if seed not in keep)
        if not any(seed in keep for seed, _ in found.values()):
            self.folder.remove([*(name for name, _ in _told(names)), f"{trial}/{BESIDE}"])
            self.folder.remove_empty(str(trial))

    def prune(self, trial: int, keep: Mapping[int, int]) -> None:
        """Removes the checkpoints of earlier epochs than the one to keep, by seed, and what was told up to there."""
        names = self.folder.files(str(trial))
        self.folder.remove(name for name, (seed, epoch) in _checkpoints(names).items() if epoch < keep.get(seed, 0))
        self.folder.remove(name for name, (seed, epoch) in _told(names) if epoch <= keep.get(seed, 0))


def _checkpoints(names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Returns seed and epoch of the names that are those of checkpoints."""
    found = {name: _FILE.fullmatch(name) for name in names}
    return {name: (int(match[2]), int(match[3])) for name, match in found.items() if match}


def _told(names: Iterable[str]) -> list[tuple[str, tuple[int, int]]]:
    """Returns name, first seed and last epoch of what was told, by epoch."""
    found = [(name, _TOLD.fullmatch(name)) for name in names]
    files = [(name, (int(match[2]), int(match[3]))) for name, match in found if match]
    return sorted(files, key=lambda one: (one[1][1], one[1][0]))


def _name(trial: int, seed: int, epoch: int) -> str:
    return f"{trial}/seed-{seed}-epoch-{epoch:06d}.pt"
