"""What one trial takes of a GPU, measured."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.calibration import own_gpu, short_run
from tune.gpus import Sample, visible_gpus

GB = 10**9
FOUR = '{"gpus": 4, "total": 80, "own": 8, "others": 2, "busy": 30}'


@dataclass
class Board:
    """A GPU on which strangers hold 10 GB, and this process 2 GB more at each look, up to 6."""

    sees_processes: bool = True
    total_bytes: int = 40 * GB
    looks: int = 0

    def sample(self) -> Sample:
        own = min(2 * self.looks, 6) * GB
        self.looks += 1
        return Sample(own if self.sees_processes else None, 10 * GB + own, 0.5)


@pytest.mark.parametrize("sees_processes", [True, False])
def test_a_short_run_is_measured(sees_processes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Peak, room beside strangers and utilisation, also in a container, where NVML sees no processes."""
    monkeypatch.setattr("tune.drivers.calibration._LONG_ENOUGH_S", 0.5)
    study = quadratic_study(fixed={"sleep_s": 0.05}, rungs=[{"epochs": 99, "seeds": 3}])
    measured = short_run(Quadratic, study, {}, [1, 2, 3], Board(sees_processes))
    assert (measured.peak_bytes, measured.room_bytes, measured.utilisation) == (6 * GB, 30 * GB, 0.5)
    assert measured.epoch_s >= 0.05


class Counting(Quadratic):
    """Counts the epochs that it was asked for, and those that it trained."""

    asked: int = 0
    trained: int = 0

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        Counting.asked, Counting.trained = epochs, 0
        for metrics in super().train(epochs):
            Counting.trained += 1
            yield metrics


def test_a_short_run_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for as many epochs as a trial does, which decides what is compiled, and ends after a few."""
    monkeypatch.setattr("tune.drivers.calibration._LONG_ENOUGH_S", 0.0)
    study = quadratic_study(rungs=[{"epochs": 1000, "seeds": 3}])
    short_run(Counting, study, {}, [1, 2, 3], Board())
    assert (Counting.asked, Counting.trained) == (1000, 3)
    short_run(Counting, study, {}, [1, 2, 3])
    assert (Counting.asked, Counting.trained) == (2, 2)
    single = quadratic_study(fixed={"sleep_s": 0.05}, rungs=[{"epochs": 1, "seeds": 3}])
    for board in (Board(), None):
        assert 0.05 <= short_run(Counting, single, {}, [1, 2, 3], board).epoch_s < 5
        assert (Counting.asked, Counting.trained) == (1, 1)


def test_the_gpu_of_this_process_is_asked(nvml: pytest.MonkeyPatch) -> None:
    """The first that CUDA_VISIBLE_DEVICES names; none where it names none, or there is no driver."""
    nvml.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert own_gpu() is None
    assert visible_gpus() == []
    nvml.setenv("FAKE_NVML", FOUR)
    gpu = own_gpu()
    assert gpu is not None
    assert gpu.total_bytes == 80
    assert gpu.sample() == Sample(8, 10, 0.3)
    nvml.setenv("FAKE_NVML", FOUR.replace("30", "null"))
    assert gpu.sample() == Sample(8, 10, None)
    nvml.setenv("FAKE_NVML", FOUR.replace("}", ', "lost": true}'))
    assert gpu.sample() is None
    assert own_gpu() is None
    nvml.setenv("FAKE_NVML", FOUR)
    nvml.setenv("CUDA_VISIBLE_DEVICES", "9")
    assert own_gpu() is None
    nvml.setenv("CUDA_VISIBLE_DEVICES", "")
    assert own_gpu() is None
