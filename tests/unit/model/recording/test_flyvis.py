import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.recording.connectome import unroll
from model.recording.flyvis import Simulation, simulate, simulated, write_recording
from model.recording.mistakes import RecordingError

Recorded = tuple[NDArray[np.float32], NDArray[np.float32]]


def whole(parameters: Simulation, **kwargs: Any) -> Recorded:
    voltages, stimulus = zip(*simulate(parameters, **kwargs), strict=True)
    return np.concatenate(voltages), np.concatenate(stimulus)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))


def test_shapes_are_rows_by_neurons_and_rows_by_photoreceptors() -> None:
    """A simulation gives float32 voltages [T, N] and the stimulus [T, M], all finite."""
    voltages, stimulus = whole(Simulation(extent=2, steps=50))
    assert (voltages.shape, stimulus.shape) == ((50, 1_203), (50, 152))
    assert voltages.dtype == stimulus.dtype == np.dtype(np.float32)
    assert np.isfinite(voltages).all()


def test_equal_parameters_give_equal_recordings() -> None:
    """The seed decides everything, bit for bit; another seed gives another recording."""
    first, again, other = (whole(Simulation(steps=60, seed=seed))[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("chunk_bytes", [1, 30_000])
def test_results_do_not_depend_on_the_chunk_size(chunk_bytes: int) -> None:
    """Chunks of one row, or of a few, give bit for bit the recording that one chunk gives."""
    parameters = Simulation(steps=120, seed=1)
    for small, large in zip(whole(parameters, chunk_bytes=chunk_bytes), whole(parameters), strict=True):
        assert np.array_equal(small, large)


def test_stride_keeps_every_kth_frame() -> None:
    """A recording of stride 3 is every third row of one of stride 1."""
    fine, coarse = (whole(Simulation(steps=steps, stride=stride)) for steps, stride in ((90, 1), (30, 3)))
    assert np.array_equal(fine[0][::3], coarse[0])
    assert np.array_equal(fine[1][::3], coarse[1])


def test_each_row_follows_from_the_last_by_the_equation() -> None:
    """Without noise, tau dv/dt = -v + bias + W relu(v) + light holds from row to row in float64."""
    voltages, stimulus = (a.astype(np.float64) for a in whole(Simulation(steps=40, noise=0.0, stride=1)))
    circuit = unroll(1)
    light = np.zeros_like(voltages)
    light[:, circuit.photoreceptors] = stimulus
    released = np.maximum(voltages, 0) @ circuit.weights.astype(np.float64).T
    # What is left of the equation is the bias: constant in time and shared by the neurons of a type.
    bias = (np.diff(voltages, axis=0) / 0.4 + voltages[:-1]) - released[:-1] - light[:-1]
    per_type = np.array([bias[:, circuit.neuron_type == kind].mean() for kind in range(65)])
    assert np.abs(bias - per_type[circuit.neuron_type]).max() < 1e-4
    assert per_type.mean() == pytest.approx(0.5, abs=0.03)
    assert per_type.std() == pytest.approx(0.05, abs=0.02)


def test_the_light_enters_the_photoreceptors_of_its_column() -> None:
    """R1 to R8 of one column see the same light; columns differ."""
    _, stimulus = whole(Simulation(steps=20))
    by_type = stimulus.reshape(20, 8, 7)
    assert np.array_equal(by_type, np.broadcast_to(by_type[:, :1], by_type.shape))
    assert by_type[:, 0].std(axis=1).min() > 0


def test_motion_is_predictable_and_noise_is_not() -> None:
    """A linear model of one row beats "nothing changes" by half on later rows, as a learnable recording must."""
    x = whole(Simulation(steps=3_000))[0].astype(np.float64)
    change = np.diff(x, axis=0)
    mean = x[:2_000].mean(axis=0)
    past, later = x[:2_000] - mean, x[2_200:-1] - mean
    fit = np.linalg.solve(past.T @ past + 10 * np.eye(443), past.T @ change[:2_000])
    assert ((change[2_200:] - later @ fit) ** 2).mean() < 0.5 * (change[2_200:] ** 2).mean()


def test_the_cached_recording_is_what_simulate_gives() -> None:
    """The cache holds exactly the simulated arrays, under a folder that parameters decide."""
    parameters = Simulation(steps=70)
    folder = simulated(parameters)
    voltages, stimulus = whole(parameters)
    assert np.array_equal(np.load(folder / "voltages.npy"), voltages)
    assert np.array_equal(np.load(folder / "stimulus.npy"), stimulus)
    assert simulated(Simulation(steps=70)) == folder
    assert simulated(Simulation(steps=70, seed=1)) != folder


def test_simulating_to_disk_holds_a_small_buffer_only() -> None:
    """A recording of 43 MB is written with less than half of that in memory at any time."""
    unroll(2)
    tracemalloc.start()
    simulated(Simulation(extent=2, steps=8_000, stride=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 21e6 < 8_000 * (1_203 + 152) * 4 / 2


def test_write_recording_writes_both_files(tmp_path: Path) -> None:
    """The command's function writes voltages and, beside them, the stimulus, and leaves nothing else."""
    out = write_recording(tmp_path / "fly", extent=1, steps=40, seed=2)
    assert out == tmp_path / "fly.npy"
    voltages, stimulus = whole(Simulation(extent=1, steps=40, seed=2))
    assert np.array_equal(np.load(out), voltages)
    assert np.array_equal(np.load(tmp_path / "fly-stimulus.npy"), stimulus)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fly-stimulus.npy", "fly.npy"]


def test_write_recording_says_where_it_cannot_write(tmp_path: Path) -> None:
    """A missing folder is one OSError that names the file; nothing is written."""
    out = tmp_path / "missing" / "fly.npy"
    message = f"{out} cannot be written: No such file or directory; choose another place"
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(message)}$"):
        write_recording(out, extent=1, steps=10)


def test_write_recording_refuses_a_folder(tmp_path: Path) -> None:
    """A folder in place of a file is refused with a name that would do."""
    with pytest.raises(IsADirectoryError, match=re.escape(f"{tmp_path} is a folder; name a file in it")):
        write_recording(tmp_path, extent=1, steps=10)


def test_write_recording_reports_all_parameters_at_once(tmp_path: Path) -> None:
    """Parameters out of range are reported together, each with its limit and value."""
    with pytest.raises(RecordingError) as caught:
        write_recording(tmp_path / "x.npy", extent=16, steps=1)
    assert str(caught.value).splitlines() == [
        "simulate.extent: input should be less than or equal to 15, got 16",
        "simulate.steps: input should be greater than or equal to 2, got 1",
    ]
