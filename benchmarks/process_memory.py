"""The memory of this process, as Linux counts it."""

from pathlib import Path


def status_mib(field: str) -> float:
    """Returns a size in MiB: `VmRSS`, the memory that this process has; `VmHWM`, the most that it has had.

    Unlike `ru_maxrss`, the latter does not count in what the process that started this one had at that time.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith(f"{field}:"))
