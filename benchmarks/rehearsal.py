"""The GPU's part, played on a CPU: what wants a GPU can be tried without one, so that its first minute finds no typo.

With REHEARSE=1 in the environment `DEVICE` is the CPU, and `stage()` plays what PyTorch has for CUDA. A capture records
the operations of a function and does none of those that change anything, as CUDA's does; a replay does them. So a step
that would decide by a value of the device, or that keeps no address, fails here as it would there. Times mean nothing.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

REHEARSED = os.environ.get("REHEARSE") == "1"
DEVICE = "cpu" if REHEARSED else "cuda"
RESULTS = Path(os.environ.get("REHEARSAL_RESULTS") or Path(__file__).parent / "results")
"""Where results are written; a rehearsal's are of no use to anybody."""


def on_gpu(device: torch.device) -> bool:
    """Says whether a device is a GPU, or plays one."""
    return REHEARSED or device.type == "cuda"


_WRITES_UNSAID = {torch.ops.aten.native_batch_norm.default: (3, 4)}
"""Operations that change arguments, the running statistics here, of which their schemas do not say so."""


class Graph:
    """What a capture recorded."""

    def __init__(self) -> None:
        self.operations: list[Callable[[], object]] = []

    def replay(self) -> None:
        """Does it."""
        for operation in self.operations:
            operation()


class _Recorder(TorchDispatchMode):
    """Records operations; those that change a tensor are done on copies meanwhile."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given, named = tuple(args), dict(kwargs or {})
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing: the host waits for a value")
        schema = func._schema
        written = {
            (place if place < len(given) else one.name): alias
            for place, one in enumerate(schema.arguments)
            if (alias := one.alias_info) is not None and alias.is_write
        }
        if written or func in _WRITES_UNSAID:
            unsaid = dict.fromkeys(_WRITES_UNSAID.get(func, ()))
            return self._changing(func, given, named, {**written, **unsaid})
        found = func(*given, **named)
        if not any(one.alias_info is not None for one in schema.returns):  # a view changes with what it shows
            self._graph.operations.append(lambda: _put(found, func(*given, **named)))
        return found

    def _changing(self, func: Any, given: tuple[Any, ...], named: dict[str, Any], written: dict[Any, Any]) -> Any:
        copied = [_copy(one) if place in written else one for place, one in enumerate(given)]
        found = func(*copied, **{name: _copy(one) if name in written else one for name, one in named.items()})
        owners = {
            name: given[place] if isinstance(place, int) else named.get(place)
            for place, alias in written.items()
            for name in (alias.before_set if alias is not None else ())
        }
        returns = func._schema.returns
        several = found if isinstance(found, tuple) else (found,)
        kept = tuple(
            next((owners[name] for name in one.alias_info.before_set), None) if one.alias_info is not None else value
            for one, value in zip(returns, several, strict=len(returns) > 0)
        )
        fresh = [place for place, one in enumerate(returns) if one.alias_info is None]

        def again() -> None:
            new = func(*given, **named)
            for place in fresh:
                _put(kept[place], new[place] if isinstance(new, tuple) else new)

        self._graph.operations.append(again)
        return kept if isinstance(found, tuple) else kept[0] if kept else None


def _copy(value: Any) -> Any:
    return tree_map(lambda one: one.clone() if isinstance(one, Tensor) else one, value)


def _put(old: Any, new: Any) -> None:
    """Puts results where those of the capture lie."""
    if isinstance(old, Tensor):
        old.copy_(new)
    elif isinstance(old, list | tuple):
        for one, other in zip(old, new, strict=True):
            _put(one, other)


def _compiled(compiler: Callable[..., Any], function: Callable[..., Any], **_: Any) -> Any:
    return compiler(function, backend="eager", dynamic=False)


class _Stream:
    """Waits for nobody: what is launched is done at once."""

    def wait_stream(self, other: "_Stream") -> None:
        """Does nothing."""


@contextmanager
def stage() -> Iterator[None]:
    """Plays CUDA's part while it is entered; nothing where nothing is rehearsed."""
    if not REHEARSED:
        yield
        return
    from model.device import cuda_graph
    from model.training.step import TrainingStep

    here, made = _Stream(), cuda_graph.Captured.__init__

    def captured(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self._usable = True

    cuda = {
        "CUDAGraph": Graph,
        "Stream": lambda _: here,
        "current_stream": lambda _: here,
        "stream": lambda _: nullcontext(),
        "graph": _Recorder,
        "synchronize": lambda _=None: None,
        "reset_peak_memory_stats": lambda _=None: None,
        "memory_allocated": lambda _=None: 0,
        "max_memory_allocated": lambda _=None: 0,
        "get_device_name": lambda _=None: "a CPU that plays a GPU",
        "get_device_properties": lambda _=None: SimpleNamespace(uuid="0"),
    }
    cuda_graph._side_stream.cache_clear()
    with ExitStack() as parts:
        for name, part in cuda.items():
            parts.enter_context(patch.object(torch.cuda, name, part))
        parts.enter_context(patch.object(cuda_graph.Captured, "__init__", captured))
        parts.enter_context(patch.object(torch, "compile", partial(_compiled, torch.compile)))  # as fast as that is
        # On a CPU a step looks at flags that lie at hand; on a GPU it does not wait for them.
        parts.enter_context(patch.object(TrainingStep, "_must_mask", lambda _: True))
        yield
    cuda_graph._side_stream.cache_clear()
