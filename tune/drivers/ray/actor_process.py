"""Where an actor of Ray's lives, and how its process is ended from outside when it answers nothing any more."""

import faulthandler
import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

import psutil
import ray

from tune.drivers.trial_log import node_folder, trial_log

_DUMP = signal.SIGUSR1
_DUMP_S = 5.0
_LAST_WORDS = 20_000
_BEGINS = "process {pid} begins\n"
_FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class ActorProcess:
    """Where an actor lives.

    Attributes:
        node: Ray's name of it.
        pid: Of its process.
        started: When that began, in seconds since the epoch; another process may get the same number later.
        oom_kills: How many processes the kernel of that machine had killed for want of memory by then.
    """

    node: str
    pid: int
    started: float
    oom_kills: int

    @classmethod
    def here(cls) -> Self:
        """Returns the place of this process."""
        node = ray.get_runtime_context().get_node_id()
        return cls(node, os.getpid(), psutil.Process().create_time(), oom_kills())


def dump_into(folder: Path, trial: int) -> TextIO:
    """Has the stacks of this process go to a trial's log, when it is told to by a signal and when it crashes.

    Both are done by a handler in C, which works while Python is stuck.

    Returns:
        The file, which must stay open as long as this is wanted.
    """
    file = trial_log(node_folder(folder), trial).open("a", encoding="utf-8")
    file.write(_BEGINS.format(pid=os.getpid()))
    file.flush()
    faulthandler.enable(file)
    faulthandler.register(_DUMP, file)
    return file


def dump_nowhere(file: TextIO) -> None:
    """Ends what `dump_into` began."""
    faulthandler.unregister(_DUMP)
    faulthandler.enable()
    file.close()


def fatal_error(place: ActorProcess, folder: Path, trial: int) -> str:
    """Returns what a process of this machine wrote into its trial's log as a signal killed it; "" where none did."""
    with suppress(OSError):
        text = trial_log(node_folder(folder), trial).read_text(encoding="utf-8", errors="replace")
        _, began, since = text.rpartition(_BEGINS.format(pid=place.pid))
        found = _FATAL.search(since) if began else None
        return found[1].strip() if found else ""
    return ""


def oom_kills() -> int:
    """Returns how many processes the kernel of this machine has killed for want of memory; 0 where it does not say."""
    with suppress(OSError):
        counts = dict(line.split() for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
        return int(counts.get("oom_kill", 0))
    return 0


def end_process(place: ActorProcess, folder: Path, trial: int) -> str:
    """Has a process on this machine dump its stacks into its trial's log, waits for it a little, and kills it.

    Returns:
        What was dumped, where this machine does not see the study folder and its log; else nothing.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(place.pid)
        if process.create_time() != place.started:
            return ""
        home = node_folder(folder)
        path = trial_log(home, trial)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"stacks of process {place.pid}:\n")
        before = path.stat().st_size
        process.send_signal(_DUMP)
        end = time.monotonic() + _DUMP_S
        while path.stat().st_size == before and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.1)  # a dump is written line by line
        if path.stat().st_size == before:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"the process gave none within {_DUMP_S:g} s; its state is '{process.status()}'\n")
        process.kill()
        return "" if home == folder else path.read_text(encoding="utf-8")[-_LAST_WORDS:]
    return ""
