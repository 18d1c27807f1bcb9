"""What the built-in trainer tells of itself: its features, and the rows of its splits."""

from typing import Any

import numpy as np
import pytest
import torch

from model.trainer import LatentEvolutionTrainer
from tests.fakes.latent import OPTIONS, SEEDS, SPLIT, assert_same, build, compared, make_recording, through_a_file
from tune.scoring.overlaps import overlaps

torch.set_num_threads(1)


@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS.keys())
def test_features_are_the_latents_of_the_validation_rows(settings: dict[str, Any]) -> None:
    """One row each, from which the decoder makes what is learnt; the averaged weights where there are any."""
    trainer = build(**settings)
    list(trainer.train(2))
    features = trainer.features()
    group = trainer._require_group()
    (lane,) = group._lanes
    folded = lane._network.fold(*lane.tensors.evaluated(), torch.float32)
    x = torch.from_numpy(make_recording()["voltages"][slice(*SPLIT["validation"])]).expand(len(SEEDS), -1, -1)
    expected = lane._network.encode(folded, x)
    assert list(features) == SEEDS
    for seed, latents in zip(SEEDS, expected, strict=True):
        assert features[seed].shape == (80, 4)
        torch.testing.assert_close(features[seed], latents)


def test_features_change_nothing_that_is_trained() -> None:
    """Epochs after them are bit for bit those of a training that was never asked."""
    asked, plain = build(ema=0.9), build(ema=0.9)
    told = []
    for metrics in asked.train(4):
        told.append(compared(metrics))
        asked.features()
    assert told == [compared(metrics) for metrics in plain.train(4)]
    assert_same(asked.state(), plain.state())


def test_features_do_not_depend_on_the_chunks_and_are_no_more_than_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many rows some at equal distances are encoded, the first and the last among them."""
    trainer = build()
    whole = trainer.features()
    monkeypatch.setattr("model.network.evaluate.CHUNK_ELEMENTS", {"cpu": 1})
    monkeypatch.setattr("model.trainer.MOST_FEATURES", 3)
    for seed, latents in trainer.features().items():
        torch.testing.assert_close(latents, whole[seed][[0, 40, 79]])


def test_features_of_a_failed_seed_are_not_known() -> None:
    """They are NaN, as its losses are; its companions keep theirs."""
    trainer = build()
    state = through_a_file(trainer.state())
    state[12]["parameters"]["evolver.1.weight"][0, 0] = torch.nan
    broken = build(state=state)
    list(broken.train(1))
    assert {seed: bool(torch.isnan(one).any()) for seed, one in broken.features().items()} == {
        1: False,
        12: True,
        123: False,
    }


def test_splits_are_the_rows_of_the_recording() -> None:
    """Without a copy, by name and in the order of time; they have none in common."""
    recording = make_recording()
    splits = LatentEvolutionTrainer.splits(recording)
    assert list(splits) == ["train", "validation", "test"]
    for name, rows in splits.items():
        assert np.array_equal(rows, recording["voltages"][slice(*SPLIT[name])])
        assert np.shares_memory(rows, recording["voltages"])
    assert set(overlaps(splits).values()) == {0.0}
