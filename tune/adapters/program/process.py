"""A process of a program: started under its guardian, heard by a thread, stopped and ended with all that it started."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tune.adapters.program.output import Output

GRACE_S = 5.0
"""From SIGTERM to SIGKILL."""

_LOOK_S = 0.001
_STANDING_S = 1.0  # whoever waits for a disk stands still once that has answered
_SIGNALLED = 128
_STILL = b"TtZX"
_GUARDIAN = Path(__file__).with_name("guardian.py")
_CHUNK = 1 << 16


class Process:
    """A program that runs, with what descends from it.

    Args:
        command: Its words; the first is looked for in `PATH` of the environment.
        environment: All of its variables.
        output: What is to be done with what it writes.
        woken: Set whenever there is something new: output or the end.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: Output,
        woken: threading.Event,
    ) -> None:
        self._output, self._woken = output, woken
        self._asked_at: float | None = None
        self._fault: Exception | None = None
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARDIAN), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C is for the driver, which has it saved
        )
        self._thread = threading.Thread(target=self._read, name="program output", daemon=True)
        self._thread.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or something of its output is unread; 128 + n after signal n.

        Raises:
            Exception: What kept its output from being read: its log cannot be written, for example.
        """
        if self._thread.is_alive():
            return None
        if self._fault is not None:
            raise self._fault
        code = self._guardian.wait()
        return code if code >= 0 else _SIGNALLED - code  # the guardian itself was killed

    @property
    def alive(self) -> bool:
        """Whether something of it is left, or some of its output is unread."""
        return self._thread.is_alive()

    @property
    def ending(self) -> bool:
        """Whether it was asked to end."""
        return self._asked_at is not None

    def terminate(self) -> None:
        """Asks all of it to end, by SIGTERM; it is killed when it has not within the grace, see `insist`."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._signal(signal.SIGTERM)

    def insist(self) -> None:
        """Kills what was asked to end and has had its grace."""
        if self._asked_at is not None and time.monotonic() - self._asked_at > GRACE_S:
            self.kill()

    def kill(self) -> None:
        """Has nothing of it be left, and its output read to the end."""
        pipe = self._guardian.stdin
        assert pipe is not None
        if not pipe.closed:
            with suppress(OSError):  # it ended by itself
                pipe.write(b"k")
                pipe.flush()
            with suppress(OSError):
                pipe.close()
        self._thread.join()
        self._guardian.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Has all of it stand still for a while."""
        self._signal(signal.SIGSTOP)
        try:
            until = time.monotonic() + _STANDING_S
            while any(map(_moves, self.members)) and time.monotonic() < until:
                time.sleep(_LOOK_S)
            yield
        finally:
            self._signal(signal.SIGCONT)

    @property
    def members(self) -> list[int]:
        """The process ids of the program and all that descends from it."""
        return [one.pid for one in self._descendants()]

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._guardian.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _signal(self, number: signal.Signals) -> None:
        """Sends a signal to all of it, and to what was started meanwhile."""
        seen: set[psutil.Process] = set()
        while new := set(self._descendants()) - seen:
            for one in new:
                with suppress(psutil.Error):
                    one.send_signal(number)
            seen |= new

    def _read(self) -> None:
        pipe = self._guardian.stdout
        assert pipe is not None
        try:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                self._output.take(chunk)
                self._woken.set()
            self._output.close()
        except Exception as error:  # noqa: BLE001 - raised where it is asked how the process ended
            self._fault = error
        finally:
            pipe.close()
            self._woken.set()


def _moves(process: int) -> bool:
    """Says whether a thread of a process runs: a signal takes a moment to stop it."""
    try:
        return any(_state(thread) not in _STILL for thread in Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return False


def _state(thread: Path) -> bytes:
    return (thread / "stat").read_bytes().rpartition(b")")[2].split()[0]
