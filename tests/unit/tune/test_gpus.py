"""The GPUs of this machine."""

import pytest

from tune.gpus import visible_gpus


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        (None, 4),
        ("0,1", 2),
        ("", 0),
        ("-1", 0),
        ("2,-1,3", 1),
        ("NoDevFiles", 0),
        ("7", 0),
        ("0,7,1", 1),
        ("GPU-3, 1", 2),
    ],
)
def test_gpus_are_counted_as_cuda_would(nvml: pytest.MonkeyPatch, visible: str | None, gpus: int) -> None:
    """CUDA_VISIBLE_DEVICES may hide some, or all."""
    nvml.setenv("FAKE_NVML", '{"gpus": 4, "total": 80, "own": 8, "others": 2, "busy": 30}')
    if visible is None:
        nvml.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        nvml.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert len(visible_gpus()) == gpus
