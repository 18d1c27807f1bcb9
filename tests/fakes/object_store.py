"""A real S3 server in a process of its own (moto's), behind a network that can be cut."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from pyarrow.fs import FileSelector, FileSystem

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_EC2_METADATA_DISABLED": "true"}
START_S = 60.0


def program() -> str | None:
    """The server's program, beside this Python or on PATH, that runs; None where there is none."""
    for path in (str(Path(sys.executable).parent), None):
        found = shutil.which("moto_server", path=path)
        if found and not subprocess.run([found, "--help"], capture_output=True, check=False).returncode:
            return found
    return None


class ObjectStore:
    """One server on loopback; leaving it ends it.

    Args:
        binary: Its program.
        extra: Added to its environment.
    """

    def __init__(self, binary: str, **extra: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._behind = free.getsockname()[1]
        command = [binary, "--host", "127.0.0.1", "--port", str(self._behind)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin", **extra}, **quiet)
        self._network = _Network(self._behind)
        self._numbers = count()

    def __enter__(self) -> Self:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._behind)).close()
                return self
            assert self._process.poll() is None, "moto_server ended at once"
            time.sleep(0.05)
        raise AssertionError("moto_server does not listen")

    def __exit__(self, *error: object) -> None:
        self._network.close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def uri(self, path: str) -> str:
        """Returns the URI of a bucket, or of what lies in it."""
        return f"s3://{path}?endpoint_override=127.0.0.1:{self._network.port}&scheme=http"

    def bucket(self) -> str:
        """Makes a bucket and returns its name."""
        name = f"bucket-{next(self._numbers)}"
        system, _ = FileSystem.from_uri(f"{self.uri(name)}&allow_bucket_creation=true")
        system.create_dir(name)
        return name

    def names(self, path: str) -> dict[str, int]:
        """Returns bytes by name of everything below a path."""
        system, root = FileSystem.from_uri(self.uri(path))
        found = system.get_file_info(FileSelector(root, recursive=True, allow_not_found=True))
        return {one.path[len(root) + 1 :]: one.size for one in found if one.is_file}

    def put(self, path: str, content: bytes) -> None:
        """Puts an object."""
        system, root = FileSystem.from_uri(self.uri(path))
        with system.open_output_stream(root) as stream:
            stream.write(content)

    def get(self, path: str) -> bytes:
        """Gets an object."""
        system, root = FileSystem.from_uri(self.uri(path))
        with system.open_input_stream(root) as stream:
            content: bytes = stream.read()
            return content

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody reaches it meanwhile: connections break, and new ones are refused."""
        self._network.cut()
        try:
            yield
        finally:
            self._network.mend()


class _Network:
    """Passes connections on to a server, or refuses them."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._lock, self._open = threading.Lock(), set[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start()

    def cut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def close(self) -> None:
        with suppress(OSError):
            self.cut()

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                with self._lock:
                    self._open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
