"""A real MLflow server on 127.0.0.1, with a database of its own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

_DEADLINE_S = 120.0


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class MLflowServer:
    """Runs from `with` to its end.

    Args:
        folder: Where its database and log lie.
        port: On which it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.url, self._folder, self._port = f"http://127.0.0.1:{port}", folder, port

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        log = self._folder / "server.log"
        store = ("--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}")
        artifacts = ("--default-artifact-root", str(self._folder / "artifacts"))
        where = ("--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *store, *artifacts, *where],
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + _DEADLINE_S
        while not self._answers():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *error: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
