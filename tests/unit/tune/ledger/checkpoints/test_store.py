"""Checkpoints: whole or not seen, and data only."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes.ledgers import killed, opened, start, train
from tune.errors import DamagedCheckpoint, TrainerMistake
from tune.ledger.checkpoints.store import CheckpointStore, UnreportedEpoch
from tune.ledger.storage.folders import LocalFolder


def test_a_truncated_checkpoint_is_not_seen(tmp_path: Path) -> None:
    """A checkpoint that was cut short counts as absent, at whatever byte."""
    store = CheckpointStore(LocalFolder(tmp_path))
    store.save(3, 2, {1: {"weights": torch.arange(100.0)}})
    store.save(3, 4, {1: {"weights": torch.arange(100.0)}})
    file = tmp_path / "3" / "seed-1-epoch-000004.pt"
    whole = file.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert store.epochs(3) == {1: [2]}


def test_checkpoints_cannot_run_code(tmp_path: Path) -> None:
    """State is loaded as plain values and tensors; a pickle that calls something is refused, and never written."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch evil",)

    store = CheckpointStore(LocalFolder(tmp_path))
    with pytest.raises(TrainerMistake, match=r"state\[1\]: .*Evil cannot be kept"):
        store.save(0, 1, {1: Evil()})
    assert not list(tmp_path.iterdir())
    (tmp_path / "0").mkdir()
    torch.save(Evil(), tmp_path / "0" / "seed-1-epoch-000001.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        store.load(0, 1, [1])


def test_plain_state_is_saved_without_pytorch(tmp_path: Path) -> None:
    """By a process that has not loaded it, and that keeps what `torch.load` gives back; a tensor is saved as ever."""
    state = {"epoch": 3, 7: [1.5, nan, True, None, "ä", (2**70, -1)]}
    source = f"""
import sys
from pathlib import Path
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.storage.folders import LocalFolder
nan = float("nan")
store = CheckpointStore(LocalFolder(Path({str(tmp_path)!r})))
store.save(3, 2, {{1: {state!r}}})
assert "torch" not in sys.modules
store.save(3, 2, {{2: 1j}})
assert "torch" in sys.modules
store.save(3, 2, {{4: {state!r}}})
"""
    subprocess.run([sys.executable, "-c", source], check=True)
    store = CheckpointStore(LocalFolder(tmp_path))
    assert repr(store.load(3, 2, [1, 2, 4])) == repr({1: state, 2: 1j, 4: state})


def test_names_are_files_that_zip_can_read(tmp_path: Path) -> None:
    """A checkpoint is the zip archive that torch writes, so its end can be checked without loading it."""
    CheckpointStore(LocalFolder(tmp_path)).save(0, 7, {12: {"a": torch.ones(2)}})
    assert zipfile.is_zipfile(tmp_path / "0" / "seed-12-epoch-000007.pt")


def told(epoch: int, *losses: float) -> UnreportedEpoch:
    return UnreportedEpoch(epoch, {"validation_loss": losses}, 0.5, "none", {"validation_loss": 1.0})


def test_what_a_checkpoint_saved_is_never_trained_again(tmp_path: Path) -> None:
    """Epochs that a trainer saved and did not live to tell are read from beside its checkpoints."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 2))
    states = {seed: {"epoch": 3} for seed in (1, 2)}
    ledger.checkpoints.save(trial, 3, states, [told(2, 0.5, nan), told(3, 0.4, 0.6)])
    killed(ledger)
    again = opened(tmp_path / "q")
    assert again.done(trial) == {1: 3, 2: 3}
    assert (again.curve(trial, 1), again.curve(trial, 2)) == (
        [1.0, 0.5, 0.4],
        pytest.approx([1.0, nan, 0.6], nan_ok=True),
    )
    assert (again.spent, again.redone) == (6, 0)
    assert again.curves()["epoch"].to_pylist() == [1, 2, 3, 1, 2, 3]
    assert not list((tmp_path / "q").glob("checkpoints/*/told-*"))


def test_what_was_trained_again_is_saved_with_a_checkpoint(tmp_path: Path) -> None:
    """It counts as redone, whoever records the epoch; of seeds that are further already it was told before."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    ledger.record(trial, (1,), 3, {"validation_loss": [0.5]})
    states = {seed: {"epoch": 3} for seed in (1, 2)}
    ledger.checkpoints.save(trial, 3, states, [replace(told(3, 0.5, 0.6), redone=[2, 1])])
    killed(ledger)
    again = opened(tmp_path / "q")
    assert again.done(trial) == {1: 3, 2: 3}
    assert (again.spent, again.redone) == (6, 1)


def test_only_what_is_saved_counts_as_told(tmp_path: Path) -> None:
    """A seed whose checkpoint was not written yet, and a file that is not what was written, tell nothing."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    states = {seed: {"epoch": 1} for seed in (1, 2)}
    ledger.checkpoints.save(trial, 1, states, [told(1, 0.5, 0.6)])
    (tmp_path / "q" / "checkpoints" / "0" / "seed-2-epoch-000001.pt").unlink()
    killed(ledger)
    again = opened(tmp_path / "q")
    assert again.done(trial) == {1: 1}
    assert again.trained(trial) == {1: 1, 2: 0, 3: 0}
    again.checkpoints.save(trial, 2, {1: {"epoch": 2}}, [told(2, 0.4)])
    file = tmp_path / "q" / "checkpoints" / "0" / "told-1-epoch-000002.json"
    file.write_bytes(file.read_bytes().replace(b"0.4", b"0.3"))
    again.look_again(trial)
    assert again.done(trial) == {1: 1}
    again.close("interrupted")


@pytest.mark.parametrize(
    ("metrics", "baseline"),
    [
        ({"validation_loss": [0.5]}, {}),
        ({"validation_loss": [0.5, "x"]}, {}),
        ({"validation_loss": [0.5, 0.5], "trial": [1, 1]}, {}),
        ({"validation_loss": None, "": [0.5, 0.5]}, {}),
        ({"loss": [0.5, 0.5]}, {}),
        ({"validation_loss": [0.5, 0.5]}, {"validation_loss": "x"}),
    ],
)
def test_what_an_earlier_version_saved_unchecked_is_left_out(tmp_path: Path, metrics: Any, baseline: Any) -> None:
    """A study whose trainer once told what cannot be recorded is opened, and trains that epoch again."""
    ledger = opened(tmp_path / "q")
    trial = start(ledger)
    states = {seed: {"epoch": 1} for seed in (1, 2)}
    ledger.checkpoints.save(trial, 1, states, [UnreportedEpoch(1, metrics, 0.5, "none", baseline)])
    killed(ledger)
    again = opened(tmp_path / "q")
    assert again.done(trial) == {1: 0, 2: 0}
    assert (again.spent, again.curves().num_rows) == (0, 0)
    again.close("interrupted")


def test_what_no_checksum_covers_and_nobody_can_load_is_set_aside(tmp_path: Path) -> None:
    """A flipped bit of a header, which PyTorch alone reads, does not leave a file that is taken for whole for ever."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    store = CheckpointStore(LocalFolder(folder))
    store.save(0, 2, {1: {"carried": 0.5}})
    file = folder / "0" / "seed-1-epoch-000002.pt"
    whole, unseen = file.read_bytes(), 0
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        if store.epochs(0):
            try:
                store.load(0, 2, [1])
            except DamagedCheckpoint:
                unseen += 1
                store.set_unreadable_aside(0, 2, [1])
                assert not file.exists()
                assert store.epochs(0) == {}
    assert unseen
    file.write_bytes(whole)
    store.set_unreadable_aside(0, 2, [1, 7])
    assert store.load(0, 2, [1]) == {1: {"carried": 0.5}}
