"""Checkpoints: whole or not seen, and data only."""

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tune.ledger import CheckpointStore


def test_a_truncated_checkpoint_is_not_seen(tmp_path: Path) -> None:
    """A checkpoint that was cut short counts as absent, at whatever byte."""
    store = CheckpointStore(tmp_path)
    store.save(3, 2, {1: {"weights": torch.arange(100.0)}})
    store.save(3, 4, {1: {"weights": torch.arange(100.0)}})
    file = tmp_path / "3" / "seed-1-epoch-000004.pt"
    whole = file.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert store.epochs(3) == {1: [2]}


def test_checkpoints_cannot_run_code(tmp_path: Path) -> None:
    """State is loaded as plain values and tensors; a pickle that calls something is refused."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch evil",)

    store = CheckpointStore(tmp_path)
    store.save(0, 1, {1: Evil()})
    with pytest.raises(Exception, match="Weights only load failed"):
        store.load(0, 1, [1])


def test_names_are_files_that_zip_can_read(tmp_path: Path) -> None:
    """A checkpoint is the zip archive that torch writes, so its end can be checked without loading it."""
    CheckpointStore(tmp_path).save(0, 7, {12: {"a": torch.ones(2)}})
    assert zipfile.is_zipfile(tmp_path / "0" / "seed-12-epoch-000007.pt")
