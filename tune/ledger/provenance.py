"""What a process ran on and from: the commit of the working directory, the GPUs of its machine."""

import subprocess

from tune.gpus import every_gpu

_PATIENCE_S = 5.0


def commit() -> str | None:
    """Returns the commit of the working directory, `-dirty` behind it where files differ from it; None without git."""
    command = ("git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def gpus() -> list[str]:
    """Returns name and memory of each GPU of this machine; empty where NVML tells none."""
    return [f"{gpu.name}, {gpu.total_bytes / 2**20:.0f} MiB" for gpu in every_gpu()]
