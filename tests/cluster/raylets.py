"""A Ray cluster of several nodes on one machine, with a token, whose nodes join, hang and die as a test wants."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.cluster.processes import SEVERAL, end_all, environment, free_ports, start_node

_QUICK = {  # a node is given up after three seconds of silence, not after a minute
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


@dataclass
class Raylets:
    """The cluster; its head has a slot of its own.

    Attributes:
        folder: Ray's temporary folder, by which its processes are known.
        auth: What a client must have in its environment.
        address: Of the head.
    """

    folder: Path
    auth: dict[str, str]
    address: str
    _nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def add(self, name: str, *, cpus: int, head: bool = False) -> None:
        """Starts a node; on it the environment has its name in `PACED_HOST`."""
        port = self.address.rpartition(":")[2]
        options = ["--head", f"--port={port}", "--include-dashboard=false"] if head else [f"--address={self.address}"]
        options += [f"--num-cpus={cpus}", "--object-store-memory=80000000", "--node-ip-address=127.0.0.1"]
        options += [f"--temp-dir={self.folder}", f"--ray-client-server-port={free_ports(1)[0]}"] if head else []
        env = environment(self.folder, PACED_HOST=name, **_QUICK, **SEVERAL, **self.auth)
        self._nodes[name] = start_node(self.folder / f"{name}.log", options, env)

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to every process of a node, as if its machine were lost (SIGKILL) or hung (SIGSTOP)."""
        node = psutil.Process(self._nodes[name].pid)
        for process in [node, *node.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@contextmanager
def raylets(head_cpus: int = 1) -> Iterator[Raylets]:
    """Starts a head, and ends it and whatever nodes have been added."""
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    cluster = Raylets(folder, auth, f"127.0.0.1:{free_ports(1)[0]}")
    try:
        cluster.add("head", cpus=head_cpus, head=True)
        yield cluster
    finally:
        for name in list(cluster._nodes):
            with suppress(psutil.NoSuchProcess):
                cluster.signal(name, signal.SIGKILL)
            cluster._nodes[name].wait()
        end_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


def path_for(folder: Path) -> dict[str, str]:
    """Returns the environment in which the trainer that lies in a folder is found, and this package."""
    return {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])}
