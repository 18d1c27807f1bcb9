"""Stopping on request: the first signal asks, the second (or a minute of patience) leaves at once."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what Slurm, Kubernetes and `kill` send; a closed terminal."""

PATIENCE_S = 60.0


class StopRequest:
    """Listens for signals while it is entered; call it to ask whether to stop.

    Args:
        farewell: Printed when it leaves at once; says how to continue.
        patience_s: How long trials in flight may take to be saved before it leaves without them. A closed terminal
            signals Ray's processes too, and then nobody is left to save anything.
    """

    def __init__(self, farewell: str, patience_s: float = PATIENCE_S) -> None:
        self._farewell, self._patience_s = farewell, patience_s
        self._timer: threading.Timer | None = None
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

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._timer is not None:
            self._timer.cancel()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self._asked:
            self._leave()
        self._asked = True
        name, patience = signal.Signals(number).name, f"{self._patience_s:.0f} s"
        _say(f"{name}: saving the trials in flight, then stopping (within {patience}); once more leaves at once")
        self._timer = threading.Timer(self._patience_s, self._leave)
        self._timer.daemon = True
        self._timer.start()

    def _leave(self) -> None:
        _say(self._farewell)
        # Everything that was said to be stored is; Python's own exit could wait for a training thread.
        os._exit(130)


def _say(message: str) -> None:
    """Writes to the descriptor, because a handler may interrupt a write to the same stream; a terminal may be gone."""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"\n{message}\n".encode())
