"""PyTorch's fused optimizers over the flat `[S, P]` parameters of all seeds.

Adam, AdamW and SGD act on each element alone, and all seeds of a training have done the same number of steps, so one
optimizer with one parameter is S independent optimizers. Fused means one pass over memory on CPU and GPU alike.
"""

import torch
from torch import Tensor

from model.config import TrainingConfig


class SeedOptimizer:
    """Step all seeds at once; its moments are rows that can be saved per seed.

    Args:
        config: Optimizer, weight decay and momentum.
        flat: `[S, P]`, updated in place.
        steps: Optimizer steps that all seeds have done.

    Attributes:
        gradient: `[S, P]`, to be filled before each step.
        learning_rate: Scalar tensor on the parameters' device, to be filled before each step.
        moments: Name to `[S, P]`: what the optimizer remembers.

    Source: Kingma & Ba 2015, "Adam", algorithm 1; Loshchilov & Hutter 2019, "Decoupled Weight Decay", algorithm 2.
    """

    def __init__(self, config: TrainingConfig, flat: Tensor, steps: int) -> None:
        self.gradient = torch.zeros_like(flat)
        self.learning_rate = torch.tensor(config.learning_rate, dtype=flat.dtype, device=flat.device)
        flat.grad = self.gradient
        self._flat = flat
        names = ("momentum_buffer",) if config.optimizer == "sgd" else ("exp_avg", "exp_avg_sq")
        self.moments = {name: torch.zeros_like(flat) for name in names}
        self._optimizer = _build(config, flat, self.learning_rate)
        self._optimizer.state[flat].update(self.moments)
        if config.optimizer != "sgd":
            self._optimizer.state[flat]["step"] = torch.tensor(float(steps), device=flat.device)

    def step(self) -> None:
        """Update the parameters from `gradient`; no host synchronisation."""
        self._optimizer.step()

    def restart(self) -> None:
        """Forget all steps done; the parameters stay."""
        for name in (*self.moments, "step"):
            if name in self._optimizer.state[self._flat]:
                self._optimizer.state[self._flat][name].zero_()


def _build(config: TrainingConfig, flat: Tensor, learning_rate: Tensor) -> torch.optim.Optimizer:
    decay = config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD([flat], lr=learning_rate, momentum=config.momentum, weight_decay=decay, fused=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind([flat], lr=learning_rate, weight_decay=decay, fused=True, capturable=flat.is_cuda)
