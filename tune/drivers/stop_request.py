"""Stopping on request: the first signal asks, the second leaves at once, as does a minute of patience.

Where nobody is left who could train or save anything, because Ray's own processes are dead, it leaves at once, asked or
not: Ray would hang.

Only the main thread of a process can listen to signals; in another this asks nobody. Where the process belongs to
somebody else, as a notebook's does, leaving at once is a `KeyboardInterrupt` in its main thread, and no end of it.
"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Self

from tune.drivers.exits import leave_process
from tune.ledger.printable import printable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what Slurm, Kubernetes and `kill` send; a closed terminal."""

PATIENCE_S = 60.0
_LOOK_S = 0.5


class StopRequest:
    """Listens for signals from `listen` on until it is left; call it to ask whether to stop.

    It is entered before whatever may hang when it is taken down, as Ray may, and left after that: whoever was asked to
    stop ends within the patience that was promised, or at once at the second signal.

    Args:
        farewell: Printed when it leaves at once; says how to continue.
        patience_s: How long trials in flight may take to be saved before it leaves without them.
        owned: Whether this process is the command's own, and ends where it leaves at once.
    """

    def __init__(self, farewell: str, patience_s: float = PATIENCE_S, *, owned: bool = True) -> None:
        self._farewell, self._patience_s, self._owned = farewell, patience_s, owned
        self._over = threading.Event()
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Says whether a signal has asked to stop."""
        return self._asked

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        return self

    def listen(self) -> None:
        """Listens, also again, after something has put handlers of its own in our place, as Ray's start does."""
        for number in self._before:
            signal.signal(number, self._on_signal)

    @contextmanager
    def needing(self, anybody_left: Callable[[], bool]) -> Iterator[None]:
        """Has it leave at once when nobody is left of those who train and save: with exit code 1 if nobody asked."""
        done = threading.Event()
        threading.Thread(target=self._watch, args=(anybody_left, done), name="needing", daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # else it was put there by something that is not Python
                signal.signal(number, handler)
        self._over.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self._asked:
            self._leave()
        self._asked = True  # before anything is said: the second signal may interrupt the saying of the first
        name, patience = signal.Signals(number).name, f"{self._patience_s:.0f} s"
        _say(f"{name}: saving the trials in flight, then stopping (within {patience}); once more leaves at once")
        self.ask()

    def ask(self) -> None:
        """Asks to stop, as a signal does: from now on its patience runs."""
        self._asked = True
        threading.Thread(target=self._wait, name="patience", daemon=True).start()

    def _wait(self) -> None:
        """Leaves when patience has come to an end, unless it is over before."""
        if not self._over.wait(self._patience_s):
            self._leave()

    def _watch(self, anybody_left: Callable[[], bool], done: threading.Event) -> None:
        while not done.wait(_LOOK_S):
            if anybody_left() or done.is_set():
                continue
            if self._asked:
                self._leave()
            _say("Ray's own processes have died, killed or out of memory; what was stored is kept")
            self._leave(1)

    def _leave(self, code: int = 130) -> None:
        if not self._owned:
            self._interrupt()
            return
        _say(self._farewell)
        # Everything that was said to be stored is; Python's own exit could wait for a training thread.
        leave_process(code)

    def _interrupt(self) -> None:
        """Raises KeyboardInterrupt in the main thread, where this listens there."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)  # else it would be taken for the trainer's own
            raise KeyboardInterrupt
        if self._before:
            self._asked = True
            _thread.interrupt_main()  # its handler is ours, which comes back here


def _say(message: str) -> None:
    """Writes to the descriptor, because a handler may interrupt a write to the same stream; a terminal may be gone."""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), printable(f"\n{message}\n").encode())
