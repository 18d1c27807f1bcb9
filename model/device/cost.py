"""The least that a step must do, counted, and how fast this machine does it, measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from statistics import median

import torch

from model.config import TrainingConfig
from model.device.precision import numerics
from model.network.network import Network

BYTES = 4  # parameters, gradients and Adam's moments are float32


@dataclass(frozen=True)
class Rates:
    """What this machine reaches in this run.

    Attributes:
        copy_bytes_per_s: Read plus written, of a copy too large for the caches.
        flops_per_s: By precision, of a large square product.
    """

    copy_bytes_per_s: float
    flops_per_s: dict[str, float]


def count_flops(network: Network, batch_size: int) -> float:
    """Count the floating-point operations of one seed's step.

    Each layer is a product forward and two backward, for its weight and its input; what reads the recording needs none
    for its input. The decoder sees every sample once for each prediction and once for the reconstruction, the evolver
    and the stimulus encoder see it at every step.
    """
    config, total = network.config, 0.0
    times = {
        "encoder": 1,
        "evolver": config.horizon,
        "decoder": 1 + config.evolve_multiples,
        "stimulus": config.horizon,
    }
    for name, part in network.parts.items():
        rows = batch_size * times[name]
        outside = {part.layers[0], part.skip} if name in {"encoder", "stimulus"} else set()
        for layer, (fan_in, fan_out) in part.matrices.items():
            products = 2 if layer in outside else 3
            total += 2.0 * products * rows * fan_in * fan_out
    return total


def count_bytes(network: Network, batch_size: int) -> float:
    """Count the memory traffic of one seed's step if nothing but parameters and batch leaves the caches.

    Weights are read forward and backward, gradients written, Adam reads four tensors and writes three; voltages at t
    and at what is predicted are read, those at t again for the first layer's gradient.
    """
    parameters = sum(map(prod, network.parameters.shapes.values()))
    return BYTES * (10.0 * parameters + (2.0 + network.config.evolve_multiples) * batch_size * network.neurons)


def floor_s(network: Network, batch_size: int, rates: Rates, precision: str) -> float:
    """Give the seconds of one seed's step that counted work and measured rates allow: the larger of the two."""
    compute = count_flops(network, batch_size) / rates.flops_per_s[precision]
    return max(compute, count_bytes(network, batch_size) / rates.copy_bytes_per_s)


def measure_rates(device: torch.device) -> Rates:
    """Measure copy bandwidth and the rate of square products, in about a second."""
    size, mebibytes = (8192, 1024) if device.type == "cuda" else (2048, 256)
    source = torch.ones(mebibytes * 2**18, device=device)
    target = torch.empty_like(source)
    copy_s = time_of(lambda: target.copy_(source), device)
    flops = {}
    for precision in ("float32", "tf32", "bfloat16"):
        if precision == "tf32" and device.type != "cuda":
            continue
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        factor = torch.ones(size, size, device=device, dtype=dtype)
        product = torch.empty_like(factor)
        with numerics(TrainingConfig(precision=precision), device):
            flops[precision] = 2.0 * size**3 / time_of(partial(torch.mm, factor, factor, out=product), device)
    return Rates(2.0 * source.nbytes / copy_s, flops)


def time_of(work: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Median seconds of some work, after one call for nothing."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:])
