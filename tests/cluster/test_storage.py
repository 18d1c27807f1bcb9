"""Two nodes that do not see the same files, for real: the second lives in a mount namespace of its own."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.behaviour.command import ROOT, Running, Said, ledger_of, poll, text_of, write_study
from tests.cluster.processes import SEVERAL, end_all, environment, free_ports, start_node
from tests.fakes.object_store import CREDENTIALS, ObjectStore

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

RUN_S = 200.0
FIXED = {"sleep_s": 0.3}


@dataclass(frozen=True)
class Nodes:
    """A cluster of two nodes.

    Attributes:
        address: Of the head.
        token: That it asks for.
        shared: A folder that both see as it is.
        private: A folder of which the second sees another one, with `here/`, and `other.npy` but not `gone.npy`.
    """

    address: str
    token: str
    shared: Path
    private: Path

    def run(self, cwd: Path, results: Path, **changes: Any) -> Said:
        """Runs a study of six trials that reads a recording."""
        cwd.mkdir()
        said = cwd / "said"
        said.mkdir()
        recording = {"path": str(self.shared / "same.npy"), "said": str(said), **changes.pop("recording", {})}
        write_study(
            cwd, trainer="tests.fakes.trainers:Voltages", recording=recording, fixed={"sleep_s": 0.3}, **changes
        )
        given = ("run", "study.yaml", "--results", str(results), "--address", self.address)
        with Running(cwd, *given, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=self.token) as process:
            poll(lambda: not process.alive, "its end", RUN_S)
        return Said(process.wait(), text_of(process.out), text_of(process.err))


def said_in(cwd: Path) -> list[dict[str, Any]]:
    """What the trainers said of their recordings."""
    return [json.loads(path.read_text()) for path in (cwd / "said").iterdir()]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two nodes of one slot each; the test skips where no mount namespace can be made."""
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.getuid() != 0 or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here (that takes root)")
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
    shared, private, token = folder / "shared", folder / "private", secrets.token_hex(32)
    (private / "here").mkdir(parents=True)
    shared.mkdir()
    for path, value in ((shared / "same.npy", 1.0), (private / "gone.npy", 2.0), (private / "other.npy", 3.0)):
        np.save(path, np.full((1000, 100), value, np.float32))
    port, client = free_ports(2)
    slot = ["--num-cpus=1", "--object-store-memory=100000000", "--node-ip-address=127.0.0.1"]
    head = ["--head", f"--port={port}", f"--ray-client-server-port={client}", f"--temp-dir={folder}/ray"]
    other = f"mount -t tmpfs none {private} && mkdir {private}/here && cp {shared}/same.npy {private}/other.npy"
    elsewhere = [*unshare, "sh", "-c", f'{other} && exec "$@"', f"{folder}/second"]
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    env = environment(folder, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT), **auth, **SEVERAL, **CREDENTIALS)
    first, second = ({**env, "STORAGE_TEST_NODE": name} for name in ("first", "second"))
    try:
        start_node(folder / "head.log", [*head, *slot, "--include-dashboard=false"], first)
        start_node(folder / "second.log", [f"--address=127.0.0.1:{port}", *slot], second, elsewhere)
        yield Nodes(f"127.0.0.1:{port}", token, shared, private)
    finally:
        end_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("results", "why"),
    [("results", "it sees another folder of that name"), ("here/results", "it sees another folder of that name")],
)
def test_a_node_that_sees_another_folder_is_named(nodes: Nodes, tmp_path: Path, results: str, why: str) -> None:
    """Before anything is written: its address, its host name, why, and what to do."""
    said = nodes.run(tmp_path / "a", nodes.private / results)
    assert said.code == 2, said.err
    assert "1 of 2 nodes cannot use" in said.err
    assert f" ({os.uname().nodename}): {why}" in said.err
    assert "storage.shared" in said.err
    assert not (nodes.private / results).exists()
    assert not list(nodes.private.rglob(".probe*"))


def test_a_node_with_another_recording_is_named(nodes: Nodes, tmp_path: Path) -> None:
    """A file of the name that the study gives and other content is never trained on."""
    said = nodes.run(tmp_path / "a", nodes.shared / "a", recording={"path": str(nodes.private / "other.npy")})
    assert said.code == 2, said.err
    assert f"its {nodes.private}/other.npy is not the one that the driver has" in said.err
    assert not (nodes.shared / "a").exists()


@pytest.mark.parametrize(("file", "how"), [("shared/same.npy", "mapped"), ("private/gone.npy", "sent")])
def test_the_recording_reaches_every_node(nodes: Nodes, tmp_path: Path, file: str, how: str) -> None:
    """A node that has the file maps it, the other is sent it; both train on the same numbers."""
    path = nodes.shared.parent / file
    said = nodes.run(tmp_path / "a", nodes.shared / how, recording={"path": str(path)})
    assert said.code == 0, said.err
    found = {(one["node"], one["how"], one["sum"]) for one in said_in(tmp_path / "a")}
    total = float(np.load(path).sum())
    assert found == {("first", "mapped", total), ("second", how, total)}


def test_nodes_that_share_no_folder_share_an_object_store(
    nodes: Nodes, tmp_path: Path, object_store: ObjectStore
) -> None:
    """The second node never sees the study folder; its checkpoints lie in the store, and no trial dies of it."""
    bucket = object_store.bucket()
    said = nodes.run(tmp_path / "a", nodes.private / "s3", storage={"shared": object_store.uri(bucket)})
    assert said.code == 0, said.err
    assert {one["node"] for one in said_in(tmp_path / "a")} == {"first", "second"}
    ledger = ledger_of(nodes.private / "s3" / "tiny")
    died = [Path(attempt.log).read_text() for trial in ledger.trials for attempt in trial.attempts]
    assert not died, "\n".join(died)
    names = object_store.names(f"{bucket}/tiny")
    assert {"study.yaml", "study.db", "copy.json", "checkpoints/study.token"} <= set(names)
    assert any(name.startswith("checkpoints/") and name.endswith(".pt") for name in names)
