"""cluster.yaml is a file that Ray's own launcher accepts, and no command in it starts an open cluster."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
START = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture
def cluster() -> dict[str, Any]:
    """cluster.yaml as parsed."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return loaded


def test_ray_accepts_it(cluster: dict[str, Any]) -> None:
    """Ray's launcher validates the file and fills it in without complaint, one slot per worker."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(copy.deepcopy(cluster))
    validate_config(prepared)
    assert prepared["provider"]["type"] == "local"
    assert prepared["max_workers"] == len(cluster["provider"]["worker_ips"])


@pytest.mark.parametrize("section", START)
def test_every_ray_command_is_in_token_mode(cluster: dict[str, Any], section: str) -> None:
    """No Ray process is ever started, or stopped, without RAY_AUTH_MODE=token in its environment."""
    commands = cluster[section]
    assert any(" start " in command for command in commands)
    assert all(command.startswith("RAY_AUTH_MODE=token ") for command in commands)


def test_no_default_command_slips_in(cluster: dict[str, Any]) -> None:
    """What Ray fills in adds no start command of its own, which would not be in token mode."""
    from ray.autoscaler._private.util import prepare_config

    prepared = prepare_config(copy.deepcopy(cluster))
    assert {section: prepared[section] for section in START} == {section: cluster[section] for section in START}


def test_the_dashboard_listens_on_loopback(cluster: dict[str, Any]) -> None:
    """The dashboard, which can submit jobs, is reached through SSH or not at all."""
    (start,) = (command for command in cluster["head_start_ray_commands"] if " start " in command)
    assert "--dashboard-host=127.0.0.1" in start.split()
    assert "--dashboard-host" not in " ".join(cluster["worker_start_ray_commands"])


def test_the_token_is_a_file_and_not_in_this_one(cluster: dict[str, Any]) -> None:
    """Every node gets the token as a private file; no token, password or key stands in cluster.yaml."""
    assert "~/.ray/auth_token" in cluster["file_mounts"]
    assert any("chmod 600 ~/.ray/auth_token" in command for command in cluster["setup_commands"])
    assert "RAY_AUTH_TOKEN=" not in (ROOT / "cluster.yaml").read_text()


def test_the_head_knows_its_address_and_how_to_start_workers(cluster: dict[str, Any]) -> None:
    """The head is told its address, and uses the autoscaler that does start workers of a local provider."""
    (start,) = (command for command in cluster["head_start_ray_commands"] if " start " in command)
    assert "--node-ip-address=$RAY_CLOUD_INSTANCE_ID" in start.split()
    assert "RAY_enable_autoscaler_v2=0" in start.split()


def test_it_brings_what_the_nodes_install_from(cluster: dict[str, Any]) -> None:
    """Everything that it copies exists here, and the nodes install the pinned versions."""
    here = [local for local in cluster["file_mounts"].values() if not local.startswith("~")]
    assert {"pyproject.toml", "constraints.txt", "tune", "model", "search_spaces"} <= set(here)
    assert [local for local in here if not (ROOT / local).exists()] == []
    installs = [command for command in cluster["setup_commands"] if "pip install" in command]
    assert installs
    assert all("--constraint" in command for command in installs)
