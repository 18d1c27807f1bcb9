"""Stands in for NVIDIA's `pynvml` where its folder comes first on PYTHONPATH: one machine, GPUs all alike.

`FAKE_NVML` holds what the machine has: `gpus`, `total`, `own` (bytes of the process that asks), `others` (bytes of
strangers), `busy` (percent; null: not told), `milliwatts` (left out: not told), `lost` (true: it answers no more).
Their UUIDs are GPU-0, GPU-1 and so on.
Without it there is no driver, as on a machine without GPUs.
"""

import json
import os
from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """As NVML's."""


def _machine() -> dict[str, Any]:
    if "FAKE_NVML" not in os.environ:
        raise NVMLError("Driver Not Loaded")
    return dict(json.loads(os.environ["FAKE_NVML"]))


def nvmlInit() -> None:  # noqa: N802 - NVML's name
    _machine()


def nvmlShutdown() -> None:  # noqa: N802 - NVML's name
    _machine()


def nvmlDeviceGetCount() -> int:  # noqa: N802 - NVML's name
    return int(_machine()["gpus"])


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802 - NVML's name
    if index >= nvmlDeviceGetCount():
        raise NVMLError("Invalid Argument")
    return index


def nvmlDeviceGetHandleByUUID(uuid: str) -> int:  # noqa: N802 - NVML's name
    if not uuid.removeprefix("GPU-").isdecimal():
        raise NVMLError("Not Found")
    return nvmlDeviceGetHandleByIndex(int(uuid.removeprefix("GPU-")))


def nvmlDeviceGetName(handle: int) -> str:  # noqa: N802 - NVML's name
    return "Fake GPU"


def nvmlDeviceGetMemoryInfo(handle: int) -> Any:  # noqa: N802 - NVML's name
    machine = _machine()
    if machine.get("lost"):
        raise NVMLError("GPU is lost")
    return SimpleNamespace(total=machine["total"], used=machine["own"] + machine.get("others", 0))


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[Any]:  # noqa: N802 - NVML's name
    return [SimpleNamespace(pid=os.getpid(), usedGpuMemory=_machine()["own"])]


def nvmlDeviceGetUtilizationRates(handle: int) -> Any:  # noqa: N802 - NVML's name
    busy = _machine()["busy"]
    if busy is None:
        raise NVMLError("Not Supported")
    return SimpleNamespace(gpu=busy)


def nvmlDeviceGetPowerUsage(handle: int) -> int:  # noqa: N802 - NVML's name
    if "milliwatts" not in _machine():
        raise NVMLError("Not Supported")
    return int(_machine()["milliwatts"])
