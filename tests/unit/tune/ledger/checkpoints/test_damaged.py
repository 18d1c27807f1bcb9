"""Damaged checkpoints are noticed before they are loaded, set aside, told, and trained again."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch

from tests.fakes.damage import cut, flip, garble, notes
from tests.fakes.ledgers import killed, opened, start, train
from tune.errors import DamagedCheckpoint
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.storage.damaged import set_aside
from tune.ledger.storage.folders import LocalFolder


def checkpoint_of(folder: Path, trial: int, seed: int, epoch: int) -> Path:
    return folder / "checkpoints" / str(trial) / f"seed-{seed}-epoch-{epoch:06d}.pt"


def test_no_flipped_bit_is_ever_loaded(tmp_path: Path) -> None:
    """Whatever bit of a checkpoint flips, it is refused or it is what was written."""
    store, state = CheckpointStore(LocalFolder(tmp_path)), {"weights": torch.arange(200.0), "epoch": 4}
    store.save(0, 4, {1: state})
    file = tmp_path / "0" / "seed-1-epoch-000004.pt"
    whole, draw, refused = file.read_bytes(), Random(0), 0  # noqa: S311
    for _ in range(400):
        bad = bytearray(whole)
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
        file.write_bytes(bad)
        try:
            (loaded,) = store.load(0, 4, [1]).values()
        except DamagedCheckpoint:
            refused += 1
            continue
        assert loaded["epoch"] == 4
        assert torch.equal(loaded["weights"], state["weights"])
    assert refused > 200


@pytest.mark.parametrize("harm", [flip, cut, garble, Path.unlink])
def test_a_trial_goes_on_from_an_older_checkpoint(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """The newest checkpoint is damaged: the one before counts, and the file is kept beside with a note."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 5), save=False)
    for epoch in (2, 4):
        ledger.checkpoints.save(trial, epoch, {1: {"epoch": epoch}, 2: {"epoch": epoch}})
    killed(ledger)
    harm(checkpoint_of(tmp_path / "q", trial, 1, 4))
    with notes() as said:
        again = opened(tmp_path / "q")
        assert again.done(trial) == {1: 2, 2: 4}
    aside = [path.name for path in (tmp_path / "q").glob("damaged/*")]
    assert aside == ([] if harm is Path.unlink else ["checkpoints-0-seed-1-epoch-000004.pt.1"])
    assert [line for line in said if "cannot be used" in line and aside[0] in line] or not aside


def test_a_checkpoint_that_goes_bad_is_found_again(tmp_path: Path) -> None:
    """What was known to be there is looked at again when it is asked for, and a whole one is not set aside."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    assert not ledger.recheck(trial, (1, 2), 2)
    flip(checkpoint_of(tmp_path / "q", trial, 2, 2))
    assert ledger.done(trial) == {1: 2, 2: 2}
    assert ledger.recheck(trial, (1, 2), 2)
    assert ledger.done(trial) == {1: 2}
    ledger.close("interrupted")


@pytest.mark.parametrize("beside", [b'{"trainer": "other", "configuration": {}}', b"{", b"[" * 100_000, b"\xff"])
def test_checkpoints_of_another_configuration_are_not_adopted(tmp_path: Path, beside: bytes) -> None:
    """A number alone does not say whose checkpoints they are; what the trial trains lies beside them."""
    ledger = opened(tmp_path / "q", fixed={"sleep_s": 0})
    trial = start(ledger)
    assert ledger.done(trial) == {}
    train(ledger, trial, range(1, 3))
    file = tmp_path / "q" / "checkpoints" / "0" / "configuration.json"
    assert json.loads(file.read_text()) == {
        "trainer": "tests.fakes.trainers:Quadratic",
        "configuration": {"x": 0.5, "fragile": False, "sleep_s": 0},
    }
    ledger.close("interrupted")
    file.write_bytes(beside)
    again = opened(tmp_path / "q", fixed={"sleep_s": 0})
    assert again.done(trial) == {}
    assert (tmp_path / "q" / "damaged" / "checkpoints-0.1" / "seed-1-epoch-000002.pt").is_file()
    assert json.loads(file.read_text())["configuration"]["x"] == 0.5
    again.close("interrupted")


def test_two_damaged_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """What is set aside never takes the place of what was set aside before."""
    for content in ("a", "b"):
        (tmp_path / "file").write_text(content)
        set_aside(tmp_path, tmp_path / "file", "is wrong")
    assert [(tmp_path / "damaged" / f"file.{n}").read_text() for n in (1, 2)] == ["a", "b"]


def test_orphans_are_collected(tmp_path: Path) -> None:
    """Half-written files of dead processes go, those of living ones stay; checkpoints of no trial are set aside."""
    opened(tmp_path / "q").close("interrupted")
    folder = tmp_path / "q"
    CheckpointStore(LocalFolder(folder / "checkpoints")).save(7, 1, {1: {}})
    dead = [folder / ".study.yaml.4194300.tmp", folder / "checkpoints" / "7" / ".seed-1-epoch-000002.pt.4194300.tmp"]
    alive = folder / "curves" / ".000001.parquet.1.tmp"
    for path in (*dead, alive):
        path.write_bytes(b"half")
    with notes() as said:
        opened(folder).close("interrupted")
    assert not any(path.exists() for path in dead)
    assert alive.exists()
    assert (folder / "damaged" / "checkpoints-7.1" / "seed-1-epoch-000001.pt").exists()
    assert len([line for line in said if "half-written" in line]) == 2
    assert len([line for line in said if "which the decisions do not know" in line]) == 1
