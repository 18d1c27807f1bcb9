"""Short trainings in fresh processes of this machine, or one after the other in this one."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tune.drivers.probing.asked import Asked, Sent
from tune.drivers.probing.training import Event, short_training
from tune.drivers.reports import Death
from tune.errors import Interrupted, UserMistake
from tune.scoring.check.measured import Epoch, Probed, Seeding
from tune.study.study import Study
from tune.study.user_code import user_path
from tune.trainer import TrainerClass

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.append(sys.argv[1]); from tune.drivers.probing.child import main; main(*sys.argv[2:])"
"""Not `-m`, for which the working directory comes first, where a `tune.py` of the user's may lie."""

_LOOK_S = 0.05
PATIENCE_S = 60.0
"""Beside what was asked for: a slow disk imports for long."""
_LAST_LINES, _LAST_BYTES = 20, 2**16


class Runner(Protocol):
    """Does short trainings."""

    def __call__(self, asked: Asked) -> Probed:
        """Does one and returns what it came to; whatever becomes of it is told in there."""


@dataclass(frozen=True)
class FreshProcess:
    """Does each short training in a process of its own.

    Attributes:
        study: Of which they are.
        should_stop: Asked meanwhile.
    """

    study: Study
    should_stop: Callable[[], bool] = field(default=lambda: False)

    def __call__(self, asked: Asked) -> Probed:
        """Starts the process, waits for its end, and ends it where nothing comes.

        Raises:
            Interrupted: If it was asked to stop.
        """
        with tempfile.TemporaryDirectory(prefix="latent-tune-check-") as scratch:
            request, events, output = (Path(scratch) / name for name in ("request.json", "events.jsonl", "output.txt"))
            sent = Sent(asked, self.study.model_dump_json(by_alias=True), user_path())
            request.write_text(sent.dumped(), encoding="utf-8")
            command = [sys.executable, "-P", "-c", _START, str(_ROOT), str(request), str(events)]
            with output.open("wb") as out:
                # It ends when the pipe does, which is when this process ends, however it does.
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
                )
                late = self._wait(process, asked)
            told = _read(events)
            if not any("ended" in event for event in told):
                told.append({**_lost(process.returncode, asked, late=late), "text": _last_lines(output)})
            return collected(asked, told)

    def _wait(self, process: "subprocess.Popen[bytes]", asked: Asked) -> bool:
        """Waits for the end of a process; says whether it had to be ended because nothing came."""
        until = time.monotonic() + 3 * asked.seconds + PATIENCE_S
        try:
            while process.poll() is None:
                if self.should_stop():
                    raise Interrupted("interrupted; a check keeps nothing")
                if time.monotonic() > until:
                    return True
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started as well
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        return False


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
            for event in short_training(asked, self.study, lambda: self.trainer, time.time(), self.recording):
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


def _lost(code: int, asked: Asked, *, late: bool) -> Event:
    """Returns what the end of a process means that has not told it."""
    if late:
        return {"died": f"no end within {3 * asked.seconds + PATIENCE_S:.0f} s", "kind": "stalled"}
    if code == -signal.SIGKILL:
        return {"died": "killed by SIGKILL, as the system does where memory runs out", "kind": "out_of_memory"}
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"died": f"its process ended, {how}", "kind": "crashed"}


def _last_lines(output: Path) -> str:
    with output.open("rb") as file:  # a training may print more than fits into memory
        file.seek(max(0, output.stat().st_size - _LAST_BYTES))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return Death("", "\n".join(lines[-_LAST_LINES:])).text
