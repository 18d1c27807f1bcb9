"""One short training in the process that does it, told event by event: whatever ends it, what was told is known."""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import psutil

from tune.drivers.probing.asked import Asked
from tune.drivers.probing.seedings import watch_seedings
from tune.drivers.reports import Death, EpochReport, Evaluation
from tune.drivers.unit import TrainingSettings, Unit
from tune.gpus import visible_gpus
from tune.optimizer.work import Work
from tune.scoring.overlaps import overlaps
from tune.study.node import for_trainer
from tune.study.study import Study
from tune.trainer import TrainerClass, hook, prepare_recording

Event: TypeAlias = dict[str, Any]
"""One thing that a short training tells: attributes of `Probed` by name; those of an `Epoch` under `epoch`."""

_KIB, _NANO = 1024, 1e9
_AT_LEAST = 2  # epochs: the first one loads and compiles
_WORTH_ASKING_S = 0.02


@dataclass(frozen=True)
class Start:
    """How the process of a short training came to be.

    Attributes:
        since: When it started, as `time.time`; of one that was forked, when it would have had to start from nothing.
        preloaded_bytes: Memory that it has from the process that it was forked from.
    """

    since: float
    preloaded_bytes: int = 0


def short_training(
    asked: Asked,
    study: Study,
    load: Callable[[], TrainerClass],
    start: Start,
    recording: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Trains what is asked for, as a unit of the study would be, and yields what is to be told of it.

    Args:
        asked: What to train.
        study: Of which it is.
        load: Returns the trainer's class, importing it where that is still to be done.
        start: Of its process.
        recording: As prepared; None: it is prepared here.

    Raises:
        UserMistake: If the trainer cannot be imported, or the recording not be prepared.
    """
    with ExitStack() as at_the_end:
        seedings = at_the_end.enter_context(watch_seedings()) if asked.watched and study.program is None else None
        trainer = load()
        if recording is None:
            recording = prepare_recording(trainer, study.recording)
        if asked.purpose == "whole" and (splits := hook(trainer, "splits")) is not None:
            yield {"overlaps": overlaps(splits(recording))}
        first_s = 0.0
        for event in _trained(asked, study, trainer, recording, start):
            first_s = event.get("construction_s", first_s)
            yield event
        yield {"state_bytes": _state_bytes(asked)}
        if seedings is not None:
            yield {"seedings": [vars(one) for one in seedings]}
        if first_s > _WORTH_ASKING_S and time.time() + first_s - start.since < asked.seconds:
            yield from _constructed_again(asked, trainer, recording)


def _constructed_again(asked: Asked, trainer: TrainerClass, recording: Mapping[str, Any]) -> Iterator[Event]:
    """Yields how long a further construction takes in the same process: the first one imports what it needs."""
    begun = time.time()
    try:
        trainer(for_trainer(asked.configuration), recording, list(asked.seeds), None).close()
    except Exception:  # noqa: BLE001 - of the user's code: it trained once, and what this would tell stays unknown
        return
    yield {"construction_s": time.time() - begun}


def _trained(
    asked: Asked, study: Study, trainer: TrainerClass, recording: Mapping[str, Any], start: Start
) -> Iterator[Event]:
    meter = _Meter(start.preloaded_bytes)
    if (for_trial := hook(trainer, "for_trial")) is not None:
        trainer = for_trial(0, Path(asked.folder))
    constructed: list[Event] = []

    def construct(*given: Any) -> Any:
        begun = time.time()
        made = trainer(*given)
        constructed.append({"start_s": time.time() - start.since, "construction_s": time.time() - begun})
        return _Metered(made, meter)

    construct.__module__ = getattr(trainer, "__module__", "?")
    construct.__qualname__ = getattr(trainer, "__qualname__", "?")
    work = Work(0, dict(asked.configuration), tuple(asked.seeds), asked.from_epoch, asked.to_epoch)
    settings = TrainingSettings(
        asked.folder,
        str(Path(asked.folder) / "checkpoints"),
        None,
        study.resources.threads,
        study.resources.gpus,
    )
    Path(settings.checkpoints).mkdir(exist_ok=True)
    unit = Unit(lambda: cast("TrainerClass", construct), recording, work, settings)
    with closing(unit):
        for item in unit.news():
            if constructed:
                yield constructed.pop()
            if isinstance(item, EpochReport):
                yield {"epoch": meter.epoch(item), "baseline": dict(item.baseline), "peak_bytes": meter.peak_bytes}
                if time.time() - start.since > asked.seconds and item.epoch >= asked.from_epoch + _AT_LEAST:
                    return
            elif isinstance(item, Evaluation):
                yield {"evaluation": dict(item.metrics), "evaluation_s": item.held_s}
            elif isinstance(item, Death) and item.kind == "evaluation":
                yield {"evaluation_died": item.cause, "text": item.text}
            else:
                kind = item.kind if isinstance(item, Death) else "crashed"
                yield {"died": item.cause, "kind": kind, "text": item.text}
        told = {"utilisation": meter.utilisation, "watts": meter.watts}
        yield {name: value for name, value in told.items() if value is not None}


class _Metered:
    """A trainer whose epochs are measured: saving them, and what the tuner imports for that, is none of their time."""

    def __init__(self, trainer: Any, meter: "_Meter") -> None:
        self._trainer, self._meter = trainer, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def train(self, epochs: int) -> Any:
        """Trains, as the trainer does."""
        rows = self._trainer.train(epochs)
        return self._measured(iter(rows)) if isinstance(rows, Iterable) else rows

    def _measured(self, rows: Iterator[Any]) -> Iterator[Any]:
        self._meter.begin()
        for row in rows:
            self._meter.end()
            yield row
            self._meter.begin()


class _Meter:
    """Says what each epoch took of the machine, by this process and those that it started.

    Args:
        preloaded_bytes: See `Start`.
    """

    def __init__(self, preloaded_bytes: int) -> None:
        self._preloaded_bytes = preloaded_bytes
        self._process = psutil.Process()
        self._gpu = next(iter(visible_gpus()), None)
        self._used: list[float] = []
        self._watts: list[float] = []
        self.peak_bytes = 0
        self._took: Event = {}
        self.begin()

    @property
    def utilisation(self) -> float | None:
        """Share of the time in which the GPU ran a kernel, 0 to 1; None where that is not told."""
        return sum(self._used) / len(self._used) if self._used else None

    @property
    def watts(self) -> float | None:
        """Mean power of the GPU's board; None where that is not told."""
        return sum(self._watts) / len(self._watts) if self._watts else None

    def begin(self) -> None:
        """Counts from now."""
        self._since, self._cpu_s, self._queued_s = time.monotonic(), self._cpu(), self._queued()

    def end(self) -> None:
        """Counts no longer: an epoch has come to its end."""
        self._took = {
            "seconds": time.monotonic() - self._since,
            "cpu_seconds": max(0.0, self._cpu() - self._cpu_s),
            "queued_seconds": max(0.0, self._queued() - self._queued_s),
        }

    def epoch(self, report: EpochReport) -> Event:
        """Returns what the epoch that was ended last took."""
        host, peak, gpu = *self._host_bytes(), 0
        self.peak_bytes = max(self.peak_bytes, host, peak)
        if self._gpu is not None and (sample := self._gpu.sample()) is not None:
            gpu = sample.own_bytes if sample.own_bytes is not None else sample.used_bytes
            self._used += [sample.utilisation] if sample.utilisation is not None else []
            self._watts += [sample.watts] if sample.watts is not None else []
        return {
            "number": report.epoch,
            **self._took,
            "metrics": {name: list(values) for name, values in report.metrics.items()},
            "host_bytes": host,
            "gpu_bytes": gpu,
        }

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [self._process, *self._process.children(recursive=True)]
        return [self._process]

    def _host_bytes(self) -> tuple[int, int]:
        """Returns the memory of all of them now, and the most that this process alone has had."""
        total, peak = 0, _peak_bytes()
        for one in self._processes():
            with suppress(psutil.Error):
                full = one.memory_full_info()
                if self._preloaded_bytes and one.pid == self._process.pid:
                    # What it shares with where it was forked from counts as if it had loaded that itself.
                    total += full.uss + self._preloaded_bytes
                    peak += self._preloaded_bytes - (full.rss - full.uss)
                else:
                    total += int(getattr(full, "pss", full.rss))  # what processes share is counted once
        return total, peak

    def _cpu(self) -> float:
        """Returns the processor time of all of them; of those that have ended, what was waited for."""
        total = 0.0
        for one in self._processes():
            with suppress(psutil.Error):
                total += sum(one.cpu_times()[:4])
        return total

    def _queued(self) -> float:
        """Returns for how long the main threads of all of them waited for a processor, as Linux counts it."""
        total = 0.0
        for one in self._processes():
            with suppress(OSError, ValueError, IndexError):
                total += int(Path(f"/proc/{one.pid}/schedstat").read_text(encoding="ascii").split()[1]) / _NANO
        return total


def _peak_bytes() -> int:
    """Returns the most memory that this process has had.

    On Linux not `ru_maxrss`, which counts in what the process that started this one had at that time.
    """
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else _KIB)
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    return next(int(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith("VmHWM:"))


def _state_bytes(asked: Asked) -> int:
    """Returns the size of one seed's checkpoint."""
    found = [entry for entry in (Path(asked.folder) / "checkpoints").rglob("*") if entry.is_file()]
    return max((file.stat().st_size for file in found), default=0)
