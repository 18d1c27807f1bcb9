"""Watching a GPU, against a fake NVML with one board; without a GPU nothing is known and nothing invented."""

import sys
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from model.device.gpu_sampler import GpuReading, NullSampler, NvmlSampler, watch_gpu

OWN_PID = 42


class FakeNvmlError(Exception):
    """What the fake raises where NVML would raise NVMLError."""


@dataclass
class FakeNvml:
    """A board with two processes; each question of utilisation gives the next value of a list, then the last."""

    utilisations: list[int] = field(default_factory=lambda: [50])
    power: bool = True
    shutdowns: int = 0
    NVMLError: type[Exception] = FakeNvmlError

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:  # noqa: N802  # NVML's name
        now = self.utilisations.pop(0) if len(self.utilisations) > 1 else self.utilisations[0]
        return SimpleNamespace(gpu=now)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802  # NVML's name
        return [
            SimpleNamespace(pid=7, usedGpuMemory=900 * 2**20),
            SimpleNamespace(pid=OWN_PID, usedGpuMemory=300 * 2**20),
        ]

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802  # NVML's name
        if not self.power:
            raise self.NVMLError
        return 123_000

    def nvmlShutdown(self) -> None:  # noqa: N802  # NVML's name
        self.shutdowns += 1


def test_without_a_gpu_nothing_is_known() -> None:
    """Training on the CPU is watched by a sampler whose every reading is None."""
    sampler = watch_gpu(torch.device("cpu"))
    assert isinstance(sampler, NullSampler)
    assert sampler.take() == GpuReading(None, None, None)
    sampler.close()


def test_units_and_own_memory() -> None:
    """Utilisation in percent, this process's memory in MiB, power in watts."""
    sampler = NvmlSampler(FakeNvml(), "board", interval_s=60, pid=OWN_PID)
    assert sampler.take() == GpuReading(50.0, 300.0, 123.0)
    assert sampler.take() == GpuReading(50.0, 300.0, 123.0)
    sampler.close()


def test_mean_of_the_samples_since_the_last_reading() -> None:
    """A reading averages the new samples; the first sample of all counts only while it is the only one."""
    sampler = NvmlSampler(FakeNvml([90, 10, 20, 20]), "board", interval_s=0.002, pid=OWN_PID)
    limit = time.monotonic() + 5
    while len(sampler._samples) < 4 and time.monotonic() < limit:
        time.sleep(0.002)
    sampler.close()
    first = sampler.take().utilisation_percent
    assert first is not None
    assert 10 < first <= 20
    assert sampler.take().utilisation_percent == 20.0


def test_what_the_device_does_not_tell_is_none() -> None:
    """A question that NVML refuses, or a process that it does not see, reads None; the rest is still told."""
    sampler = NvmlSampler(FakeNvml(power=False), "board", interval_s=60, pid=OWN_PID + 1)
    assert sampler.take() == GpuReading(50.0, None, None)
    sampler.close()


def test_closing_twice_releases_nvml_once() -> None:
    """Closing is idempotent and ends the thread."""
    nvml = FakeNvml()
    sampler = NvmlSampler(nvml, "board", interval_s=60, pid=OWN_PID)
    sampler.close()
    sampler.close()
    assert nvml.shutdowns == 1
    assert not sampler._thread.is_alive()


def test_cuda_without_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NVML cannot start, training is watched by a sampler that knows nothing."""

    def refuse() -> None:
        raise FakeNvmlError

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlInit=refuse, NVMLError=FakeNvmlError))
    assert isinstance(watch_gpu(torch.device("cuda")), NullSampler)
