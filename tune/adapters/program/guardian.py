"""Runs a program and ends it with all that it started, also when whoever asked for it is killed.

`python guardian.py COMMAND...`, run as a script with nothing but Python's own modules, so that it starts fast.
Its standard input is a pipe from the driver: a byte asks for the end of everything, and so does the end of the file,
which says that the driver is dead. The exit code is the program's, 128 + n after signal n.

All that descends from the program is found, whatever sessions it made: orphans become children of the guardian.
"""

import ctypes
import json
import os
import select
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_LOOK_S = 1.0


def main(command: list[str]) -> int:
    """Runs the command; returns its exit code when nothing of it is left."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    driver = os.getppid()
    for number in _IGNORED:  # they are the program's, and the driver ends it by the pipe
        signal.signal(number, signal.SIG_IGN)
    told, tells = os.pipe()
    os.set_blocking(tells, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    program = os.fork()
    if program == 0:
        _become(command)
    code = None
    while code is None:
        ready, _, _ = select.select([sys.stdin.fileno(), told], [], [], _LOOK_S)
        if told in ready:
            os.read(told, 4096)
            code = _reaped(program)
        orphaned = os.getppid() != driver  # what it forked may hold the pipe open
        if code is None and (orphaned or sys.stdin.fileno() in ready):
            _kill_all()
            return 128 + signal.SIGKILL
    _kill_all()
    return code


def _become(command: list[str]) -> None:
    """Becomes the program: in a session of its own, asked for nothing, dead with the guardian."""
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (*_IGNORED, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, json.dumps(command[0]).encode() + b": " + json.dumps(error.strerror).encode() + b"\n")
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


def _reaped(program: int) -> int | None:
    """Takes leave of all children that have ended; returns the program's exit code if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                status = os.waitstatus_to_exitcode(ended[1])
                code = status if status >= 0 else 128 - status
    return code


def _kill_all() -> None:
    """Kills children until there are none; those of a dead one become ours."""
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is not loaded for it
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - the same
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
    return found


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
