"""Where the time of a step goes: a Chrome trace, and a summary that fits one screen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from model.device.cost import count_bytes, count_flops, floor_s, measure_rates
from model.network.network import Network

WARM_UP_STEPS = 5  # beyond what a CUDA graph needs before it is captured
TIMED_STEPS = 10

KINDS = {
    "matrix products": ("mm", "bmm", "addmm", "baddbmm", "gemm", "cutlass", "xmma", "nvjet"),
    "batch norm": ("batch_norm", "bn_"),
    "optimizer": ("fused_adam", "fused_sgd", "FusedAdam", "FusedSgd"),
    "gather": ("index_select", "indexSelect", "index"),
    "copies and rounding": ("copy", "Memcpy", "cat"),
}


def profile_steps(run: Callable[[int], object], network: Network, seeds: int, trace: Path) -> dict[str, Any]:
    """Time some steps, once plainly and once under PyTorch's profiler.

    Args:
        run: Does so many steps.
        network: The model's shape.
        seeds: That go through a step together.
        trace: The Chrome trace to write.

    Returns:
        `step_ms`, measured plainly; `ms_per_step` by kind of work, as the profiler sees it; `outside_ms`, the rest:
        Python, launches, waiting; the counted `mib_per_step` and `gflop_per_step`, the measured `copy_gb_per_s` and
        `gflop_per_s`, the `floor_ms` that they allow, and `floor_percent`, floor over measured.
    """
    device = torch.device("cuda" if network.config.device != "cpu" and torch.cuda.is_available() else "cpu")
    config = network.config
    precision = config.precision if device.type == "cuda" else config.precision.replace("tf32", "float32")
    precision = {"auto": "tf32" if device.type == "cuda" else "float32"}.get(precision, precision)
    rates = measure_rates(device)
    run(WARM_UP_STEPS)
    _wait(device)
    started = time.perf_counter()
    run(TIMED_STEPS)
    _wait(device)
    step_ms = 1e3 * (time.perf_counter() - started) / TIMED_STEPS
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as profiler:
        run(TIMED_STEPS)
        _wait(device)
    profiler.export_chrome_trace(str(trace))
    kinds = dict.fromkeys([*KINDS, "other arithmetic"], 0.0)
    for event in profiler.key_averages():
        if event.key.startswith(("cuda", "Optimizer", "ProfilerStep")):  # the host's part of a launch
            continue
        spent_us = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        kinds[_kind_of(event.key)] += spent_us / 1e3 / TIMED_STEPS
    floor_ms = 1e3 * seeds * floor_s(network, config.batch_size, rates, precision)
    return {
        "seeds": seeds,
        "batch_size": config.batch_size,
        "step_ms": step_ms,
        "ms_per_step": dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "outside_ms": max(0.0, step_ms - sum(kinds.values())),
        "mib_per_step": seeds * count_bytes(network, config.batch_size) / 2**20,
        "gflop_per_step": seeds * count_flops(network, config.batch_size) / 1e9,
        "copy_gb_per_s": rates.copy_bytes_per_s / 1e9,
        "gflop_per_s": rates.flops_per_s[precision] / 1e9,
        "floor_ms": floor_ms,
        "floor_percent": 100 * floor_ms / step_ms,
    }


def _kind_of(name: str) -> str:
    plain = name.removeprefix("aten::").strip("_")
    for kind, parts in KINDS.items():
        if any(plain == part or (len(part) > 3 and part in plain) for part in parts):
            return kind
    return "other arithmetic"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
