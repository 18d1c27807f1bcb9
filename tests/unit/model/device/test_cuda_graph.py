"""CUDA graphs without a GPU: a fake that, like a GPU, executes nothing while it captures."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from model.device import cuda_graph
from model.device.cuda_graph import WARM_UP_CALLS, Captured


class FakeStream:
    """Waits for nobody: what is launched is done at once."""

    def wait_stream(self, other: "FakeStream") -> None:
        pass


class FakeGraph:
    def __init__(self) -> None:
        self.launched: list[Callable[[], object]] = []

    def replay(self) -> None:
        for one in self.launched:
            one()


class FakeCuda:
    """A device with streams and graphs; `breaks` makes every capture fail as CUDA does, twice."""

    def __init__(self) -> None:
        self.stream_now = self.first_stream = FakeStream()
        self.used: list[FakeStream] = []
        self.capturing: FakeGraph | None = None
        self.breaks = False

    def launch(self, kernel: Callable[[], object]) -> None:
        self.used.append(self.stream_now)
        if self.capturing is None:
            kernel()
        elif self.breaks:
            raise RuntimeError("this kernel waits for the host")
        else:
            self.capturing.launched.append(kernel)

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        before, self.stream_now = self.stream_now, stream
        try:
            yield
        finally:
            self.stream_now = before

    @contextmanager
    def graph(self, graph: FakeGraph) -> Iterator[None]:
        """As torch.cuda.graph: where ending the capture fails, the stream stays the capture's."""
        before, self.stream_now = self.stream_now, FakeStream()
        self.capturing = graph
        try:
            yield
        finally:
            self.capturing = None
            if self.breaks:
                raise RuntimeError("operation failed due to a previous error during capture")
            self.stream_now = before


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    parts: dict[str, Any] = {
        "Stream": lambda _: FakeStream(),
        "current_stream": lambda _: fake.stream_now,
        "stream": fake.stream,
        "graph": fake.graph,
        "CUDAGraph": FakeGraph,
    }
    for name, part in parts.items():
        monkeypatch.setattr(torch.cuda, name, part)
    cuda_graph._side_stream.cache_clear()
    return fake


class Adder:
    """Adds each input to a total that stays where it is."""

    def __init__(self, cuda: FakeCuda) -> None:
        self.calls = 0
        self.total = torch.zeros(())
        self.captured = Captured(self._add, torch.device("cpu"))
        self.captured._usable = True
        self._cuda = cuda

    def _add(self, x: Tensor) -> Tensor:
        self.calls += 1
        self._cuda.launch(lambda: self.total.add_(x.sum()))
        return self.total


def test_every_call_is_one_step(cuda: FakeCuda) -> None:
    """Warm-up, capture and replay each do the work once, with the input of their own call."""
    adder = Adder(cuda)
    seen = [float(adder.captured(torch.tensor([float(x)]))) for x in range(1, 8)]
    assert seen == [1, 3, 6, 10, 15, 21, 28]
    assert adder.calls == WARM_UP_CALLS + 1


def test_another_shape_is_captured_anew(cuda: FakeCuda) -> None:
    """A graph belongs to one shape; after a change the calls warm up and capture again, none is lost."""
    adder = Adder(cuda)
    for size in (1, 2):
        for _ in range(WARM_UP_CALLS + 3):
            adder.captured(torch.ones(size))
    assert adder.calls == 2 * (WARM_UP_CALLS + 1)
    assert adder.total == 3 * (WARM_UP_CALLS + 3)


def test_all_warm_up_on_one_stream(cuda: FakeCuda) -> None:
    """Memory that libraries keep per stream is kept once, however many functions warm up."""
    for adder in (Adder(cuda), Adder(cuda)):
        for _ in range(WARM_UP_CALLS):
            adder.captured(torch.ones(1))
    assert len(cuda.used) == 2 * WARM_UP_CALLS
    assert len(set(cuda.used)) == 1
    assert cuda.first_stream not in cuda.used


def test_a_capture_that_breaks_off_costs_nothing_but_the_graph(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    """Every call still does its work once, on the stream of the caller, and the log names the first cause."""
    cuda.breaks = True
    adder = Adder(cuda)
    with caplog.at_level(logging.WARNING, logger="latent-tune"):
        for _ in range(WARM_UP_CALLS + 3):
            adder.captured(torch.ones(1))
    assert adder.total == WARM_UP_CALLS + 3
    assert cuda.stream_now is cuda.first_stream
    assert [record.getMessage() for record in caplog.records] == [
        "no CUDA graph, training goes on without: this kernel waits for the host"
    ]
