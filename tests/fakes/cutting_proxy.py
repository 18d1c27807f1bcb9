"""A network that breaks at the worst moment: after a server has committed, before it could say so."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Stands before a PostgreSQL server on loopback and passes everything on, until it is told to cut.

    Args:
        port: The server's.

    Attributes:
        port: Its own.
        cuts: How many connections it has cut.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._armed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    @contextmanager
    def cut_after_commit(self) -> Iterator[None]:
        """Cuts the connection of the next commit once the server has done it, unheard; fails if none comes."""
        before = self.cuts
        self._armed.set()
        yield
        assert self.cuts == before + 1, "nothing was committed"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                cut = threading.Event()
                for source, target, asks in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, cut, asks), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, cut: threading.Event, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asks and b"COMMIT" in data and self._armed.is_set():
                    self._armed.clear()
                    cut.set()
                elif not asks and cut.is_set():  # the server's answer to the commit, which nobody hears
                    self.cuts += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
