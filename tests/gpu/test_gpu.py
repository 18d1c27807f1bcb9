"""The checks of benchmarks/gpu_checks.py, which also run where there is no pytest."""

from collections.abc import Callable

import pytest
import torch

from benchmarks.gpu_checks import CHECKS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_a_gpu(check: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the check's own docstring promises."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    check()
