"""`torch.compile` that a training cannot die of, used where it pays."""

import logging
import os
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import torch

from model.config import TrainingConfig
from model.recording.cache import cache_folder

# What compiling costs and gains. The cost is that of a cold cache; both are estimates for a GPU, on the careful side.
COMPILE_COST_S = 60.0
EXPECTED_GAIN = 0.2

log = logging.getLogger("latent-tune")
_reported: set[str] = set()


class Compiled:
    """A function that is compiled at its first call, and called as it is if that fails.

    Args:
        function: Must be free to be called again after it broke off.
        backend: Of `torch.compile`.
    """

    def __init__(self, function: Callable[..., Any], backend: str | Callable[..., Any] = "inductor") -> None:
        share_cache()
        self._function = function
        self._compiled: Callable[..., Any] | None = torch.compile(
            _with_own_code(function), backend=backend, dynamic=False
        )

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function, or the plain one after the compiler failed."""
        if self._compiled is not None:
            try:
                return self._compiled(*arguments)
            except Exception as error:  # noqa: BLE001 - a compiler may fail in any way; the plain function decides
                self._compiled = None
                report_once(error)
        return self._function(*arguments)


def _with_own_code(function: Any) -> Callable[..., Any]:
    """The same function with a code object that nobody else has.

    The compiler keeps what it compiled by code object and gives up at the eighth; a process may train far more often.
    """
    plain = getattr(function, "__func__", function)
    copy = FunctionType(
        plain.__code__.replace(), plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
    )
    return copy if plain is function else MethodType(copy, function.__self__)


def report_once(error: Exception) -> None:
    """Log that the compiler failed, once per process and kind of failure."""
    kind = type(error).__name__
    if kind not in _reported:
        _reported.add(kind)
        cause = " ".join(str(error).split())[:200]
        log.warning("torch.compile failed, training goes on without: %s: %s", kind, cause)


def share_cache() -> None:
    """Keep compiled kernels where all trials and later processes on this machine find them."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder().with_name("inductor")))


def pays(config: TrainingConfig, device: torch.device, remaining_s: float) -> bool:
    """Say whether compiling now would make up for its cost.

    `auto` decides by measured time, so it never does in a deterministic training, where times must not matter. On a
    CPU most time is in library products that no compiler improves, so there `auto` means off.

    Args:
        config: Choice and determinism.
        device: Where training runs.
        remaining_s: What the epochs still to do would take as they are now.
    """
    if config.compile != "auto":
        return config.compile == "on"
    return device.type == "cuda" and not config.deterministic and remaining_s * EXPECTED_GAIN > COMPILE_COST_S
