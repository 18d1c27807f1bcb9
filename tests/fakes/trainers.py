"""Tiny trainers that keep the whole contract of `tune.trainer.Trainer`."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

from tests.fakes.disk import SmallDisk


class Quadratic:
    """Loss falls towards `(x - 0.3)^2 + 0.1`, with noise of its own for each seed; the baseline is 1.

    Configuration: `x`; `fragile` makes odd seeds diverge to twice the baseline; `dies_at` gives an epoch at which the
    loss of every odd seed becomes nan; `sleep_s` is spent per epoch.
    Every epoch trained leaves a line in the file named by `QUADRATIC_LOG`, so that tests can count what was repeated.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self.config, self.recording, self.seeds = dict(config), dict(recording), list(seeds)
        loaded = state or {}
        self.epochs = {seed: int(loaded.get(seed, {}).get("epoch", 0)) for seed in seeds}
        self.carried = {seed: float(loaded.get(seed, {}).get("carried", 0.0)) for seed in seeds}

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for _ in range(epochs):
            if "sleep_s" in self.config:
                time.sleep(self.config["sleep_s"])
            losses = [self._epoch(seed) for seed in self.seeds]
            yield {"validation_loss": losses, "train_loss": [loss / 2 for loss in losses]}

    def state(self) -> dict[int, Any]:
        return {seed: {"epoch": self.epochs[seed], "carried": self.carried[seed]} for seed in self.seeds}

    def baseline(self) -> dict[str, float]:
        return {"validation_loss": 1.0}

    def close(self) -> None:
        self.seeds = []

    def _epoch(self, seed: int) -> float:
        self.epochs[seed] += 1
        epoch, x = self.epochs[seed], float(self.config["x"])
        # Depends on the whole past, so that a resume from the wrong state shows.
        self.carried[seed] = 0.5 * self.carried[seed] + Random(f"{seed} {epoch}").gauss(0, 0.01)  # noqa: S311
        if log := os.environ.get("QUADRATIC_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{x!r} {seed} {epoch}\n")
        if self.config.get("dies_at", epoch + 1) <= epoch and seed % 2:
            return nan
        if self.config.get("fragile") and seed % 2:
            return 2.0
        return (x - 0.3) ** 2 + 0.1 + 0.5 / epoch + self.carried[seed]


class Broken(Quadratic):
    """Cannot even begin."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no such file or directory: 'weights.bin'")


class Hoarding(Quadratic):
    """Keeps an object in its state, which could never be loaded again."""

    def state(self) -> dict[int, Any]:
        return {seed: {**kept, "path": Path()} for seed, kept in super().state().items()}


class Killed(Quadratic):
    """Kills its own process, as a machine out of memory does, the first time that `x` is above one half."""

    def _epoch(self, seed: int) -> float:
        mark = Path(os.environ["KILLED_MARK"])
        if self.config["x"] > 0.5 and self.epochs[seed] == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        return super()._epoch(seed)


class Unlucky(Quadratic):
    """Something happens to its disk, once: `UNLUCKY` says after how many seed-epochs, which disk, and what.

    A number fills it but for so many bytes; `ro` makes it read-only; `rm` removes the study `tiny` from it.
    """

    def _epoch(self, seed: int) -> float:
        loss = super()._epoch(seed)
        after, place, what = os.environ.get("UNLUCKY", "inf||").split("|")
        if len(Path(os.environ["QUADRATIC_LOG"]).read_text().splitlines()) == float(after):
            disk = SmallDisk(Path(place))
            if what == "ro":
                disk.remount("ro")
            elif what == "rm":
                shutil.rmtree((disk.path / "tiny").rename(disk.path / "gone"))
            else:
                disk.fill(int(what))
        return loss


class Hungry(Quadratic):
    """Runs out of memory in its second epoch with more seeds than the recording's `room`, as a GPU does."""

    def _epoch(self, seed: int) -> float:
        if len(self.seeds) > self.recording["room"] and self.epochs[seed] == 1:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {len(self.seeds)}.00 GiB")
        return super()._epoch(seed)


class Signalled(Quadratic):
    """Sends its own process the recording's `signal` in its second epoch, so many times as files are in `marks`."""

    def _epoch(self, seed: int) -> float:
        if self.epochs[seed] == 1 and _takes_one(self.recording["marks"]):
            os.kill(os.getpid(), self.recording["signal"])
        return super()._epoch(seed)


class Stuck(Quadratic):
    """Sleeps in its second epoch for the recording's `sleep_s`, so many times as files are in `marks`."""

    def _epoch(self, seed: int) -> float:
        if self.epochs[seed] == 1 and _takes_one(self.recording["marks"]):
            time.sleep(self.recording["sleep_s"])
        return super()._epoch(seed)


class Evaluating(Quadratic):
    """Tells its test loss only when it evaluates, which fails so many times as files are in the recording's `marks`."""

    def evaluate(self) -> dict[str, list[float]]:
        if _takes_one(self.recording["marks"]):
            raise OSError("the test split cannot be read")
        return {"test_loss": [(self.config["x"] - 0.3) ** 2 + seed / 1000 for seed in self.seeds]}

    def baseline(self) -> dict[str, float]:
        return {"validation_loss": 1.0, "test_loss": 1.0}


