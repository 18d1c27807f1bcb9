"""The peak of memory while something is measured."""

import ctypes
from pathlib import Path
from typing import Self

import torch

from benchmarks.process_memory import status_mib
from benchmarks.rehearsal import on_gpu


class PeakMemory:
    """The most memory taken while inside, above what was taken at entry; `mib` is None where nobody counts it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.mib: float | None = None

    def __enter__(self) -> Self:
        if on_gpu(self._device):
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before: float | None = torch.cuda.memory_allocated(self._device) / 2**20
        else:
            ctypes.CDLL(None).malloc_trim(0)  # or what others have freed would be taken for nothing
            try:
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the kernel forgets the old peak
            except OSError:
                self._before = None
            else:
                self._before = status_mib("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            cuda = on_gpu(self._device)
            peak = torch.cuda.max_memory_allocated(self._device) / 2**20 if cuda else status_mib("VmHWM")
            self.mib = peak - self._before
