"""CUDA graphs: what a function does on the device, recorded once and replayed with one launch.

A small model's step is some two hundred kernels of a few microseconds; launching them one by one would take longer
than running them. PyTorch's rules for capture, and how they are kept here:

* inputs and outputs keep their addresses: inputs are copied into tensors that stay, the output is read before the
  next call;
* nothing waits for the device or branches on its values: `model.training.step` does neither;
* memory is warm, libraries are initialised: the first calls run for real, on a side stream;
* the optimizer is capturable, its learning rate and step count are tensors; no random numbers are drawn.

Capturing executes nothing, so the warm-up calls, the capture's first replay and all later ones are each one step.
"""

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

WARM_UP_CALLS = 3  # as many as PyTorch's documentation asks for

log = logging.getLogger("latent-tune")


class Captured:
    """A function of tensors that becomes a CUDA graph after a few calls; on a CPU it is just called.

    Shapes may change: the graph is then captured again.

    Args:
        function: Takes and returns tensors on `device`; works in place on tensors that stay where they are.
        device: Where.
    """

    def __init__(self, function: Callable[..., Tensor], device: torch.device) -> None:
        self._function = function
        self._device = device
        self._usable = device.type == "cuda"
        self.forget()

    def forget(self) -> None:
        """Drop the graph, so that the next calls warm up and capture again."""
        self._inputs: list[Tensor] = []
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._output: Tensor | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Call the function; what it returns may be overwritten by the next call."""
        if not self._usable:
            return self._function(*inputs)
        self._take(inputs)
        if self._graph is None:
            if self._calls < WARM_UP_CALLS:
                return self._warm_up()
            self._capture()
        if self._graph is None or self._output is None:  # it could not be captured
            return self._function(*self._inputs)
        self._graph.replay()
        return self._output

    def _take(self, inputs: tuple[Tensor, ...]) -> None:
        """Copy the inputs to where the graph reads them."""
        if [(x.shape, x.dtype) for x in inputs] != [(x.shape, x.dtype) for x in self._inputs]:
            self.forget()
            self._inputs = [x.to(self._device).clone() for x in inputs]
            return
        for static, given in zip(self._inputs, inputs, strict=True):
            static.copy_(given)

    def _warm_up(self) -> Tensor:
        side = _side_stream(self._device)
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            output = self._function(*self._inputs)
        torch.cuda.current_stream(self._device).wait_stream(side)
        self._calls += 1
        return output

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        here = torch.cuda.stream(torch.cuda.current_stream(self._device))  # a capture that breaks off leaves its own
        try:
            with here, torch.cuda.graph(graph):
                self._output = self._function(*self._inputs)
        except RuntimeError as error:
            self._usable, self._output = False, None
            cause = error.__context__ or error  # ending a broken capture fails too, and says less
            log.warning("no CUDA graph, training goes on without: %s", cause)
            return
        self._graph = graph


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all: cuBLAS and the allocator keep memory for every stream that was ever used."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
