"""What would leave the process, raised by a trainer: it ends the trainer's unit of work, and not who trains it.

`sys.exit` and `KeyboardInterrupt` pass by whoever catches `Exception`, and `os._exit` by everybody: a study would end
as if it were done, or as if its machine were gone.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

leave_process = os._exit
"""Leaves this process at once, also while a trainer's own `os._exit` is held."""


class ProcessExit(BaseException):
    """A trainer called `os._exit`."""


@contextmanager
def holding_exits() -> Iterator[None]:
    """Has `os._exit` raise `ProcessExit` in this thread; in others, and in processes forked from it, it is as ever."""
    here = os.getpid(), threading.get_ident()

    def leave(status: int) -> NoReturn:
        if (os.getpid(), threading.get_ident()) != here:
            leave_process(status)
        raise ProcessExit(status)

    os._exit = leave
    try:
        yield
    finally:
        os._exit = leave_process


def is_trainers(error: BaseException) -> bool:
    """Says whether an exception that came out of a trainer is the trainer's own.

    A `KeyboardInterrupt` is, where something else listens for Ctrl-C: `StopRequest`, or the system in Ray's actors.
    """
    if not isinstance(error, KeyboardInterrupt):
        return not isinstance(error, GeneratorExit)
    main = threading.current_thread() is threading.main_thread()
    return not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler


def in_words(error: BaseException) -> str:
    """Returns the first line of an exception's text; of what would leave the process, who called what."""
    if isinstance(error, SystemExit):
        return f"the trainer called sys.exit({error.code!r})"
    if isinstance(error, ProcessExit):
        return f"the trainer called os._exit({error})"
    if isinstance(error, KeyboardInterrupt):
        return "raised by the trainer itself, nobody asked to stop"
    return next(iter(str(error).splitlines()), "")
