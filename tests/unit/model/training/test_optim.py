"""PyTorch's operators step as its classes do, to the last bit, and import no compiler."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from model.config import TrainingConfig
from model.training import optim
from model.training.optim import SeedOptimizer

SETTINGS: list[dict[str, Any]] = [
    {"optimizer": "adam"},
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "adamw", "weight_decay": 0.01},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.1},
]


def stepped(config: TrainingConfig) -> list[torch.Tensor]:
    """Parameters and moments after five steps from the eighth on, with a learning rate that changes."""
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(3, 1000, generator=generator)
    optimizer = SeedOptimizer(config, flat, 7)
    for moment in optimizer.moments.values():
        moment.copy_(torch.rand(3, 1000, generator=generator))
    for step in range(5):
        optimizer.gradient.copy_(torch.randn(3, 1000, generator=generator))
        optimizer.learning_rate.fill_(1e-3 * (step + 1))
        optimizer.step()
    return [flat, *optimizer.moments.values(), optimizer.steps]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_operators_and_classes_do_the_same(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyTorch without the operators trains as one with them."""
    config = TrainingConfig(**settings)
    by_operator = stepped(config)
    monkeypatch.setattr(optim, "_OPERATORS", dict.fromkeys(optim._OPERATORS, "not_there"))
    by_class = stepped(config)
    assert all(torch.equal(one, other) for one, other in zip(by_operator[:-1], by_class[:-1], strict=True))
    if settings["optimizer"] != "sgd":
        assert by_operator[-1] == by_class[-1] == 12


def test_a_training_imports_no_compiler() -> None:
    """It would take longer than everything else that a process does before its first step."""
    code = (
        "import sys, torch\n"
        "from model.trainer import LatentEvolutionTrainer\n"
        "recording = {'voltages': torch.randn(60, 4).numpy(),"
        " 'split': {'train': [0, 40], 'validation': [40, 50], 'test': [50, 60]}}\n"
        "trainer = LatentEvolutionTrainer({'batch_size': 8, 'device': 'cpu'}, recording, [1])\n"
        "assert len(list(trainer.train(2))) == 2\n"
        "trainer.evaluate(), trainer.state()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
