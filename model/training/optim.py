"""PyTorch's fused optimizers over the flat `[S, P]` parameters of all seeds.

Adam, AdamW and SGD act on each element alone, and all seeds of a training have done the same number of steps, so one
optimizer with one parameter is S independent optimizers. Fused means one pass over memory on CPU and GPU alike.

The operators below `torch.optim` are called, not its classes: these import PyTorch's compiler, a second in every
process that trains. A PyTorch that has no such operator gets the class, which does the same.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from model.config import TrainingConfig

_OPERATORS = {"adam": "_fused_adam_", "adamw": "_fused_adamw_", "sgd": "_fused_sgd_"}
_BETAS, _EPSILON = (0.9, 0.999), 1e-8
"""The defaults of `torch.optim.Adam`."""


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
        steps: Scalar tensor: steps done.

    Source: Kingma & Ba 2015, "Adam", algorithm 1; Loshchilov & Hutter 2019, "Decoupled Weight Decay", algorithm 2.
    """

    def __init__(self, config: TrainingConfig, flat: Tensor, steps: int) -> None:
        self.gradient = torch.zeros_like(flat)
        self.learning_rate = torch.tensor(config.learning_rate, dtype=flat.dtype, device=flat.device)
        names = ("momentum_buffer",) if config.optimizer == "sgd" else ("exp_avg", "exp_avg_sq")
        self.moments = {name: torch.zeros_like(flat) for name in names}
        self.steps = torch.tensor(float(steps), device=flat.device)
        build = _by_operator if hasattr(torch, _OPERATORS[config.optimizer]) else _by_class
        self._update = build(config, flat, self)

    def step(self) -> None:
        """Update the parameters from `gradient`; no host synchronisation."""
        self._update()

    def restart(self) -> None:
        """Forget all steps done; the parameters stay."""
        for remembered in (*self.moments.values(), self.steps):
            remembered.zero_()


def _by_operator(config: TrainingConfig, flat: Tensor, seeds: SeedOptimizer) -> Callable[[], Any]:
    operator, moments = getattr(torch, _OPERATORS[config.optimizer]), [[one] for one in seeds.moments.values()]
    settings = {"lr": seeds.learning_rate, "weight_decay": config.weight_decay, "maximize": False}
    if config.optimizer == "sgd":
        kept = moments[0] if config.momentum else []
        settings |= {"momentum": config.momentum, "dampening": 0.0, "nesterov": False, "is_first_step": False}
        return partial(operator, [flat], [seeds.gradient], kept, **settings)
    settings |= {"beta1": _BETAS[0], "beta2": _BETAS[1], "eps": _EPSILON, "amsgrad": False}
    steps = seeds.steps  # not all of it, which holds what is returned: a cycle would keep its memory for a while
    update = partial(operator, [flat], [seeds.gradient], *moments, [], [steps], **settings)

    def count_and_update() -> None:
        steps.add_(1)
        update()

    return count_and_update


def _by_class(config: TrainingConfig, flat: Tensor, seeds: SeedOptimizer) -> Callable[[], Any]:
    flat.grad, decay = seeds.gradient, config.weight_decay
    optimizer: torch.optim.Optimizer
    if config.optimizer == "sgd":
        rate, momentum = seeds.learning_rate, config.momentum
        optimizer = torch.optim.SGD([flat], lr=rate, momentum=momentum, weight_decay=decay, fused=True)
    else:
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind([flat], lr=seeds.learning_rate, weight_decay=decay, fused=True, capturable=flat.is_cuda)
        optimizer.state[flat]["step"] = seeds.steps
    optimizer.state[flat].update(seeds.moments)
    return optimizer.step
