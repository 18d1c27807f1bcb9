"""The GPUs of this machine, as NVML tells of them; none where it does not answer."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Sample:
    """What a GPU does at one moment.

    Attributes:
        own_bytes: Memory held by this process; None where NVML does not see it, as in a container.
        used_bytes: Held by all.
        utilisation: Share of the time just past in which it ran a kernel of anyone, 0 to 1; None where it is not told.
        watts: Power that the whole board draws; None where it is not told.
    """

    own_bytes: int | None
    used_bytes: int
    utilisation: float | None
    watts: float | None = None


class Gpu(Protocol):
    """One GPU."""

    @property
    def total_bytes(self) -> int:
        """Its memory."""

    def sample(self) -> Sample | None:
        """Returns what it does now; None where it does not answer any more."""


class NvmlGpu:
    """A GPU as NVML sees it.

    Args:
        nvml: The initialised `pynvml` module.
        handle: NVML's handle of the device.

    Attributes:
        name: Of its kind, as `NVIDIA H200`.
        total_bytes: Its memory.

    Raises:
        pynvml.NVMLError: If NVML does not answer.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        self.name = str(nvml.nvmlDeviceGetName(handle))
        self.total_bytes = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)

    def sample(self) -> Sample | None:
        """Returns what it does now; None where it does not answer any more."""
        own = utilisation = watts = None
        with suppress(self._nvml.NVMLError):
            for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle):
                if process.pid == os.getpid() and process.usedGpuMemory is not None:
                    own = int(process.usedGpuMemory)
        with suppress(self._nvml.NVMLError):
            utilisation = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
        with suppress(self._nvml.NVMLError):
            watts = self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000
        with suppress(self._nvml.NVMLError):
            return Sample(own, int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used), utilisation, watts)
        return None


def every_gpu() -> list[NvmlGpu]:
    """Returns the GPUs of this machine."""
    return _found(lambda nvml: [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())])


def visible_gpus() -> list[NvmlGpu]:
    """Returns the GPUs that this process may use: those that CUDA_VISIBLE_DEVICES names, else all.

    As CUDA has it, only those before the first that there is none of.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return every_gpu()

    def named(nvml: Any) -> list[Any]:
        handles: list[Any] = []
        with suppress(nvml.NVMLError, ValueError):
            for name in (one.strip() for one in visible.split(",")):
                by_uuid = name.startswith(("GPU-", "MIG-"))
                handles.append(
                    nvml.nvmlDeviceGetHandleByUUID(name) if by_uuid else nvml.nvmlDeviceGetHandleByIndex(_index(name))
                )
        return handles

    return _found(named)


def gpu_called(uuid: str) -> NvmlGpu | None:
    """Returns the GPU of a UUID, `GPU-…`; None where NVML knows of none."""
    return next(iter(_found(lambda nvml: [nvml.nvmlDeviceGetHandleByUUID(uuid)])), None)


def _index(name: str) -> int:
    """Returns the number of a device; ValueError: it is none, as in `-1` and `NoDevFiles`."""
    if not name.isdecimal():
        raise ValueError(name)
    return int(name)


def _found(handles: Callable[[Any], list[Any]]) -> list[NvmlGpu]:
    import pynvml

    try:
        pynvml.nvmlInit()
        return [NvmlGpu(pynvml, handle) for handle in handles(pynvml)]
    except pynvml.NVMLError:
        return []
