"""Which device trains, and how arrays get there."""

import warnings
from typing import Any

import torch
from torch import Tensor


def choose_device(wanted: str) -> torch.device:
    """Find the device that a configuration wants: a GPU where there is one, unless it says cpu.

    Raises:
        ValueError: It wants CUDA, and there is none.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ValueError("device: is cuda, but PyTorch finds no usable GPU; use auto or cpu")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def to_device(array: Any, device: torch.device) -> Tensor:
    """Wrap an array without copying it on the CPU; it may be read-only, nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)
