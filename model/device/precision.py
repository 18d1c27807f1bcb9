"""How numbers are represented: the type of the matrix products, TF32, and deterministic kernels.

| precision | parameters, optimizer, losses | matrix products |
| --- | --- | --- |
| float32 | float32 | float32 |
| tf32 | float32 | float32 rounded to 10 bits of mantissa inside tensor cores; on a CPU the same as float32 |
| bfloat16 | float32 | bfloat16 in and out, added up in float32 |
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from model.config import TrainingConfig


def product_type(config: TrainingConfig, parameters: Tensor) -> torch.dtype:
    """Give the type in which matrices are multiplied."""
    return torch.bfloat16 if config.precision == "bfloat16" else parameters.dtype


def recording_type(config: TrainingConfig) -> torch.dtype:
    """Give the type in which the recording lies on the device."""
    return torch.bfloat16 if config.recording_precision == "bfloat16" else torch.float32


@contextmanager
def numerics(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Set what PyTorch keeps per process, TF32 and determinism, for a while; then as it was."""
    with _deterministic(wanted=config.deterministic):
        if device.type != "cuda":
            yield
            return
        with _tf32(wanted=config.precision in {"auto", "tf32"}):
            yield


@contextmanager
def _tf32(*, wanted: bool) -> Iterator[None]:
    matmul = torch.backends.cuda.matmul
    named = hasattr(matmul, "fp32_precision")  # torch 2.9 and later
    before = matmul.fp32_precision if named else matmul.allow_tf32
    # The old switch moves the new one along. The new one alone makes torch refuse to read the old, and compilers do.
    matmul.allow_tf32 = wanted
    try:
        yield
    finally:
        matmul.allow_tf32 = before in {"tf32", True}
        if named:
            matmul.fp32_precision = before


@contextmanager
def _deterministic(*, wanted: bool) -> Iterator[None]:
    """Allow deterministic kernels only.

    cuBLAS is deterministic with a workspace of fixed size, which it reads from the environment when it starts.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic  # its switch is not in the type information
    filling = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # every buffer here is written before it is read
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        settings.fill_uninitialized_memory = filling
