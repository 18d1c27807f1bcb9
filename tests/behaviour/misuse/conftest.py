"""What the tests of misuse share."""

import sys
from pathlib import Path

import pytest

from tests.behaviour.command import here, write_study


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study."""
    cwd = tmp_path_factory.mktemp("finished")
    write_study(cwd, fixed={})
    assert here("run", "study.yaml", "--driver", "inline", cwd=cwd).code == 0
    return cwd / "results" / "tiny"
