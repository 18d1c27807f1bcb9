"""The learning rate and the averaging weight of every step, against PyTorch's schedulers and by hand."""

import pytest
import torch

from model.config import TrainingConfig
from model.training.schedule import averaging_weight_at, learning_rate_at


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_learning_rate_schedule(schedule: str) -> None:
    """Warm-up and cosine give the rates of torch's LinearLR followed by CosineAnnealingLR, and then stay."""
    config = TrainingConfig(
        learning_rate=0.3, schedule=schedule, warmup_fraction=0.2, epochs=5, final_learning_rate_fraction=0.1
    )
    ours = [learning_rate_at(config, step, 10) for step in range(55)]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    lr = torch.optim.lr_scheduler
    warmup = lr.LinearLR(optimizer, start_factor=1 / 10, total_iters=9)
    after = lr.CosineAnnealingLR(optimizer, 40, eta_min=0.03) if schedule == "cosine" else lr.ConstantLR(optimizer, 1.0)
    schedule_of_torch, theirs = lr.SequentialLR(optimizer, [warmup, after], milestones=[10]), []
    for _ in range(51):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule_of_torch.step()
    assert ours[:51] == pytest.approx(theirs)
    assert ours[51:] == pytest.approx([theirs[-1]] * 4)


def test_averaging_weight() -> None:
    """The newest parameters weigh 0.9 at first and one minus the decay in the end."""
    weights = [averaging_weight_at(0.6, step) for step in (0, 1, 8, 1000)]
    assert weights == pytest.approx([1 - 1 / 10, 1 - 2 / 11, 1 - 9 / 18, 0.4])
