"""What a process ran on and from: its host and GPUs, versions of packages, the commit of the working directory."""

import os
import platform
import socket
import subprocess
from importlib.metadata import version
from typing import Any

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


def process_detail() -> dict[str, Any]:
    """Returns what is remembered of this process: host and its GPUs, pid, versions, commit of the working directory."""
    packages = ("latent-tune", "optuna", "ray", "torch")
    known = {package: _version(package) for package in packages}
    return {
        "host": socket.gethostname(),
        "gpus": gpus(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "packages": known,
        "commit": commit(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None
