"""A study folder that an earlier version left in the middle of its work is continued as if nothing had happened.

`tests/golden/made-before.tar.xz` was made by version 0.1.0 at commit 6525889, before the code got its layers: the
folder of a study that was killed with -9 in the middle of a unit, the runs that it had trained by then, and the
decisions that the same version took where nobody killed it.
"""

import json
import tarfile
from pathlib import Path

import pytest

from tests.behaviour.command import Trained, decided, here, ledger_of, status

ARCHIVE = Path(__file__).parents[1] / "golden" / "made-before.tar.xz"
SEEDS_OF_A_UNIT = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The study folder, on a disk of today."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "made-before"


def test_it_is_read(folder: Path) -> None:
    """Status, report and winner are told of it as it lies there."""
    said = status(folder)
    assert said["state"] == "lost"
    assert said["trials"]["waiting"] == 1
    assert here("report", folder).code == 0
    assert (folder / "best.yaml").exists()


def test_it_is_continued(folder: Path, tmp_path: Path) -> None:
    """Every decision is the one of the version that made it, and no epoch is trained again that it had stored."""
    before, log = Trained.read(tmp_path / "trained.log"), tmp_path / "log"
    stored = sum(ledger_of(folder).trained(number)[seed] for number in range(9) for seed in (1, 2, 3, 4))
    assert len(before.lines) - SEEDS_OF_A_UNIT <= stored <= len(before.lines)
    said = here("resume", folder, "--driver", "inline", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    assert [list(one) for one in decided(ledger_of(folder))] == json.loads((tmp_path / "decisions.json").read_text())
    again = [line for line in Trained.read(log).lines if line in before.lines]
    assert len(again) <= len(before.lines) - stored
    assert status(folder)["sessions"] == ["lost", "finished"]
