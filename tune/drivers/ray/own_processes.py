"""The processes of a Ray that was started here, and the signals that are not for them."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tune.ledger.log import log

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
    vital = _vital()
    return lambda: all(_lives(process) for process in vital)


@contextmanager
def killed_after(wait_s: float) -> Iterator[None]:
    """Kills Ray's own processes below this one if what is done meanwhile takes too long: a stopped one never answers.

    Args:
        wait_s: How long it may take.
    """
    vital = _vital()

    def kill() -> None:
        log.error("Ray did not end within %.0f s; its processes are killed", wait_s)
        for process in vital:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    timer = threading.Timer(wait_s, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _vital() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if _name(child).startswith(_VITAL)]


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
