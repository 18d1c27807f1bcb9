"""What a short training measures of an epoch."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.cli.session.estimating import expected
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


def test_the_power_of_the_gpu_becomes_the_energy_of_the_study(tmp_path: Path, nvml: pytest.MonkeyPatch) -> None:
    """The board's mean at the ends of epochs, for as long as GPUs are held; not told, it stays unknown."""
    study = quadratic_study(fixed={}, resources={"gpus_per_trial": 1})

    def energy(**about: object) -> tuple[float | None, dict[str, Any] | None]:
        board = {"gpus": 1, "total": 80, "own": 8, "others": 2, "busy": 30, **about}
        nvml.setenv("FAKE_NVML", json.dumps(board))
        asked = Asked("whole", {"x": 0.5}, {"x": 0.5}, [1, 2], 0, 3, str(tmp_path), 60.0)
        probed = ThisProcess(study, Quadratic, {})(asked)
        told = expected(study, Quadratic, {}, [probed], driver="inline", slots=1, cluster=False, seconds=1.0)
        return probed.watts, told

    watts, told = energy(milliwatts=70_000)
    assert watts == 70.0
    assert told is not None
    assert told["energy_kwh"] == pytest.approx([0.07 * hours for hours in told["gpu_hours"]])
    assert told["energy_kwh"][2] > 0
    watts, told = energy()
    assert watts is None
    assert told is not None
    assert told["energy_kwh"] is None
