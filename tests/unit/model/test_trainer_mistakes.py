"""What the trainer refuses, and what it says."""

from typing import Any

import pytest
import torch

from model.trainer import LatentEvolutionTrainer
from tests.fakes.latent import SEEDS, SMALL, build, make_recording

MISTAKES: dict[str, tuple[dict[str, Any], list[int], str]] = {
    "configuration": ({"learning_rat": 1.0}, [1], r"learning_rat: unknown parameter: did you mean 'learning_rate'\?"),
    "large batch": ({"batch_size": 201}, [1], "batch_size: must be at most the 200 training rows, got 201"),
    "steps out of the split": (
        {"evolve_steps": 80},
        [1],
        "evolve_steps: must be smaller, got 80: the prediction is 80 rows ahead, the validation split has 80",
    ),
    "multiples out of the split": (
        {"evolve_steps": 50, "evolve_multiples": 4},
        [1],
        "evolve_multiples: must be smaller, got 4: the prediction is 200 rows ahead, the train split has 200",
    ),
    "repeated seeds": ({}, [1, 1], r"seeds: must be at least one number and all different, got \[1, 1\]"),
    "no seeds": ({}, [], r"seeds: must be at least one number and all different, got \[\]"),
}


def test_check_config() -> None:
    """The trainer answers for its parameters before anything is started."""
    assert LatentEvolutionTrainer.check_config(SMALL) == {}
    assert LatentEvolutionTrainer.check_config({"epochs": 0}) == {"epochs": "must be at least 1, got 0"}


@pytest.mark.parametrize(("settings", "seeds", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(settings: dict[str, Any], seeds: list[int], message: str) -> None:
    """What does not fit together is refused before anything is trained, in one clear message."""
    with pytest.raises(ValueError, match=message):
        build(seeds, **settings)


def test_missing_stimulus() -> None:
    """A configuration that wants the stimulus needs a recording that has one."""
    with pytest.raises(ValueError, match="use_stimulus: is true, but the recording sines has no stimulus"):
        LatentEvolutionTrainer({**SMALL, "use_stimulus": True}, make_recording(stimulus=None), [1])


def test_states_that_do_not_fit() -> None:
    """A state of too few seeds, of mixed epochs, of another model or another optimizer is refused."""
    trainer = build([1, 12])
    early = trainer.state()
    list(trainer.train(1))
    late = trainer.state()
    with pytest.raises(ValueError, match=r"state: has no seed \[123\]; continue all seeds or none"):
        build(SEEDS, late)
    with pytest.raises(ValueError, match=r"same number of epochs, got \{1: 0, 12: 1\}"):
        build([1, 12], {1: early[1], 12: late[12]})
    with pytest.raises(ValueError, match=r"encoder.2.weight has shape \(8, 4\), this configuration needs \(8, 5\)"):
        build([1, 12], late, latent_dims=5)
    with pytest.raises(ValueError, match="state: is of another optimizer or another choice of EMA"):
        build([1, 12], late, optimizer="sgd")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_a_gpu() -> None:
    """Asking for CUDA where there is none is a mistake with a cure."""
    with pytest.raises(ValueError, match="device: is cuda, but PyTorch finds no usable GPU; use auto or cpu"):
        build(device="cuda")
