"""Which process is which, whatever the clock says."""

import socket
from contextlib import suppress
from pathlib import Path

import psutil

_PROC = Path("/proc")


def machine() -> str:
    """Returns what tells where pids are looked up: host, boot, and on Linux the namespace of its pids.

    Two containers of one host name, and one host before and after a reboot, are different machines.
    """
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append((_PROC / "self/ns/pid").readlink().name)
    return " ".join(parts)


def birth(pid: int) -> float | None:
    """Returns what tells a living process of this machine from a later one of the same pid; None when it is dead."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.NoSuchProcess:
        return None
    try:
        # Ticks since the boot. psutil adds the moment of the boot, which moves whenever the clock is set.
        stat = (_PROC / str(pid) / "stat").read_text()
    except FileNotFoundError:
        return None if _PROC.is_dir() and any(_PROC.iterdir()) else process.create_time()
    return float(stat.rpartition(")")[2].split()[19])
