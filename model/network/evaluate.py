"""Losses and latents over a whole split, in chunks that fit memory."""

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
    """Compute the prediction error of each seed over all pairs `(t, t+k)` inside a split, with k `evolve_steps`.

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
    steps = network.config.evolve_steps
    total = torch.zeros(seeds, dtype=torch.float64, device=voltages.device)
    folded = network.fold(*weights, product_type)
    for start, stop in _chunks(span, rows_at_a_time(network, seeds, voltages), steps):
        x = voltages[start:stop].to(product_type).expand(seeds, -1, -1)
        seen = None
        if stimulus is not None:
            shifted = (stimulus[start + i : stop + i] for i in range(steps))
            seen = [one.to(product_type).expand(seeds, -1, -1) for one in shifted]
        error = network.predict(folded, x, seen).to(weights[0].dtype).sub_(voltages[start + steps : stop + steps])
        total += torch.linalg.vector_norm(error, dim=2).double().square_().sum(dim=1)
    return total / ((span[1] - span[0] - steps) * neurons)


def latents(
    network: Network,
    weights: tuple[Tensor, Tensor],
    voltages: Tensor,
    span: tuple[int, int],
    *,
    most: int,
    product_type: torch.dtype = torch.float32,
) -> Tensor:
    """Compute what the encoder makes of the rows of a split, of so many at most, which lie at equal distances.

    Args:
        network: The model's shape.
        weights: Parameters `[S, P]` and running statistics `[S, Q]`.
        voltages: `[T, N]`.
        span: First row and one past the last row of the split.
        most: Rows.
        product_type: Type of the matrix products.

    Returns:
        Float32 `[S, rows, L]`, on the CPU.
    """
    rows = spread_rows(span, most, voltages.device)
    folded = network.fold(*weights, product_type)
    seeds = len(weights[0])
    found = [
        network.encode(folded, voltages[chosen].to(product_type).expand(seeds, -1, -1)).float().cpu()
        for chosen in torch.split(rows, rows_at_a_time(network, seeds, voltages))
    ]
    return torch.cat(found, dim=1)


def spread_rows(span: tuple[int, int], most: int, device: torch.device) -> Tensor:
    """Choose so many rows at most of a span, int64: at equal distances, the first and the last among them."""
    first, last = span
    rows = torch.linspace(first, last - 1, min(most, last - first), dtype=torch.float64, device=device)
    return rows.round().long()


def constant_loss(voltages: Tensor, span: tuple[int, int], steps: int = 1) -> float:
    """Compute the loss of the constant model, which predicts `x[t+steps] = x[t]`, over all pairs inside a split."""
    total = torch.zeros((), dtype=torch.float64, device=voltages.device)
    for start, stop in _chunks(span, max(1, CHUNK_ELEMENTS[voltages.device.type] // voltages.shape[1]), steps):
        total += (voltages[start + steps : stop + steps].float() - voltages[start:stop]).square_().sum()
    return float(total / ((span[1] - span[0] - steps) * voltages.shape[1]))


def rows_at_a_time(network: Network, seeds: int, voltages: Tensor) -> int:
    """Say of how many rows the largest activation of so many seeds fits memory."""
    widest = seeds * max(part.widest for part in network.parts.values())
    return max(1, CHUNK_ELEMENTS[voltages.device.type] // widest)


def _chunks(span: tuple[int, int], rows: int, steps: int) -> Iterator[tuple[int, int]]:
    """Cut the time steps from which so many lead to another inside the split into pieces of at most so many rows."""
    last = span[1] - steps
    for start in range(span[0], last, rows):
        yield start, min(start + rows, last)
