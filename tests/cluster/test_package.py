"""A study's code reaches nodes that have neither latent-tune nor the folder from which the study was started."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.behaviour.command import ROOT, latent_tune, poll, status, text_of, write_study
from tune.drivers.ray.environment import runtime_env

pytestmark = pytest.mark.cluster

TRAINER = """
# Keeps the contract of a trainer; imports what lies beside it, and says where it runs.

from pathlib import Path

from kept.settings import loss


class Beside:
    def __init__(self, config, recording, seeds, state=None):
        self.seeds, self.x = list(seeds), config["x"]
        Path(recording["place"]).write_text(__file__)

    def train(self, epochs):
        for _ in range(epochs):
            yield {"validation_loss": [loss(self.x) for _ in self.seeds]}

    def state(self):
        return {seed: {} for seed in self.seeds}

    def baseline(self):
        return {"validation_loss": 1.0}

    def close(self):
        pass
"""
SETTINGS = """
import json
from pathlib import Path

FLOOR = json.loads(Path(__file__).with_name("floor.json").read_text())


def loss(x):
    return FLOOR + (x - 0.3) ** 2
"""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster of one node, and where its processes look in vain: the folder `hidden` is empty to them."""

    address: str
    hidden: Path
    results: Path


def bare_python(folder: Path) -> Path:
    """Makes an environment with this one's libraries, but without latent-tune, and returns its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # Their .pth files, through which latent-tune is found where it is installed for editing, do not count there.
    (site / "libraries.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")) + "\n")
    return folder / "bin" / "python"


def without(places: list[Path], *command: str | Path) -> list[str]:
    """The command line that runs a command for which some folders are empty."""
    hide = 'while [ "$1" != -- ]; do mount -t tmpfs none "$1" || exit 99; shift; done; shift; exec "$@"'
    parts = ["unshare", "--mount", "--propagation=private", "sh", "-c", hide, "sh", *places, "--", *command]
    return [str(part) for part in parts]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Started elsewhere, by an interpreter without latent-tune; the test skips where nothing can be hidden."""
    with TemporaryDirectory(prefix="lt-", dir="/tmp") as name:
        folder = Path(name)
        hidden, scratch = folder / "work", folder / "ray"
        hidden.mkdir()
        python = bare_python(folder / "venv")
        places = [hidden, *(ROOT / part for part in ("tune", "model", "tests"))]
        tried = subprocess.run(
            without(places, python, "-c", "import tune.cli"), cwd=folder, capture_output=True, text=True, check=False
        )
        if tried.returncode != 1:
            pytest.skip(f"no folder can be hidden from a process here (that takes CAP_SYS_ADMIN): {tried.stderr}")
        assert "ModuleNotFoundError" in tried.stderr
        command = without(
            places, python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0", "--num-cpus=2",
            f"--temp-dir={scratch}", "--include-dashboard=false", "--disable-usage-stats",
            "--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0",
            "--dashboard-agent-listen-port=0", "--object-store-memory=100000000",
        )  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        log = folder / "start.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        try:
            found = scratch / "ray_current_cluster"
            poll(lambda: bool(text_of(found)) or process.poll() is not None, "Ray", 120)
            assert process.poll() is None, text_of(log)
            yield Cluster(text_of(found), hidden, folder / "results")
        finally:
            process.terminate()
            process.wait(60)


def test_a_study_runs_on_nodes_that_have_nothing_of_it(cluster: Cluster) -> None:
    """The trainer, what it imports and reads beside itself, and latent-tune come from where the study is started."""
    (cluster.hidden / "beside.py").write_text(TRAINER)
    (cluster.hidden / "kept").mkdir()
    (cluster.hidden / "kept" / "settings.py").write_text(SETTINGS)
    (cluster.hidden / "kept" / "floor.json").write_text("0.1")
    (cluster.hidden / "recording.npy").write_bytes(bytes(10**6))
    place = cluster.hidden.parent / "place"
    write_study(cluster.hidden, trainer="beside:Beside", fixed={}, recording={"place": str(place)})
    said = latent_tune(
        cluster.hidden, "run", "study.yaml", "--address", cluster.address, "--results", str(cluster.results)
    )
    assert said.code == 0, said.err
    now = status(cluster.results / "tiny")
    assert (now["state"], now["failures"]) == ("finished", {})
    assert "packaging.py" not in said.out + said.err
    unpacked = Path(text_of(place)).parent
    assert unpacked != cluster.hidden
    came = {path.name for path in unpacked.iterdir()} - {"__pycache__"}  # which importing it there may leave
    assert came == {"beside.py", "kept", "study.yaml"}


def test_code_that_is_too_large_is_refused(cluster: Cluster) -> None:
    """A working directory that Ray cannot take is the user's mistake, told with what to do."""
    (cluster.hidden / "large.json").write_bytes(os.urandom(2 * 10**6))
    write_study(cluster.hidden, trainer="beside:Beside")
    said = latent_tune(
        cluster.hidden, "run", "study.yaml", "--address", cluster.address, "--results", str(cluster.results / "2"),
        RAY_max_grpc_message_size="1000000",
    )  # fmt: skip
    assert said.code == 2, said.err
    assert f"--address: the code below {cluster.hidden} cannot be sent to the cluster" in said.err
    assert "Traceback" not in said.err
    (cluster.hidden / "large.json").unlink()


def test_packages_beside_the_working_directory_come_along(tmp_path: Path) -> None:
    """Elsewhere than in the repository, latent-tune and the trainer's package are sent by themselves."""
    made = runtime_env(["model.trainer"], tmp_path)
    assert made["working_dir"] == str(tmp_path)
    assert made["py_modules"] == [str(ROOT / "model"), str(ROOT / "tune")]
    assert "py_modules" not in runtime_env(["model.trainer"], ROOT)


def test_environments_stay_here(tmp_path: Path) -> None:
    """A virtual environment by whatever name is not sent."""
    (tmp_path / "my-env").mkdir()
    (tmp_path / "my-env" / "pyvenv.cfg").touch()
    assert "/my-env/" in runtime_env(["json"], tmp_path)["excludes"]


def test_what_ray_job_submit_has_sent_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray refuses a second working directory; the packages that are not in the first still come along."""
    submitted = {"runtime_env": {"working_dir": "gcs://_ray_pkg_0.zip"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(submitted))
    assert runtime_env(["model.trainer"], tmp_path) == {"py_modules": [str(ROOT / "model"), str(ROOT / "tune")]}
    submitted["runtime_env"]["py_modules"] = "gcs://_ray_pkg_1.zip"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(submitted))
    assert runtime_env(["model.trainer"], tmp_path) == {}
