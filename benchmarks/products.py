"""Which matrix product of PyTorch's is the fastest here: the shapes of a training step, each way in turns, one core.

python -m benchmarks.products

`mm` is BLAS (MKL in PyTorch's builds for x86), `linear` what `torch.nn.Linear` does, `oneDNN` the library that PyTorch
carries beside it, with a bias. GFLOP/s, median over rounds with the smallest and largest.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from benchmarks.record import record

SHAPES = (
    *((32, 256, 256), (32, 443, 256), (64, 256, 443), (128, 1203, 256)),
    *((256, 256, 1203), (256, 13741, 256), (512, 256, 2048), (512, 256, 13741)),
)
"""Rows, inner, columns."""
ROUNDS = 15
_FLOPS_A_TURN = 2e9


def main() -> None:
    """Measures, prints a line for each shape and type, stores them."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        for shape in SHAPES:
            row = measure(shape, dtype)
            rows.append(row)
            told = (
                f"{name} {low:.0f} to {high:.0f}, {mid:.0f}" for name, (mid, low, high) in row["gflop_per_s"].items()
            )
            print(f"{row['type']} {' x '.join(map(str, shape))}: {'; '.join(told)}", flush=True)
    record("products-cpu", "GFLOP/s of matrix products on one core", "python -m benchmarks.products", rows)


def measure(shape: tuple[int, int, int], dtype: torch.dtype) -> dict[str, Any]:
    """Returns GFLOP/s of each way, median, smallest and largest."""
    m, k, n = shape
    left, right, bias = torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype), torch.randn(n).to(dtype)
    out, transposed = torch.empty(m, n, dtype=dtype), right.t().contiguous()
    ways: dict[str, Callable[[], object]] = {
        "mm": lambda: torch.mm(left, right, out=out),
        "mm, transposed": lambda: torch.mm(left, transposed.t(), out=out),
        "linear": lambda: torch.nn.functional.linear(left, transposed, bias),
    }
    if torch.backends.mkldnn.is_available():
        ways["oneDNN"] = lambda: torch.ops.mkldnn._linear_pointwise(left, transposed, bias, "none", [], "")
    flops = 2 * m * k * n
    times = max(3, int(_FLOPS_A_TURN / flops))
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            began = time.process_time()
            for _ in range(times):
                way()
            if turn:  # the first one packs and allocates
                rates[name].append(flops * times / (time.process_time() - began) / 1e9)
    spread = {name: (median(found), min(found), max(found)) for name, found in rates.items()}
    return {"shape": shape, "type": str(dtype).removeprefix("torch."), "gflop_per_s": spread}


if __name__ == "__main__":
    main()
