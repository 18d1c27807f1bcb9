"""Random numbers that depend on the seed and the purpose alone, never on who else is training."""

from hashlib import blake2b

import torch
from torch import Tensor


def derive_generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """Make a fresh CPU generator for one purpose of one seed in one epoch.

    Because nothing is carried from epoch to epoch, continuing a training needs no generator state.
    """
    digest = blake2b(f"{seed}/{purpose}/{epoch}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def draw_rows(seed: int, epoch: int, span: tuple[int, int], steps: int, batch_size: int, *, horizon: int = 1) -> Tensor:
    """Draw the time steps of one epoch, with replacement.

    Args:
        seed: Whose batch order.
        epoch: Epochs done before this one.
        span: First row and one past the last row of the split; t and t + horizon both lie inside.
        steps: Batches.
        batch_size: B.
        horizon: Time steps from a row to the last that is predicted from it.

    Returns:
        int64 `[steps, B]` on the CPU.
    """
    generator = derive_generator(seed, "batches", epoch)
    return torch.randint(span[0], span[1] - horizon, (steps, batch_size), generator=generator)
