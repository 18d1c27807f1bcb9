"""A process that has imported the large libraries, and forks one for each short training.

Importing PyTorch takes seconds, which a check would pay for every short training. Nothing of the user's is imported
before the fork. Linux only: elsewhere libraries do not promise to live through a fork.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LIBRARIES = ("numpy", "torch", "pyarrow", "pandas")
"""Those that may be imported before a fork: they start no threads and open no device until they are used."""

_PID, _ENDED = "pid", "ended"


@dataclass(frozen=True)
class Place:
    """Where what a short training is asked, tells and prints lies; a folder of its own that nobody else can write to.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @property
    def request(self) -> Path:
        """What is asked for, see `tune.drivers.probing.asked.Sent`."""
        return self.folder / "request.json"

    @property
    def events(self) -> Path:
        """What is told, as JSON lines."""
        return self.folder / "events.jsonl"

    @property
    def output(self) -> Path:
        """What is printed."""
        return self.folder / "output.txt"


class Preloaded:
    """The process, as who started it sees it. It ends with that one, and with it what it forked.

    Args:
        command: Starts Python so that this package is found, up to the names of what to import.
        libraries: What to import, of `LIBRARIES`.
    """

    def __init__(self, command: Sequence[str], libraries: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [*command, *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def begin(self, place: Place) -> "Forked":
        """Has it fork a process for the short training at a place."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, which is told when the training is asked for its end
            self._process.stdin.write(json.dumps(str(place.folder)).encode() + b"\n")
            self._process.stdin.flush()
        return Forked(self, place)

    def poll(self) -> int | None:
        """Returns its exit code; None: it lives."""
        return self._process.poll()

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()


@dataclass(frozen=True)
class Forked:
    """A short training in a process that was forked.

    Attributes:
        parent: Which forked it.
        place: Where it is told of.
    """

    parent: Preloaded
    place: Place

    def poll(self) -> int | None:
        """Returns its exit code, negative for a signal; None: it has not ended."""
        gone = self.parent.poll()
        with suppress(FileNotFoundError):
            return int((self.place.folder / _ENDED).read_text(encoding="ascii"))
        return gone

    def kill(self) -> None:
        """Ends it, and whatever it started."""
        try:
            group = int((self.place.folder / _PID).read_text(encoding="ascii"))
        except FileNotFoundError:  # it is not there yet, and must not come later
            self.parent.close()
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def main(*libraries: str) -> None:
    """Imports libraries, then forks a process for each folder that comes as a line of JSON, until there are no more.

    Each process is looked after by another one, the leader of its session, which writes the exit code.
    """
    for name in libraries:
        with suppress(Exception):  # the training that needs it says what is wrong
            importlib.import_module(name)
    from tune.drivers.probing import child
    from tune.drivers.probing.training import Start

    this = psutil.Process()
    start_s, held_bytes = time.time() - this.create_time(), this.memory_info().rss
    ends_with_us, held = os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who look after others
    with os.fdopen(os.dup(0), "rb", buffering=0) as asked:
        for line in asked:
            if os.fork() == 0:
                place = Place(Path(json.loads(line)))
                os.close(held)
                os.dup2(ends_with_us, 0)
                break
        else:
            return
    _look_after(place)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()  # the global state, which a process that starts from nothing has for itself
    child.main(str(place.request), str(place.events), Start(time.time() - start_s, held_bytes))


def _look_after(place: Place) -> None:
    """Forks once more, and returns in the new process; this one waits for its end and writes it down."""
    os.setsid()
    _write(place.folder / _PID, os.getpid())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    trains = os.fork()
    if trains:
        _, status = os.waitpid(trains, 0)
        _write(place.folder / _ENDED, os.waitstatus_to_exitcode(status))
        os._exit(0)
    output = os.open(place.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _write(path: Path, number: int) -> None:
    """Writes a number, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(str(number), encoding="ascii")
    temporary.rename(path)


def preloading() -> list[str]:
    """Returns which libraries this process has imported, and another may import for it; none where none may fork."""
    return [name for name in LIBRARIES if name in sys.modules] if sys.platform == "linux" else []
