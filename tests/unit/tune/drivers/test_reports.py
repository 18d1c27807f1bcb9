"""Of which class a failure is."""

import pytest

from tune.drivers.reports import failure_class


class OutOfMemoryError(RuntimeError):
    """By the name of PyTorch's, and of Ray's."""


WRAPPED = ValueError("a step died")
WRAPPED.__cause__ = MemoryError()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "out_of_memory"),
        (OutOfMemoryError("x"), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (WRAPPED, "out_of_memory"),
        (ValueError("CUDA out of memory"), "crashed"),
        (RuntimeError("size mismatch"), "crashed"),
    ],
)
def test_out_of_memory_is_known_by_name_and_text(error: BaseException, expected: str) -> None:
    """Whatever library says it, and however it is wrapped."""
    assert failure_class(error) == expected


def test_pytorchs_own_error_is_known() -> None:
    """The exception that PyTorch raises on a GPU."""
    import torch

    assert failure_class(torch.OutOfMemoryError("CUDA out of memory")) == "out_of_memory"
