"""Other recordings beside the one that is trained on: how they are read, named, scaled, and what is refused."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model.recording.loading import load_recording
from model.recording.mistakes import RecordingError
from model.recording.recording import as_mapping, describe, from_mapping

SPLIT = {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", 3 + 2 * data())
    np.save("noise_free.npy", data(seed=1))
    np.save("wide.npy", data(columns=6))


def data(rows: int = 64, columns: int = 5, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def spec(others: Any, **changes: Any) -> dict[str, Any]:
    return {"path": "own.npy", "split": SPLIT, **changes, "others": others}


def mistakes(given: Mapping[str, Any]) -> list[str]:
    with pytest.raises(RecordingError) as caught:
        load_recording(given)
    return str(caught.value).splitlines()


NOISE_FREE = {"path": "noise_free.npy", "split": {"train": [0, 4], "validation": [4, 50], "test": [50, 64]}}


def test_each_has_its_own_split() -> None:
    """Another recording is read as any recording, with the split that its block gives."""
    recording = load_recording(spec({"noise_free": NOISE_FREE}))
    assert np.array_equal(recording.others["noise_free"].voltages, data(seed=1))
    assert recording.others["noise_free"].split.validation == (4, 50)
    assert recording.split.validation == (45, 60)


def test_they_are_described_by_name() -> None:
    """Each is a line for people, after what is said of the one that is trained on."""
    lines = describe(load_recording(spec({"noise_free": NOISE_FREE})))
    assert lines == [
        "64 rows x 5 neurons, float32, from own.npy",
        "noise_free: 64 rows x 5 neurons, float32, from noise_free.npy",
    ]


def test_they_cross_to_other_processes_without_a_copy() -> None:
    """The mapping holds them as plain mappings; without any it is what it always was."""
    recording = load_recording(spec({"noise_free": NOISE_FREE}))
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(as_mapping(recording), protocol=5, buffer_callback=buffers.append)
    assert len(pickled) < 2_000
    again = from_mapping(pickle.loads(pickled, buffers=buffers))  # noqa: S301 - made two lines above
    assert np.shares_memory(again.others["noise_free"].voltages, recording.others["noise_free"].voltages)
    assert again.others["noise_free"].split == recording.others["noise_free"].split
    assert "others" not in as_mapping(load_recording({"path": "own.npy", "split": SPLIT}))


def test_they_are_scaled_as_the_one_that_is_trained_on() -> None:
    """Where that is standardized, mean and standard deviation are of its training rows, the units of the model."""
    recording = load_recording(spec({"noise_free": NOISE_FREE}, standardize=True))
    training = np.load("own.npy")[:40].astype(float)
    expected = (data(seed=1) - training.mean(axis=0)) / training.std(axis=0)
    np.testing.assert_allclose(recording.others["noise_free"].voltages, expected, rtol=1e-5, atol=1e-6)
    assert recording.others["noise_free"].source == "noise_free.npy, scaled by the same numbers"
    plain = load_recording({"path": "own.npy", "split": SPLIT, "standardize": True})
    assert np.array_equal(recording.voltages, plain.voltages)


def test_a_simulation_may_be_another() -> None:
    """Without noise, say: the same neurons, another block of `simulate`."""
    given = {"simulate": {"steps": 64}, "others": {"noise_free": {"simulate": {"steps": 160, "noise": 0.01}}}}
    assert len(load_recording(given).others["noise_free"].voltages) == 160


def test_all_mistakes_are_told_under_their_own_path() -> None:
    """What is wrong in the block of another recording is told with its name, together with all else that is wrong."""
    others = {
        "a b": NOISE_FREE,
        "nested": {**NOISE_FREE, "others": {}},
        "scaled": {**NOISE_FREE, "standardize": True},
        "split": {"path": "x.npy", "split": {"train": [0, 4]}},
        "neither": {},
        "text": "x.npy",
    }
    assert mistakes(spec(others, splitt=1)) == [
        "recording.splitt: unknown key; did you mean 'split'?",
        "recording.others.a b: a name has letters, digits, _ and -, and becomes part of metrics' names; got 'a b'",
        "recording.others.nested.others: other recordings have none of their own",
        "recording.others.scaled.standardize: others are scaled as the recording that is trained on; leave it out",
        "recording.others.split.split.validation: field required, got {'train': [0, 4]}",
        "recording.others.split.split.test: field required, got {'train': [0, 4]}",
        "recording.others.neither: needs either simulate or path, got neither",
        "recording.others.text: must be a mapping, a recording's, got 'x.npy'",
    ]
    assert mistakes(spec(["x"])) == ["recording.others: must be a mapping from names to recordings, got ['x']"]


def test_what_a_file_holds_is_told_under_its_path_too() -> None:
    """Also advice, and never inside of the name of a file."""
    constant = data()
    constant[:, 2] = 1
    np.save("recording.npy", constant)
    (line,) = mistakes(spec({"x": {"path": "recording.npy", "split": SPLIT}}))
    assert line.startswith("recording.others.x.path: recording.npy has 1 of 5 neurons that never change")
    assert line.endswith("set recording.others.x.allow_constant: true")


def test_other_neurons_are_refused() -> None:
    """A model of five neurons cannot be evaluated on six, read from files or handed over."""
    message = "recording.others.wide: must have the 5 neurons of the recording that is trained on, got 6"
    assert mistakes(spec({"wide": {"path": "wide.npy", "split": SPLIT}})) == [message]
    with pytest.raises(RecordingError) as caught:
        from_mapping({"voltages": data(), "others": {"wide": {"voltages": data(columns=6)}}})
    assert str(caught.value) == message
