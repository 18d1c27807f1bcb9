"""Stopping on request: the first signal asks, the second leaves at once, as does a minute of patience.

Where nobody is left who could save anything, because a signal went to all processes, nobody is waited for.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what Slurm, Kubernetes and `kill` send; a closed terminal."""

PATIENCE_S = 60.0
_LOOK_S = 0.2


class StopRequest:
    """Listens for signals while it is entered; call it to ask whether to stop.

    Args:
        farewell: Printed when it leaves at once; says how to continue.
        patience_s: How long trials in flight may take to be saved before it leaves without them.
    """

    def __init__(self, farewell: str, patience_s: float = PATIENCE_S) -> None:
        self._farewell, self._patience_s = farewell, patience_s
        self._anybody_left: Callable[[], bool] = _somebody
        self._over = threading.Event()
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Says whether a signal has asked to stop."""
        return self._asked

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.listen()
        return self

    def listen(self) -> None:
        """Listens again, after something has put handlers of its own in our place, as Ray's start does for SIGTERM."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    @contextmanager
    def needing(self, anybody_left: Callable[[], bool]) -> Iterator[None]:
        """Has it leave at once when, asked to stop, nobody is left of those who could save the trials in flight."""
        self._anybody_left = anybody_left
        try:
            yield
        finally:
            self._anybody_left = _somebody

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._over.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self._asked:
            self._leave()
        self._asked = True
        name, patience = signal.Signals(number).name, f"{self._patience_s:.0f} s"
        _say(f"{name}: saving the trials in flight, then stopping (within {patience}); once more leaves at once")
        threading.Thread(target=self._wait, name="patience", daemon=True).start()

    def _wait(self) -> None:
        """Leaves when patience or those who could save anything have come to an end, unless it is over before."""
        end = time.monotonic() + self._patience_s
        while (left := end - time.monotonic()) > 0 and self._anybody_left():
            if self._over.wait(min(left, _LOOK_S)):
                return
        if not self._over.is_set():
            self._leave()

    def _leave(self) -> None:
        _say(self._farewell)
        # Everything that was said to be stored is; Python's own exit could wait for a training thread.
        os._exit(130)


def _somebody() -> bool:
    return True


def _say(message: str) -> None:
    """Writes to the descriptor, because a handler may interrupt a write to the same stream; a terminal may be gone."""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"\n{message}\n".encode())
