"""The models whose training step is measured, by the name that `train_step.py --model` has for them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

STIMULI = 1736  # M of the published recording

MODELS: Mapping[str, Mapping[str, Any]] = {
    "published": {},
    "lab": {  # the end of docs/model.md; what it starts from and its learning rate cost nothing
        "use_batch_norm": False,
        "hidden_layers": 1,
        "input_skips": True,
        "use_stimulus": True,
        "stimulus_dims": 64,
        "stimulus_layers": 3,
        "stimulus_units": 64,
        "evolver_activation": "tanh",
        "evolver_zero_init": True,
    },
    "unrolled": {
        "use_batch_norm": False,
        "use_stimulus": True,
        "evolve_steps": 20,
        "evolve_multiples": 2,
    },
}
"""Settings of `TrainingConfig` beside the sizes."""


def make_stimulus(model: str, rows: int, device: torch.device) -> Tensor | None:
    """Draw a stimulus `[T, M]` for a model that sees one, else None."""
    if not MODELS[model].get("use_stimulus"):
        return None
    return torch.randn(rows, STIMULI, generator=torch.Generator().manual_seed(1)).to(device)
