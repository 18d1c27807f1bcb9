"""Short trainings in fresh processes of this machine, or one after the other in this one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Protocol

from tune.drivers.probing.asked import Asked, Sent
from tune.drivers.probing.preloaded import Place, Preloaded, preloading
from tune.drivers.probing.training import Event, Start, short_training
from tune.drivers.reports import Death
from tune.errors import Interrupted, UserMistake
from tune.private_folders import private_folder
from tune.scoring.check.measured import Epoch, Probed, Seeding
from tune.study.study import Study
from tune.study.user_code import user_path
from tune.trainer import TrainerClass

_ROOT = Path(__file__).resolve().parents[3]
_PYTHON = (sys.executable, "-P", "-c")
_START, _FORK = (
    f"import sys; sys.path.append(sys.argv[1]); from tune.drivers.probing.{module} import main; main(*sys.argv[2:])"
    for module in ("child", "preloaded")
)
"""Not `-m`, for which the working directory comes first, where a `tune.py` of the user's may lie."""

_LOOK_S = 0.05
PATIENCE_S = 60.0
"""Beside what was asked for: a slow disk imports for long."""
_LAST_LINES, _LAST_BYTES = 20, 2**16


class Runner(Protocol):
    """Does short trainings."""

    def __call__(self, asked: Asked) -> Probed:
        """Does one and returns what it came to; whatever becomes of it is told in there."""


class _Training(Protocol):
    """A process that does a short training."""

    def poll(self) -> int | None:
        """Returns its exit code, negative for a signal; None: it has not ended."""

    def kill(self) -> None:
        """Ends it, and whatever it started."""


class FreshProcesses(AbstractContextManager["FreshProcesses"]):
    """Does each short training in a process of its own.

    That of the whole starts from nothing, as those of a study do. The others are forked from a process that has the
    libraries, and nothing of the user's.

    Args:
        study: Of which they are.
        should_stop: Asked meanwhile.
    """

    def __init__(self, study: Study, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._study, self._should_stop = study, should_stop
        self._lock = threading.Lock()
        self._preloaded: Preloaded | None = None

    def __call__(self, asked: Asked) -> Probed:
        """Starts the process, waits for its end, and ends it where nothing comes.

        Raises:
            Interrupted: If it was asked to stop.
        """
        with private_folder("latent-tune-check-", Path(gettempdir())) as folder:
            place = Place(folder)
            sent = Sent(asked, self._study.model_dump_json(by_alias=True), user_path())
            place.request.write_text(sent.dumped(), encoding="utf-8")
            training = self._begun(asked, place)
            try:
                code = self._wait(training, asked)
            finally:
                training.kill()  # what it started as well
            told = _read(place.events)
            if not any("ended" in event for event in told):
                told.append({**_lost(code, asked), "text": _last_lines(place.output)})
            return collected(asked, told)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._preloaded is not None:
                self._preloaded.close()

    def _begun(self, asked: Asked, place: Place) -> _Training:
        libraries = preloading() if asked.purpose != "whole" and self._study.program is None else []
        if not libraries:
            return _Alone(place)
        with self._lock:
            if self._preloaded is None or self._preloaded.poll() is not None:
                self._preloaded = Preloaded([*_PYTHON, _FORK, str(_ROOT)], libraries)
            return self._preloaded.begin(place)

    def _wait(self, training: _Training, asked: Asked) -> int | None:
        """Waits for the end of a process and returns its exit code; None: nothing came for too long."""
        until = time.monotonic() + 3 * asked.seconds + PATIENCE_S
        while (code := training.poll()) is None:
            if self._should_stop():
                raise Interrupted("interrupted; a check keeps nothing")
            if time.monotonic() > until:
                return None
            time.sleep(_LOOK_S)
        return code


class _Alone:
    """A short training in a process that starts from nothing. It ends when this process ends, however that does."""

    def __init__(self, place: Place) -> None:
        command = [*_PYTHON, _START, str(_ROOT), str(place.request), str(place.events)]
        with place.output.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )

    def poll(self) -> int | None:
        """Returns its exit code, negative for a signal; None: it has not ended."""
        return self._process.poll()

    def kill(self) -> None:
        """Ends it, and whatever it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


@dataclass(frozen=True)
class ThisProcess:
    """Does short trainings here: for a trainer that was defined in a notebook or script, which no other can import.

    Attributes:
        study: Of which they are.
        trainer: The class.
        recording: As prepared.
        should_stop: Asked between epochs.
    """

    study: Study
    trainer: TrainerClass
    recording: Mapping[str, Any]
    should_stop: Callable[[], bool] = field(default=lambda: False)

    def __call__(self, asked: Asked) -> Probed:
        """Trains.

        Raises:
            Interrupted: If it was asked to stop.
        """
        told: list[Event] = []
        try:
            for event in short_training(asked, self.study, lambda: self.trainer, Start(time.time()), self.recording):
                told.append(event)
                if self.should_stop():
                    raise Interrupted("interrupted; a check keeps nothing")
        except UserMistake as error:
            told.append({"died": str(error), "kind": "mistake"})
        return collected(asked, told)


def collected(asked: Asked, told: Iterable[Event], node: str = "") -> Probed:
    """Returns what the events of a short training come to, on a type of node."""
    epochs: list[Epoch] = []
    found: dict[str, Any] = {}
    for event in told:
        if (epoch := event.get("epoch")) is not None:
            epochs.append(Epoch(**epoch))
        found |= {key: value for key, value in event.items() if key not in ("epoch", "ended")}
    if found.get("seedings") is not None:
        found["seedings"] = [Seeding(**one) for one in found["seedings"]]
    return Probed(
        *(asked.purpose, asked.configuration, asked.parameters, tuple(asked.seeds), asked.from_epoch, asked.to_epoch),
        epochs=epochs,
        node=node,
        **found,
    )


def _read(events: Path) -> list[Event]:
    """Returns the events that a process has written whole."""
    found: list[Event] = []
    with suppress(OSError, ValueError):  # the last line may be cut short
        found.extend(json.loads(line) for line in events.read_text(encoding="utf-8", errors="replace").splitlines())
    return found


def _lost(code: int | None, asked: Asked) -> Event:
    """Returns what the end of a process means that has not told it; None: it was ended, because nothing came."""
    if code is None:
        return {"died": f"no end within {3 * asked.seconds + PATIENCE_S:.0f} s", "kind": "stalled"}
    if code == -signal.SIGKILL:
        return {"died": "killed by SIGKILL, as the system does where memory runs out", "kind": "out_of_memory"}
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"died": f"its process ended, {how}", "kind": "crashed"}


def _last_lines(output: Path) -> str:
    if not output.exists():
        return ""
    with output.open("rb") as file:  # a training may print more than fits into memory
        file.seek(max(0, output.stat().st_size - _LAST_BYTES))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return Death("", "\n".join(lines[-_LAST_LINES:])).text