def _takes_one(marks: str) -> bool:
    """Removes one file of a folder; says whether there was one."""
    for mark in Path(marks).iterdir():
        mark.unlink()
        return True
    return False


class Choosy(Quadratic):
    """Has both hooks: it checks its configuration and prepares its recording."""

    @staticmethod
    def check_config(config: Mapping[str, Any]) -> dict[str, str]:
        return {key: "unknown key" for key in config if key not in ("x", "fragile", "sleep_s")}

    @staticmethod
    def prepare_recording(recording: Mapping[str, Any]) -> dict[str, Any]:
        if "simulate" not in recording:
            raise ValueError(f"recording: unknown keys {sorted(recording)}")
        return {"prepared": True}


class Picky(Quadratic):
    """Refuses `x` above one half; below a tenth its check is broken."""

    @staticmethod
    def check_config(config: Mapping[str, Any]) -> dict[str, str]:
        if config["x"] < 0.1:
            raise ZeroDivisionError("x is too small to be checked")
        return {"x": f"must be at most 0.5, got {config['x']:g}"} if config["x"] > 0.5 else {}


class Moody(Quadratic):
    """Raises in its second epoch when `x` is above one half."""

    def _epoch(self, seed: int) -> float:
        if self.config["x"] > 0.5 and self.epochs[seed] == 1:
            raise ValueError("x is too large")
        return super()._epoch(seed)


class Voltages(Quadratic):
    """Reads a recording of a file of numbers; says in the folder `said` how it came, and from which process."""

    @staticmethod
    def prepare_recording(recording: Mapping[str, Any]) -> dict[str, Any]:
        return {**recording, "voltages": np.asarray(np.load(recording["path"], mmap_mode="r"))}

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(config, recording, seeds, state)
        base = recording["voltages"]
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        how = "mapped" if isinstance(base, np.memmap) else "sent"
        said = {"how": how, "sum": float(recording["voltages"].sum()), "node": os.environ["STORAGE_TEST_NODE"]}
        (Path(recording["said"]) / f"{time.time_ns()}.json").write_text(json.dumps(said))


class Sharing(Quadratic):
    """Dies unless its recording is shared memory: read-only, and no copy of its own."""

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(config, recording, seeds, state)
        voltages = recording["voltages"]
        if voltages.flags.writeable or voltages.flags.owndata:
            raise ValueError(f"the recording is not shared: {voltages.flags}")


class Stumbling(Quadratic):
    """Raises in the second epoch of the recording's `seed`, so many times as files are in `marks`."""

    def _epoch(self, seed: int) -> float:
        if seed == self.recording["seed"] and self.epochs[seed] == 1 and _takes_one(self.recording["marks"]):
            raise RuntimeError("stumbled")
        return super()._epoch(seed)


class Leaving(Quadratic):
    """Leaves its process in its second epoch, in the way that the recording's `how` says."""

    def _epoch(self, seed: int) -> float:
        if self.epochs[seed] == 1:
            if self.recording["how"] == "sys.exit":
                sys.exit(0)
            if self.recording["how"] == "os._exit":
                os._exit(0)
            if self.recording["how"] == "KeyboardInterrupt":
                raise KeyboardInterrupt
            os.kill(os.getpid(), self.recording["how"])
        return super()._epoch(seed)

    def close(self) -> None:
        raise ValueError("nothing is left to be closed")


class Doomed(Quadratic):
    """Raises in the recording's `epoch` with one of its `seeds`, up to its `x`, while its `file` is there."""

    def _epoch(self, seed: int) -> float:
        dies = seed in self.recording["seeds"] and self.epochs[seed] + 1 == self.recording["epoch"]
        dies = dies and self.config["x"] <= self.recording.get("x", 1)
        if dies and Path(self.recording.get("file", "/")).exists():
            raise RuntimeError(f"doomed by seed {seed}")
        return super()._epoch(seed)


class OnGpu(Quadratic):
    """Tells when each epoch began and ended, and how busy the fake GPU of its machine is, by which that is known.

    Below one half of `x` it runs out of memory on the machine of the recording's `busy`, so many times as files are in
    `marks`.
    """

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        busy = float(json.loads(os.environ["FAKE_NVML"])["busy"])
        began = time.time()
        for metrics in super().train(epochs):
            if self.config["x"] < 0.5 and busy == self.recording["busy"] and _takes_one(self.recording["marks"]):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            told = {"busy": busy, "began": began, "ended": time.time()}
            yield {**metrics, **{name: [value] * len(self.seeds) for name, value in told.items()}}
            began = time.time()


class Featured(Quadratic):
    """The features of seed n use n of eight dimensions; or the recording's `features` are what it has, or raises."""

    def features(self) -> Any:
        given = self.recording.get("features", "good")
        if isinstance(given, BaseException):
            raise given
        draw = np.random.default_rng(0).standard_normal
        return [draw((400, n)) @ np.eye(n, 8) for n in self.seeds] if given == "good" else given
