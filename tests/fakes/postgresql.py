"""A PostgreSQL server of one's own: real, private to a folder, and stopped and started at will."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

_HOME = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the programs of each version."""


def programs() -> Path | None:
    """Returns the folder of the newest server's programs, None where there is no server."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(_HOME.glob("*/bin"), key=lambda path: int(path.parent.name))
    return places[-1] if places else None


class Server:
    """Listens on loopback only, with a password that nobody else knows; every commit is on the disk.

    Args:
        folder: Its data; empty, and with parents that everybody may enter.
        bin_folder: The programs.
    """

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self._data, self._bin, self._log = folder / "data", bin_folder, folder / "server.log"
        self._user = _unprivileged()
        self.password = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if self._user is not None:
            os.chown(folder, self._user, -1)
        secret = folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._do(
            "initdb", "--auth=scram-sha-256", "--username=tuner", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"
        )
        secret.unlink()
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = on\n"
                "shared_buffers = '16MB'\nmax_connections = 30\n"
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """Returns the URL of one of its databases."""
        return f"postgresql+psycopg://tuner:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._do("pg_ctl", "start", "-w", "-l", str(self._log))

    def stop(self) -> None:
        """Stops it as a crash does: connections break, and it repairs itself at the next start."""
        self._do("pg_ctl", "stop", "-m", "immediate")

    def restart(self) -> None:
        """Stops and starts it."""
        self._do("pg_ctl", "restart", "-m", "immediate", "-w", "-l", str(self._log))

    def _do(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, "-D", self._data, *arguments],
            user=self._user,
            cwd=self._data.parent,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        log = self._log.read_text() if self._log.exists() else done.stderr
        assert done.returncode == 0, f"{program}: {log}"


def _unprivileged() -> int | None:
    """Returns somebody to be instead of root, whom the server refuses; None when we are not root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return None
