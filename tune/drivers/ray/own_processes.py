"""The processes of a Ray that was started here, and the signals that are not for them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

_VITAL = ("gcs_server", "raylet")
_starting = False


@contextmanager
def groups_of_their_own() -> Iterator[None]:
    """Puts every process that is started meanwhile into a process group of its own.

    `timeout`, `kill -TERM -PGID` and a closed terminal signal the whole group of a command. Ray blocks only SIGINT in
    its processes; the others would end Ray before the driver could have one trial saved.
    """
    global _starting  # noqa: PLW0603 - what is registered at a fork can never be taken back, only told to do nothing
    _starting = True
    try:
        yield
    finally:
        _starting = False


def _after_fork() -> None:
    if _starting:
        os.setpgrp()


os.register_at_fork(after_in_child=_after_fork)


def watch_vital() -> Callable[[], bool]:
    """Returns what says whether Ray's own processes, as they are now below this one, all live; without them it hangs.

    A cluster that runs elsewhere has none here, and then they all live.
    """
    vital = [child for child in psutil.Process().children() if _name(child).startswith(_VITAL)]
    return lambda: all(_lives(process) for process in vital)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
