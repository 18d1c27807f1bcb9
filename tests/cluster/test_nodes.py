"""Nodes that are lost, that join, that are slow and that hang, while a study runs on them."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import Running, latent_tune, ledger_of, poll, status, write_study
from tests.cluster.raylets import Raylets, raylets

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raylets]:
    """A head with one slot; the tests add nodes, and leave it with none."""
    with raylets() as found:
        yield found


def write_paced(cwd: Path, **changes: Any) -> None:
    """A study of four trials of 20 epochs, a second each until `brake` is removed, and no failure is forgiven."""
    shutil.copy(FAKES / "paced.py", cwd)
    (cwd / "brake").touch()
    recording = {"log": str(cwd / "epochs.log"), "brake": str(cwd / "brake"), **changes.pop("recording", {})}
    settings: dict[str, Any] = {
        "trainer": "paced:Paced",
        "recording": recording,
        "fixed": {"sleep_s": 1.0},
        "search": {"method": "random", "trials": 4, "seed": 3},
        "seeds": [1],
        "rungs": [{"epochs": 20, "seeds": 1}],
        "resources": {"retries": 0},
        "storage": {"checkpoints": "every_epoch"},
    }
    write_study(cwd, **{**settings, **changes})


def trained(cwd: Path) -> Counter[str]:
    """How many epochs each node has trained."""
    log = cwd / "epochs.log"
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def assert_nothing_was_lost(cwd: Path, trials: int) -> dict[str, Any]:
    """The study is done, no trial failed, and no epoch was trained again; returns its status."""
    said = status(cwd / "results" / "tiny")
    assert (said["state"], said["trials"]["failed"], said["seed_epochs_redone"]) == ("finished", 0, 0)
    assert said["trials"]["confirmed"] == trials
    assert said["driver"] is None  # it is removed in the end
    return said


def test_a_node_joins_and_another_is_lost(cluster: Raylets, tmp_path: Path) -> None:
    """What joins in mid-study is used; what trains on a node that is killed goes on elsewhere, and is no failure."""
    write_paced(tmp_path)
    with Running(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.auth) as run:
        run.until(lambda: trained(tmp_path)["head"] >= 1, "the head trains")
        cluster.add("second", cpus=1)
        run.until(lambda: trained(tmp_path)["second"] >= 3, "the node that has joined trains")
        run.until(lambda: (status(tmp_path / "results" / "tiny")["driver"] or {}).get("slots") == 2, "two slots")
        cluster.signal("second", signal.SIGKILL)
        (tmp_path / "brake").unlink()
        assert run.wait() == 0, run.said()
    said = assert_nothing_was_lost(tmp_path, 4)
    assert said["failure_classes"]["lost"] == {"attempts": 1, "trials": 1}


def test_a_hung_node_is_given_up(cluster: Raylets, tmp_path: Path) -> None:
    """A node whose processes all stand still is noticed by Ray; its trial goes on elsewhere from its checkpoint."""
    write_paced(tmp_path, search={"method": "random", "trials": 2, "seed": 3})
    cluster.add("hung", cpus=1)
    with Running(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.auth) as run:
        run.until(lambda: trained(tmp_path)["hung"] >= 2, "the node trains")
        cluster.signal("hung", signal.SIGSTOP)
        (tmp_path / "brake").unlink()
        assert run.wait() == 0, run.said()
    cluster.signal("hung", signal.SIGKILL)
    said = assert_nothing_was_lost(tmp_path, 2)
    assert said["failure_classes"]["lost"] == {"attempts": 1, "trials": 1}


def test_a_trial_leaves_a_slow_node_for_an_idle_one(cluster: Raylets, tmp_path: Path) -> None:
    """Once nothing else is to be done elsewhere, it is saved, moved and ended there, without an epoch trained twice."""
    write_paced(
        tmp_path,
        recording={"slow_host": "slow"},
        search={"method": "random", "trials": 5, "seed": 3},
        rungs=[{"epochs": 60, "seeds": 1}],
        fixed={"sleep_s": 0.1},
    )
    cluster.add("slow", cpus=1)
    with Running(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.auth) as run:
        poll(lambda: not run.alive, "the end of the study", 200)
        assert run.wait() == 0, run.said()
    cluster.signal("slow", signal.SIGKILL)
    assert_nothing_was_lost(tmp_path, 5)
    assert (
        "is moved to another node, where a slot is idle"
        in (tmp_path / "results" / "tiny" / "latent-tune.log").read_text()
    )
    assert 0 < trained(tmp_path)["slow"] < 60
    assert [trial.attempts for trial in ledger_of(tmp_path / "results" / "tiny").trials] == [[]] * 5
    assert max(Counter((tmp_path / "epochs.log").read_text().partition(" ")[2].splitlines()).values()) == 1


def test_what_fits_on_no_node_is_refused_at_the_start(cluster: Raylets, tmp_path: Path) -> None:
    """Nothing is written, and the message says what each node has."""
    write_paced(tmp_path, resources={"cpus_per_trial": 2})
    said = latent_tune(tmp_path, "run", "study.yaml", "--address", cluster.address, **cluster.auth)
    assert said.code == 2
    assert "one trial asks for 2 CPU, and no single node of the cluster has that: " in said.err
    assert " 1 CPU, 0 GPU; lower resources.cpus_per_trial" in said.err
    assert not (tmp_path / "results").exists()


def test_the_address_of_rays_client_is_refused(tmp_path: Path) -> None:
    """It would run the search away from the study's folder; the message says what to do."""
    write_paced(tmp_path)
    said = latent_tune(tmp_path, "run", "study.yaml", "--address", "ray://127.0.0.1:10001")
    assert said.code == 2
    assert "ray job submit" in said.last_line
