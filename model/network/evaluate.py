"""Losses over a whole split, in chunks that fit memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from model.network.network import Network

CHUNK_ELEMENTS = {"cpu": 2**21, "cuda": 2**27}  # of the largest activation: 8 MiB near the caches, 512 MiB on a GPU


def prediction_loss(
    network: Network,
    weights: tuple[Tensor, Tensor],
    voltages: Tensor,
    stimulus: Tensor | None,
    span: tuple[int, int],
    *,
    product_type: torch.dtype = torch.float32,
) -> Tensor:
    """Compute the one-step prediction error of each seed over all pairs `(t, t+1)` inside a split.

    Args:
        network: The model's shape.
        weights: Parameters `[S, P]` and running statistics `[S, Q]`.
        voltages: `[T, N]`.
        stimulus: `[T, M]` when the evolver sees it, else None.
        span: First row and one past the last row of the split.
        product_type: Type of the matrix products; errors are taken in at least float32.

    Returns:
        Mean squared error, float64 `[S]`, on the device.
    """
    seeds, neurons = len(weights[0]), voltages.shape[1]
    widest = seeds * max(max(widths) for widths in network.widths.values())
    total = torch.zeros(seeds, dtype=torch.float64, device=voltages.device)
    folded = network.fold(*weights, product_type)
    for start, stop in _chunks(span, max(1, CHUNK_ELEMENTS[voltages.device.type] // widest)):
        x = voltages[start:stop].to(product_type).expand(seeds, -1, -1)
        seen = None if stimulus is None else stimulus[start:stop].to(product_type).expand(seeds, -1, -1)
        error = network.predict(folded, x, seen).to(weights[0].dtype).sub_(voltages[start + 1 : stop + 1])
        total += torch.linalg.vector_norm(error, dim=2).double().square_().sum(dim=1)
    return total / ((span[1] - span[0] - 1) * neurons)


def constant_loss(voltages: Tensor, span: tuple[int, int]) -> float:
    """Compute the loss of the constant model, which predicts `x[t+1] = x[t]`, over all pairs inside a split."""
    total = torch.zeros((), dtype=torch.float64, device=voltages.device)
    for start, stop in _chunks(span, max(1, CHUNK_ELEMENTS[voltages.device.type] // voltages.shape[1])):
        total += (voltages[start + 1 : stop + 1].float() - voltages[start:stop]).square_().sum()
    return float(total / ((span[1] - span[0] - 1) * voltages.shape[1]))


def _chunks(span: tuple[int, int], rows: int) -> Iterator[tuple[int, int]]:
    """Cut the time steps that have a successor inside the split into pieces of at most so many rows."""
    last = span[1] - 1
    for start in range(span[0], last, rows):
        yield start, min(start + rows, last)
