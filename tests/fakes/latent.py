"""A small latent-evolution trainer and its recording."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import torch

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


OPTIONS: dict[str, dict[str, Any]] = {
    "batch norm": {},
    "no batch norm": {"use_batch_norm": False},
    "average": {"ema": 0.9},
    "cosine": {"schedule": "cosine", "epochs": 5, "warmup_fraction": 0.3},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "gradient_clipping": 0.1},
    "stimulus": {"use_stimulus": True, "l1": 1e-4},
    "lab": {
        "use_stimulus": True,
        "stimulus_dims": 3,
        "stimulus_units": 5,
        "use_batch_norm": False,
        "input_skips": True,
        "evolver_activation": "tanh",
        "evolver_zero_init": True,
        "loss": "huber",
        "evolver_l1": 1e-2,
    },
    "steps": {"evolve_steps": 3, "evolve_multiples": 2, "use_stimulus": True},
    "warm-up that is continued": {"reconstruction_warmup_epochs": 3, "weight_decay": 0.1, "l1": 1e-4, "ema": 0.9},
    "warm-up that is over": {"reconstruction_warmup_epochs": 2, "optimizer": "sgd", "use_stimulus": True},
    "input skips": {"input_skips": True, "encoder_units": 6, "loss": "l1"},
}


def through_a_file(state: Mapping[int, Any]) -> Any:
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def compared(metrics: Mapping[str, Any]) -> dict[str, list[float]]:
    """The metrics that do not depend on the clock."""
    return {name: list(value) for name, value in metrics.items() if name not in {"seconds", "samples_per_second"}}


def assert_same(left: Any, right: Any) -> None:
    """Bit for bit, through all nesting."""
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    else:
        assert left == right
