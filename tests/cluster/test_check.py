"""A check of a study that is going to run on a cluster: on a node of each type."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import latent_tune, write_study
from tests.cluster.raylets import Raylets, raylets

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TRAIN = """
import os


def train(config, seed, epochs):
    assert os.environ["PACED_HOST"] != config["refuses"], "no weights on this node"
    for epoch in range(epochs):
        yield {"validation_loss": 0.8**epoch + 0.01 * seed}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raylets]:
    """A head with one core, and a node with two."""
    with raylets() as found:
        found.add("second", cpus=2)
        yield found


def write(cwd: Path, refuses: str) -> None:
    (cwd / "mine.py").write_text(TRAIN)
    changes: dict[str, Any] = {"function": "mine:train", "fixed": {"refuses": refuses}, "score": {"baseline": 2.0}}
    write_study(cwd, **changes, rungs=[{"epochs": 4, "seeds": 2}])
    text = (cwd / "study.yaml").read_text()
    (cwd / "study.yaml").write_text("".join(line for line in text.splitlines(True) if not line.startswith("trainer")))


def checked(cluster: Raylets, cwd: Path) -> tuple[int, dict[str, dict[str, str]]]:
    said = latent_tune(cwd, "check", "study.yaml", "--json", "--address", cluster.address, **cluster.auth)
    assert said.code in (0, 3), said.err
    return said.code, {item["name"]: item for item in json.loads(said.out)["items"]}


def test_the_middle_is_trained_on_each_type_of_node(cluster: Raylets, tmp_path: Path) -> None:
    """A sound study goes, and which types of node were seen is said; nothing is left in its folder but the check."""
    write(tmp_path, "nowhere")
    code, items = checked(cluster, tmp_path)
    assert (code, items["continues"]["verdict"]) == (0, "go")
    assert "on nodes with 1 CPU and 2 CPU" in items["imports"]["measured"]
    assert [path.name for path in (tmp_path / "results/tiny").iterdir()] == ["check.json"]


def test_what_a_node_lacks_is_no_go(cluster: Raylets, tmp_path: Path) -> None:
    """A training that dies on one type of node alone is named with the node and the cause."""
    write(tmp_path, "second")
    code, items = checked(cluster, tmp_path)
    assert (code, items["imports"]["verdict"]) == (3, "no-go")
    assert "on a node with 2 CPU" in items["imports"]["measured"]
    assert "no weights on this node" in items["imports"]["measured"]
