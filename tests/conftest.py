"""What all tests share. Nothing here imports torch or ray unless a test asks for it."""

import os
import secrets
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.fakes.disk import SmallDisk, mounted
from tests.fakes.object_store import CREDENTIALS, ObjectStore, program
from tests.fakes.postgresql import Server, programs
from tests.fakes.small_ray import SmallRay
from tune.drivers.ray.environment import set_environment

# Before anything imports torch: the machine's cores belong to the tests that run trials side by side.
os.environ["OMP_NUM_THREADS"] = "1"
# Before anything imports ray, which reads it then: loopback only, and a token that nobody else knows.
set_environment(None)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """What a test has said of hostile texts can be sent to whoever collects the reports."""
    return encodable((yield))


def encodable(value: Any) -> Any:
    """A report in which every text can be encoded."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(encodable, value))
    return value


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Simulated recordings go to a folder of this test session, never to the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_TUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def ray_here() -> Iterator[SmallRay]:
    """One small Ray for the whole session."""
    here = SmallRay()
    yield here
    here.end()


@pytest.fixture
def ray_local(ray_here: SmallRay) -> None:
    """A small Ray of which nothing is taken: two slots, loopback only, with a token nobody else knows."""
    ray_here.be_free()


@pytest.fixture
def nvml() -> Iterator[pytest.MonkeyPatch]:
    """A fake NVML takes the place of NVIDIA's; `FAKE_NVML` says what it has (tests/fakes/nvml/pynvml.py)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "fakes" / "nvml"))
        patch.delitem(sys.modules, "pynvml", raising=False)
        yield patch
        sys.modules.pop("pynvml", None)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MiB of its own; the test skips where none may be mounted."""
    with mounted(tmp_path / "disk", 16 * 2**20) as found:
        if found is None:
            pytest.skip("no tmpfs may be mounted here (that takes CAP_SYS_ADMIN)")
        yield found


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """One S3 server for the whole session; the test skips where there is none."""
    if (binary := program()) is None:
        pytest.skip("no S3 server here (looked for moto_server beside this Python and on PATH)")
    with pytest.MonkeyPatch.context() as patch, ObjectStore(binary) as store:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield store


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One PostgreSQL server for the whole session; the test skips where there is none."""
    if (folder := programs()) is None:
        pytest.skip("no PostgreSQL server here (looked for initdb on PATH and in /usr/lib/postgresql)")
    # Not below pytest's own folder, which only its user may enter: the server refuses to be root.
    with TemporaryDirectory(prefix="latent-tune-postgresql-") as place:
        Path(place).chmod(0o755)
        with Server(Path(place), folder) as server:
            yield server


@pytest.fixture
def database_url(postgresql: Server) -> str:
    """URL of an empty database on it."""
    import sqlalchemy

    name = f"d{secrets.token_hex(6)}"
    engine = sqlalchemy.create_engine(postgresql.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgresql.url(name)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; the test skips where there is none."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no Chromium on PATH (looked for {', '.join(BROWSERS)})")
