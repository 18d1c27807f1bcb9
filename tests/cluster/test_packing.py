"""Trials packed on GPUs of two types, on machines that only say that they have them."""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.command import ROOT, Running, latent_tune, ledger_of, poll, write_study
from tests.cluster.processes import SEVERAL, end_all, environment, free_ports, start_node
from tests.contracts.test_failures import marks
from tests.fakes.studies import quadratic_study
from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.study.sections import Budget

__all__ = ["marks"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT_S = 400.0
GB = 10**9
A100 = {"gpus": 1, "total": 40 * GB, "own": 9 * GB, "busy": 30}
"""Memory has room for three trials, time too."""
L4 = {"gpus": 1, "total": 24 * GB, "own": 9 * GB, "busy": 75}
"""One fills it."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster: where it is, and what a client's environment must hold."""

    address: str
    client: dict[str, str]

    def tune(self, cwd: Path, *arguments: str) -> LedgerReader:
        """Runs a command on it to its end, and returns the study."""
        with Running(cwd, *arguments, "--address", self.address, **self.client) as process:
            poll(lambda: not process.alive, "the study's end", LIMIT_S)
            assert process.wait() == 0, process.said()
        return ledger_of(cwd / "results" / "tiny")


@contextmanager
def node(folder: Path, kind: str, gpu: dict[str, Any], where: list[str], env: dict[str, str]) -> Iterator[None]:
    """One machine with a GPU of a type, until it is left."""
    options = [*where, "--num-cpus=4", "--num-gpus=1", f"--resources={json.dumps({f'accelerator_type:{kind}': 1})}"]
    options += ["--object-store-memory=80000000", "--node-ip-address=127.0.0.1"]
    process = start_node(folder / f"{kind}.log", options, {**env, "FAKE_NVML": json.dumps(gpu)})
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """An A100 and an L4, each in a machine of its own with a fake NVML."""
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
    token, (port, client) = secrets.token_hex(32), free_ports(2)
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    (folder / "home").mkdir()
    path = os.pathsep.join([str(ROOT / "tests" / "fakes" / "nvml"), str(ROOT)])
    env = environment(folder / "home", PYTHONPATH=path, OMP_NUM_THREADS="1", **auth, **SEVERAL)
    address = f"127.0.0.1:{port}"
    head = ["--head", f"--port={port}", f"--ray-client-server-port={client}", f"--temp-dir={folder}"]
    try:
        with (
            node(folder, "A100", A100, [*head, "--include-dashboard=false"], env),
            node(folder, "L4", L4, [f"--address={address}"], env),
        ):
            yield Cluster(address, auth)
    finally:
        end_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


def write(cwd: Path, **changes: Any) -> None:
    """Writes a study of trials of one seed that last a second and a half each."""
    write_study(
        cwd,
        trainer="tests.fakes.trainers:OnGpu",
        fixed={"sleep_s": 0.3},
        seeds=[1],
        rungs=[{"epochs": 5, "seeds": 1}],
        **{"search": {"method": "random", "trials": 10, "seed": 3}, **changes},
    )


def most_at_once(rows: list[dict[str, Any]], busy: int) -> int:
    """The most trials that trained at one moment on the machine that is known by how busy its GPU is."""
    here = [row for row in rows if row["busy"] == busy]
    return max(sum(one["began"] <= row["began"] < one["ended"] for one in here) for row in here)


def packs(ledger: LedgerReader) -> list[str]:
    """What was decided about packing, without the reasons."""
    found = [decision.detail["gpus"] for decision in ledger.decisions if decision.kind == "pack"]
    return [", ".join(f"{kind} {one['trials']}" for kind, one in sorted(gpus.items())) for gpus in found]


def test_each_type_of_gpu_is_measured_and_packed_on_its_own(
    cluster: Cluster, tmp_path: Path, marks: Callable[[int], str]
) -> None:
    """Three trials share the A100, the L4 has one at a time; a study that is continued does not measure again."""
    recording = {"marks": marks(0), "busy": 30}
    write(tmp_path, recording=recording, resources={"gpus_per_trial": "auto", "cpus_per_trial": 0.5})
    ledger = cluster.tune(tmp_path, "run", "study.yaml")
    assert packs(ledger) == ["A100 3, L4 1"]
    rows = ledger.curves().to_pylist()
    assert 1 < most_at_once(rows, 30) <= 3
    assert most_at_once(rows, 75) == 1
    assert all(row["gpu_seconds"] > 0 for row in rows)
    assert sum(trial.confirmed for trial in ledger.trials) == 10
    ledger = cluster.tune(tmp_path, "resume", "results/tiny", "--trials", "12")
    assert packs(ledger) == ["A100 3, L4 1"]
    assert sum(trial.confirmed for trial in ledger.trials) == 12


def test_out_of_memory_has_fewer_trials_share_that_type(
    cluster: Cluster, tmp_path: Path, marks: Callable[[int], str]
) -> None:
    """One fewer on the A100 from then on, the L4 as before; the trial itself is tried again, alone."""
    recording = {"marks": marks(1), "busy": 30}
    write(tmp_path, recording=recording, resources={"gpus_per_trial": "auto", "cpus_per_trial": 0.5})
    ledger = cluster.tune(tmp_path, "run", "study.yaml")
    assert packs(ledger) == ["A100 3, L4 1", "A100 2, L4 1"]
    (attempt,) = [attempt for trial in ledger.trials for attempt in trial.attempts]
    assert attempt.kind == "out_of_memory"
    assert all(trial.confirmed for trial in ledger.trials)


def test_cores_that_no_machine_with_a_gpu_has_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    """At once, where a short run would wait for ever."""
    write(tmp_path, resources={"gpus_per_trial": "auto", "cpus_per_trial": 5})
    said = latent_tune(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.client)
    assert said.code == 2
    assert "one trial asks for 5 CPU, and no single node of the cluster has that: " in said.err


def write_plan(cwd: Path, *kinds: str) -> None:
    """Writes a plan of two settings on each of several accelerators, two epochs of two seeds each."""
    study = {
        "name": "tiny",
        "trainer": "tests.fakes.trainers:OnGpu",
        "recording": {"busy": -1, "marks": ""},
        "fixed": {"sleep_s": 0.3},
        "base": {"x": 0.6, "node.accelerator": kinds[0]},
        "plan": {"matrix": {"node": {"accelerator": [*kinds]}, "grid": {"x": [0.6, 0.8]}}},
        "epochs": 3,
        "seeds": [1, 2],
        "resources": {"gpus_per_trial": 1, "cpus_per_trial": 0.5},
        "storage": {"checkpoints": "every_epoch"},
    }
    (cwd / "study.yaml").write_text(yaml.safe_dump(study))


def test_arms_of_a_plan_train_on_the_accelerators_that_they_name(cluster: Cluster, tmp_path: Path) -> None:
    """Each where it belongs, with a GPU to itself or with none, and after a kill as well; losses are the same."""
    write_plan(tmp_path, "L4", "A100", "cpu")
    with Running(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.client) as process:
        process.until(lambda: any((tmp_path / "results" / "tiny" / "curves").glob("*")), "a first epoch")
        process.kill()
    ledger = cluster.tune(tmp_path, "resume", "results/tiny")
    assert len(ledger.trials) == 6
    assert all(trial.confirmed for trial in ledger.trials)
    rows = ledger.curves().to_pylist()
    on = {trial.number: str(trial.parameters["node.accelerator"]) for trial in ledger.trials}
    busy = {kind: {row["busy"] for row in rows if on[row["trial"]] == kind} for kind in ("A100", "L4", "cpu")}
    assert (busy["A100"], busy["L4"]) == ({30.0}, {75.0})
    assert all(((row["gpu_seconds"] or 0) > 0) == (on[row["trial"]] != "cpu") for row in rows)
    for x in (0.6, 0.8):
        of = [trial.number for trial in ledger.trials if trial.parameters["x"] == x]
        losses = [[row["validation_loss"] for row in rows if row["trial"] == one] for one in of]
        assert losses[0] == losses[1] == losses[2]
    table = latent_tune(tmp_path, "table", "results/tiny", "--rows", "x", "--columns", "node.accelerator")
    assert all(kind in table.out for kind in on.values())


def test_an_accelerator_that_the_cluster_lacks_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """At once, with what there is."""
    write_plan(tmp_path, "H100", "A100")
    said = latent_tune(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.client)
    assert said.code == 2
    assert "node.accelerator: H100: no node of the cluster has that and room for a trial" in said.err
    assert "(A100)" in said.err


@pytest.mark.usefixtures("ray_local")
def test_without_a_gpu_auto_is_none(tmp_path: Path) -> None:
    """The decision says so, trials use cores alone; a budget of GPU-hours, which would never be used, is refused."""
    from tests.contracts.test_drivers import work_on
    from tune.drivers.ray.driver import drive

    study = quadratic_study(search={"trials": 2}, resources={"gpus_per_trial": "auto"})
    ledger = work_on(study, tmp_path / "q", drive)
    (said,) = [decision.reason for decision in ledger.decisions if decision.kind == "pack"]
    assert said == "no GPU in the cluster: trials use none"
    assert (len(ledger.trials), ledger.gpu_seconds) == (2, 0.0)
    never = study.model_copy(update={"budget": Budget(gpu_hours=1)})
    with pytest.raises(UserMistake, match=r"budget.gpu_hours: 1 would never be used, because resources.gpus_per_trial"):
        work_on(never, tmp_path / "never", drive)
