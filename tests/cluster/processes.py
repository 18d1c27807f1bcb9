"""Ray nodes as a user starts them, with `ray start`, each with ports and folders of its own; and how they are ended."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

SEVERAL = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}  # else Ray, on loopback only, starts no second node
_START_S = 120
_START = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
_PORTS = ("--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """This process's environment without its Ray settings, on loopback only, in a home of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **ours,
        "HOME": str(home),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the one switch that makes Ray listen on loopback only
        "RAY_NUM_REDIS_GET_RETRIES": "3",  # a refused client asks again every second, 20 times by default
        **extra,
    }


def free_ports(count: int) -> list[int]:
    """As many distinct ports as asked, free a moment ago, and none that systems give to connections by themselves.

    One of the latter may belong to a connection of another test by the time that Ray wants it.
    """
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = 25_000 + secrets.randbelow(7_000)  # Ray's workers and clients are given lower ones
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found


def start_node(
    log: Path, options: Sequence[str], env: Mapping[str, str], inside: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Starts a node and waits until Ray says that it runs.

    Args:
        log: Gets what it prints.
        options: Of `ray start`, beside those that keep it quiet and apart from others.
        env: Its environment.
        inside: A command that is given the node's command as its last arguments.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*inside, *_START, *_PORTS, *options],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + _START_S
    while "Ray runtime started" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
    return process


def processes_of(folder: Path) -> list[int]:
    """Ids of the processes that name this folder on their command line: ours, and nobody else's."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it ended while we looked
                continue
            if os.fsencode(folder) in command:
                found.append(int(entry.name))
    return found


def end_all(folder: Path) -> None:
    """Kill every process of this folder, and wait until none is left. Never `ray stop`: others use Ray here too."""
    deadline = time.monotonic() + 10
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)
