"""PyTorch's modes, a set for each seed: one that yields inside of `with torch.no_grad()` does so for itself alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AUTOCAST = ("cpu", "cuda")
_AT_FIRST = {"gradients": True, "inference": False, **dict.fromkeys(_AUTOCAST)}


class TorchModes:
    """Holds the modes of one seed's code while it stands still: gradients, inference, autocast.

    PyTorch is not loaded for them. Code that has not run yet begins in the modes that it finds.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] | None = None
        self._out_of_inference: Any = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Has the modes be those in which this seed's code stood still; leaves those of before as they were."""
        before = _present()
        self._enter()
        try:
            yield
        finally:
            self._kept = _present()
            self._leave_for(before)

    def _enter(self) -> None:
        if self._out_of_inference is not None:
            self._out_of_inference.__exit__(None, None, None)
            self._out_of_inference = None
        if self._kept is not None:
            _set(self._kept)

    def _leave_for(self, before: dict[str, Any]) -> None:
        torch = sys.modules.get("torch")
        if torch is not None and torch.is_inference_mode_enabled() != before["inference"]:
            # There is no setting it: it is entered, and left when this seed goes on.
            self._out_of_inference = torch.inference_mode(before["inference"])
            self._out_of_inference.__enter__()
        _set(before)


def _present() -> dict[str, Any]:
    """Returns the modes as they are; those of a process at its beginning where PyTorch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        return dict(_AT_FIRST)
    kinds = {kind: torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None for kind in _AUTOCAST}
    return {"gradients": torch.is_grad_enabled(), "inference": torch.is_inference_mode_enabled(), **kinds}


def _set(modes: dict[str, Any]) -> None:
    """Sets the modes that can be set."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    torch.set_grad_enabled(modes["gradients"])
    for kind in _AUTOCAST:
        torch.set_autocast_enabled(kind, modes[kind] is not None)
        if modes[kind] is not None:
            torch.set_autocast_dtype(kind, modes[kind])
