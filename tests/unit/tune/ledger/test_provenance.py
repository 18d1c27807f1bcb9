"""What is remembered of the place where a process ran."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tune.ledger.provenance import commit, gpus


def test_commit_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in full, with a mark where files differ from it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("1")
    as_someone = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "a"), (*as_someone, "commit", "-qm", "a")):
        subprocess.run(("git", *command), check=True)
    clean = commit()
    assert clean is not None
    assert re.fullmatch(r"[0-9a-f]{40}", clean)
    (tmp_path / "a").write_text("2")
    assert commit() == f"{clean}-dirty"


def test_no_commit_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a repository, and where git is not installed, nothing is told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None


def test_gpus_are_named_with_their_memory(nvml: pytest.MonkeyPatch) -> None:
    """Each is `name, so many MiB`, whether or not this process may use it; none where NVML does not answer."""
    nvml.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == []
    nvml.setenv("FAKE_NVML", json.dumps({"gpus": 2, "total": 80 * 2**30, "own": 0, "busy": 0}))
    assert gpus() == ["Fake GPU, 81920 MiB"] * 2
