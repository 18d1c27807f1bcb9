"""What the GPU does while training: utilisation, memory, power, sampled through NVML in a thread of its own.

Without a GPU, or where NVML does not answer, every reading is None: never invented.
"""

import os
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, Protocol

import torch

SAMPLING_INTERVAL_S = 0.5  # NVML itself averages utilisation over 1/6 to 1 s
MIB = 2**20


@dataclass(frozen=True)
class GpuReading:
    """Means over the samples of an interval.

    Attributes:
        utilisation_percent: Share of time in which the GPU ran a kernel of anyone, 0 to 100.
        memory_mib: Held by this process.
        power_w: Drawn by the whole board.
    """

    utilisation_percent: float | None = None
    memory_mib: float | None = None
    power_w: float | None = None


class GpuSampler(Protocol):
    """Watches a GPU from construction to `close`."""

    def take(self) -> GpuReading:
        """Mean of the samples since the last call, or the latest sample when there was none since."""

    def close(self) -> None:
        """Stop watching; idempotent."""


class NullSampler:
    """Stands in where there is no GPU to watch."""

    def take(self) -> GpuReading:
        """Know nothing."""
        return GpuReading()

    def close(self) -> None:
        """Do nothing."""


class NvmlSampler:
    """Samples one device every `interval_s` seconds.

    Args:
        nvml: The initialised `pynvml` module; shut down by `close`.
        handle: NVML's handle of the device.
        interval_s: Seconds between samples.
        pid: Whose memory to report.
    """

    def __init__(self, nvml: Any, handle: Any, interval_s: float = SAMPLING_INTERVAL_S, pid: int | None = None) -> None:
        self._nvml = nvml
        self._handle = handle
        self._pid = os.getpid() if pid is None else pid
        self._interval_s = interval_s
        self._lock = Lock()
        self._samples = [self._sample()]
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="gpu-sampler", daemon=True)
        self._thread.start()

    def take(self) -> GpuReading:
        """Mean of the samples since the last call, or the latest sample when there was none since."""
        with self._lock:
            samples = self._samples
            self._samples = samples[-1:]
        fresh = samples[1:] or samples
        return GpuReading(
            _mean([sample.utilisation_percent for sample in fresh]),
            _mean([sample.memory_mib for sample in fresh]),
            _mean([sample.power_w for sample in fresh]),
        )

    def close(self) -> None:
        """Stop the thread and release NVML; idempotent."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join()
        self._nvml.nvmlShutdown()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval_s):
            sample = self._sample()
            with self._lock:
                self._samples.append(sample)

    def _sample(self) -> GpuReading:
        return GpuReading(
            self._ask(lambda: float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)),
            self._ask(self._own_memory_mib),
            self._ask(lambda: self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000),
        )

    def _own_memory_mib(self) -> float | None:
        """Memory of this process; None where NVML does not see it (another pid namespace) or will not tell."""
        for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle):
            if process.pid == self._pid and process.usedGpuMemory is not None:
                return float(process.usedGpuMemory / MIB)
        return None

    def _ask(self, question: Any) -> float | None:
        """Answer None where the device does not support the question."""
        try:
            answer: float | None = question()
        except self._nvml.NVMLError:
            return None
        return answer


def watch_gpu(device: torch.device) -> GpuSampler:
    """Watch the GPU that training runs on; a sampler that knows nothing when it runs on none, or NVML is missing."""
    if device.type != "cuda":
        return NullSampler()
    import pynvml

    try:
        pynvml.nvmlInit()
        # by UUID: NVML's numbering ignores CUDA_VISIBLE_DEVICES
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError:
        return NullSampler()
    return NvmlSampler(pynvml, handle)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
