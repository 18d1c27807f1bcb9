"""A cluster with token authentication refuses whoever has no token, or another one, at each of its doors."""

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.processes import end_all, environment, free_ports, start_node

pytestmark = pytest.mark.cluster

CLIENT_LIMIT_S = 120
PATIENT = {"RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "100"}  # on a busy machine a server takes long to start
# What a client says that is refused; Ray's own client tries again a few times, and keeps the reason to itself.
REFUSED = ("AuthenticationError", "ray client connection timeout")
CLIENT_SERVER_DIED = ("Starting Ray client server failed", "it's a zombie")  # now and then on a busy machine
DOORS = ("address", "client")
PAGES = ("/nodes?view=summary", "/api/cluster_status", "/api/jobs/", "/api/version")
CLIENT = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print("answer", ray.get(ray.remote(lambda: 6 * 7).remote()), flush=True)
"""


@dataclass(frozen=True)
class Head:
    """A running head node: its doors, the token it asks for, and a home without a token file.

    The doors are the port of the cluster itself (`address`), that of Ray's client and that of the dashboard.
    """

    address: str
    client: str
    dashboard: str
    token: str
    home: Path

    def connect(self, door: str | None = None, **auth: str) -> subprocess.CompletedProcess[str]:
        """Run one task as a separate process that has only the given authentication variables."""
        return subprocess.run(
            [sys.executable, "-c", CLIENT, door or self.address],
            env=environment(self.home, **auth),
            capture_output=True,
            text=True,
            timeout=CLIENT_LIMIT_S,
            check=False,
        )

    def ask(self, path: str, token: str | None, body: object = None) -> int:
        """Returns the HTTP status with which the dashboard answers; a body is sent as JSON, by POST."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.dashboard}{path}", data, headers)  # noqa: S310 - a URL of ours
        try:
            with urllib.request.urlopen(request, timeout=CLIENT_LIMIT_S) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """One small head node on loopback, in token mode, with ports and a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
    home = folder / "home"
    home.mkdir()
    port, client_port, dashboard_port = free_ports(3)
    token = secrets.token_hex(32)
    options = ["--head", f"--port={port}", f"--ray-client-server-port={client_port}", f"--temp-dir={folder}"]
    options += ["--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard_port}"]
    options += ["--num-cpus=1", "--object-store-memory=100000000"]
    try:
        start_node(
            folder / "start.log", options, environment(home, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token, **PATIENT)
        )
        yield Head(
            *(f"127.0.0.1:{port}", f"ray://127.0.0.1:{client_port}", f"http://127.0.0.1:{dashboard_port}"),
            token,
            home,
        )
    finally:
        end_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("door", DOORS)
def test_the_right_token_is_let_in(head: Head, door: str) -> None:
    """Whoever has the cluster's token runs tasks on it."""
    result = head.connect(getattr(head, door), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=head.token)
    for _ in range(5):
        if not any(said in result.stderr for said in CLIENT_SERVER_DIED):
            break
        result = head.connect(getattr(head, door), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=head.token)
    assert "answer 42" in result.stdout, result.stderr


def test_the_right_token_is_let_in_from_a_file(head: Head, tmp_path: Path) -> None:
    """The token may come from a file, as cluster.yaml hands it out."""
    file = tmp_path / "auth_token"
    file.write_text(head.token)
    result = head.connect(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(file))
    assert "answer 42" in result.stdout, result.stderr


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "auth",
    [
        pytest.param({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}, id="wrong token"),
        pytest.param({"RAY_AUTH_MODE": "token"}, id="token mode, no token"),
        pytest.param({"RAY_AUTH_MODE": "disabled"}, id="authentication off"),
        pytest.param({}, id="nothing set"),
    ],
)
def test_others_are_refused(head: Head, auth: dict[str, str], door: str) -> None:
    """Without the token nothing runs at a door at which it does run with it."""
    result = head.connect(getattr(head, door), **auth)
    assert result.returncode != 0
    assert "answer" not in result.stdout
    assert any(said in result.stderr for said in REFUSED[: 2 if door == "client" else 1]), result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_dashboard_shows_nothing_without_the_token(head: Head, page: str) -> None:
    """With none, or another one, its pages are refused; with the right one they are there."""
    assert [head.ask(page, token) for token in (None, "0" * 64, head.token)] == [401, 403, 200]


def test_no_job_is_submitted_without_the_token(head: Head, tmp_path: Path) -> None:
    """A job is any command: with no token, or another one, it never starts; with the right one it does."""
    for name, token, status in (("none", None, 401), ("wrong", "0" * 64, 403), ("right", head.token, 200)):
        assert head.ask("/api/jobs/", token, {"entrypoint": f"touch {tmp_path / name}"}) == status
    deadline = time.monotonic() + CLIENT_LIMIT_S
    while not (tmp_path / "right").exists():
        assert time.monotonic() < deadline, "the job that may run did not"
        time.sleep(0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


def test_it_listens_on_loopback_only(head: Head) -> None:
    """Nothing outside this machine can even try: the head's port is open on 127.0.0.1 and nowhere else."""
    port = f"{int(head.address.split(':')[1]):04X}"
    listening = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in table.read_text().splitlines()[1:]:
            _, local, _, state, *_ = row.split()
            host, _, its_port = local.partition(":")
            if its_port == port and state == "0A":  # 0A is LISTEN
                listening.append(host)
    assert listening
    assert all(host.endswith("0100007F") for host in listening), listening
