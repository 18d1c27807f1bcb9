"""A small latent-evolution trainer and its recording."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model.trainer import LatentEvolutionTrainer

ROWS, NEURONS, STIMULI = 400, 9, 2
SPLIT = {"train": [10, 210], "validation": [220, 300], "test": [310, 390]}
SMALL = {"latent_dims": 4, "hidden_units": 8, "hidden_layers": 2, "batch_size": 16, "device": "cpu"}
SEEDS = [1, 12, 123]


def make_recording(**changes: Any) -> dict[str, Any]:
    """Sine waves of different speeds, a little noise."""
    source = np.random.default_rng(0)
    angles = np.arange(ROWS)[:, None] * np.linspace(0.1, 0.5, NEURONS)
    voltages = np.sin(angles) + 0.05 * source.standard_normal((ROWS, NEURONS))
    stimulus = source.standard_normal((ROWS, STIMULI)).astype(np.float32)
    loaded = {"voltages": voltages.astype(np.float32), "stimulus": stimulus, "split": SPLIT, "source": "sines"}
    return {**loaded, **changes}


def build(seeds: list[int] = SEEDS, state: Mapping[int, Any] | None = None, **settings: Any) -> LatentEvolutionTrainer:
    return LatentEvolutionTrainer({**SMALL, **settings}, make_recording(), seeds, state)
