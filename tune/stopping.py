"""Stopping on request: the first signal asks, the second leaves at once."""

import os
import signal
import sys
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what Slurm, Kubernetes and `kill` send; a closed terminal."""


class StopRequest:
    """Listens for signals while it is entered; call it to ask whether to stop.

    Args:
        farewell: Printed by the second signal; says how to continue.
    """

    def __init__(self, farewell: str) -> None:
        self._farewell = farewell
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

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        # A handler may interrupt a write to the same stream, so it writes to the descriptor.
        if self._asked:
            os.write(sys.stderr.fileno(), f"\n{self._farewell}\n".encode())
            # Everything that was said to be stored is; Python's own exit could wait for a training thread.
            os._exit(130)
        self._asked = True
        name = signal.Signals(number).name
        message = f"\n{name}: saving the trials in flight, then stopping; once more leaves at once\n"
        os.write(sys.stderr.fileno(), message.encode())
