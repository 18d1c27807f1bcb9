"""The plain step does the steps that ours does, or a comparison of their speed would mean nothing."""

from typing import Any

import pytest
import torch

from benchmarks.models import MODELS, make_stimulus
from benchmarks.ours import OurTraining
from benchmarks.plain import PlainTraining

SIZES: dict[str, Any] = {"hidden_units": 16, "latent_dims": 8, "precision": "float32"}
SMALLER: dict[str, dict[str, Any]] = {
    "lab": {"stimulus_dims": 5, "stimulus_units": 6},
    "unrolled": {"evolve_steps": 3},
}
STEPS = 5


@pytest.mark.parametrize("more", [{}, {"hidden_layers": 2, "input_skips": True}], ids=["as it is", "two skips"])
@pytest.mark.parametrize("model", SMALLER)
def test_the_plain_step_does_what_ours_does(model: str, more: dict[str, Any]) -> None:
    """From the same weights and batches come the same losses, step after step, for each seed."""
    settings = {**MODELS[model], **SIZES, **SMALLER[model], **more}
    voltages = torch.randn(60, 13, generator=torch.Generator().manual_seed(3))
    stimulus = torch.randn(60, 7, generator=torch.Generator().manual_seed(4))
    ours = OurTraining(voltages, 16, 3, stimulus=stimulus, **settings)
    plain = [PlainTraining(voltages, stimulus, 16, seed=seed, **settings) for seed in range(3)]
    for steps in range(1, STEPS):
        found = torch.tensor([one.run(steps) for one in plain], dtype=torch.float64)
        torch.testing.assert_close(found, ours.run(steps)[:2].sum(dim=0), rtol=1e-5, atol=1e-6)


def test_a_stimulus_is_drawn_for_models_that_see_it() -> None:
    """It has the width of the published one; the published model gets none."""
    here = torch.device("cpu")
    assert make_stimulus("published", 3, here) is None
    drawn = [make_stimulus(model, 3, here) for model in SMALLER]
    assert all(one is not None and one.shape == (3, 1736) for one in drawn)
