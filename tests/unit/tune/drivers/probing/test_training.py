"""What a short training measures of an epoch."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.probing import training
from tune.drivers.probing.asked import Asked
from tune.drivers.probing.processes import ThisProcess


def test_saving_is_none_of_an_epochs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch took what the trainer trained: not its checkpoint, nor what is imported to write that."""
    clock = Clock()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=clock, time=lambda: 0.0))

    class Slow(Quadratic):
        def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
            for row in super().train(epochs):
                clock.now += 2.0
                yield row

        def state(self) -> dict[int, Any]:
            clock.now += 1000.0
            return super().state()

    study = quadratic_study(fixed={})
    probed = ThisProcess(study, Slow, {})(Asked("whole", {"x": 0.5}, {"x": 0.5}, [1, 2], 0, 3, str(tmp_path), 60.0))
    assert [epoch.seconds for epoch in probed.epochs] == [2.0, 2.0, 2.0]
    assert clock.now >= 1006.0
    assert not probed.died
