"""Servers that the tests of pages start, each on loopback and a port of its own."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 90.0


@contextmanager
def serving(command: Sequence[str], log: Path, path: str, wanted: bytes) -> Iterator[str]:
    """Runs a server until it is left.

    Args:
        command: With PORT in the place of its port.
        log: Where to write what it says.
        path: What to ask it for.
        wanted: What is in the answer once it is ready.

    Yields:
        Its address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with log.open("w") as said:
        server = subprocess.Popen([port if word == "PORT" else word for word in command], stdout=said, stderr=said)
    try:
        _wait_for(f"http://127.0.0.1:{port}{path}", wanted, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(url: str, wanted: bytes, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                if wanted in answer.read():
                    return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    pytest.fail(f"{url} did not answer in time")
