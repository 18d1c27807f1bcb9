"""Whatever bytes a file holds, its reader returns a value or raises the error that it documents."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.recording.loading import load_recording
from model.recording.mistakes import RecordingError
from tune.errors import DamagedCheckpoint, UserMistake
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.curves.files import read_parquet, read_stream
from tune.ledger.curves.follow import CurveTail
from tune.ledger.curves.store import CurveStore
from tune.ledger.storage.folders import LocalFolder
from tune.study import document
from tune.study.study import Study, build_study
from tune.study.training import Training

QUICK = settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ODD_BYTES = [
    b"\xff" * 8,
    b"\x00" * 8,
    (2**62).to_bytes(8, "little"),
    (2**31 - 1).to_bytes(4, "little"),
    b"'|O'",
    b"(-1,5)",
]
ODD_YAML = [
    *("!!int ''", "!!float x", "!!bool x", "!!timestamp x", "!!binary x", "!!python/name:os.system", "!!omap [a]"),
    *("&a [*a]", "*a", "<<: [1]", "? [a]: b", "9" * 5000, "1e999", '"\\ud800"', "[[[[", "\n...\n", "%YAML 9\n---\n"),
    *("{", "}", "[", "]", ":", "- ", "\n", "~", "'", '"', "|", "\x85", "\ufeff"),
]


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """A good file with a few bytes flipped, replaced or cut off."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        # Heads and tails of files say how the rest is read.
        place = draw(st.integers(0, len(content)) | st.integers(0, 200) | st.integers(0, 300).map(lambda n: -n))
        place = max(0, min(place % (len(content) + 1), len(content) - 1))
        change = draw(st.sampled_from(["flip", "replace", "cut", "insert"]))
        if change == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif change == "cut":
            del content[place:]
        else:
            odd = draw(st.sampled_from(ODD_BYTES) | st.binary(min_size=1, max_size=8))
            content[place : place + (len(odd) if change == "replace" else 0)] = odd
    return bytes(content)


@st.composite
def scrambled(draw: st.DrawFn, good: str) -> str:
    """A good text with a few odd pieces put into it."""
    text = good
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 8, 40]))
        text = text[:start] + draw(st.sampled_from(ODD_YAML) | st.text(max_size=5)) + text[end:]
    return text


def bytes_of(write: Callable[[Any], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


# ---------------------------------------------------------------------------------------------------------- YAML

STUDY = (Path(__file__).parents[3] / "search_spaces" / "quickstart.yaml").read_text()
TRAINING = """\
name: one
trainer: tests.fakes.trainers:Quadratic
recording: {simulate: {extent: 1}}
config: {x: 0.5, fragile: false}
seeds: [1, 2]
epochs: 2
"""


@QUICK
@given(scrambled(STUDY))
def test_a_study_file_is_a_study_or_a_mistake(text: str) -> None:
    """No text makes the reader of study files fail in another way, or return anything else."""
    try:
        assert isinstance(build_study(document.parse(text, "study.yaml")), Study)
    except UserMistake as mistake:
        assert str(mistake).startswith("study.yaml: ")  # noqa: PT017 - both ends are allowed


@QUICK
@given(scrambled(TRAINING))
def test_a_training_file_is_a_training_or_mistakes(text: str) -> None:
    """The same of `best.yaml`."""
    try:
        training, mistakes = document.validate(Training, document.parse(text, "best.yaml"))
    except UserMistake:
        return
    assert (training is None) <= bool(mistakes)


@QUICK
@given(scrambled("search.trials=[1, {a: b}]"))
def test_a_setting_of_the_command_line_is_taken_or_a_mistake(text: str) -> None:
    """The same of `--set path=value`."""
    file = document.parse(TRAINING, "x")
    try:
        document.assign_text(file, text)
    except UserMistake:
        return
    assert isinstance(file.value, dict)


def test_aliases_of_aliases_are_refused_at_once() -> None:
    """A few lines that mean a thousand million values are a mistake, not a morning's work."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(UserMistake, match="more than 100,000 values"):
        document.parse("\n".join(lines), "study.yaml")


# ---------------------------------------------------------------------------------------------------- recordings

ROWS = np.random.default_rng(0).standard_normal((64, 5)).astype(np.float32)
TABLE = pa.table({f"n{column}": ROWS[:, column].astype(np.float64) for column in range(5)})


def ipc(kind: Callable[..., Any]) -> bytes:
    def write(file: Any) -> None:
        with kind(file, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=20)

    return bytes_of(write)


RECORDINGS = {
    "x.npy": bytes_of(lambda file: np.save(file, ROWS)),
    "x.npz": bytes_of(lambda file: np.savez(file, v=ROWS)),
    "packed.npz": bytes_of(lambda file: np.savez_compressed(file, v=ROWS)),
    "x.parquet": bytes_of(lambda file: pq.write_table(TABLE, file)),
    "x.arrow": ipc(pa.ipc.new_stream),
    "x.feather": ipc(pa.ipc.new_file),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_loaded_or_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage to a recording is told as a mistake with the file's name; what is loaded is finite."""
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    spec = {"path": str(tmp_path / name), "split": {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}}
    refused = 0

    @QUICK
    @given(mutated(RECORDINGS[name]))
    def check(content: bytes) -> None:
        nonlocal refused
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).write_bytes(content)
        try:
            assert np.isfinite(load_recording(spec).voltages).all()
        except RecordingError as error:
            refused += 1
            assert str(error).startswith("recording.")  # noqa: PT017 - both ends are allowed

    check()
    assert refused


@pytest.mark.parametrize("name", ["../evil", "/evil"])
def test_an_archive_writes_nowhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path inside an .npz is a name and no more."""
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(f"{name}.npy", RECORDINGS["x.npy"])
    spec = {"path": str(tmp_path / "x.npz"), "split": {"train": [0, 40], "validation": [45, 60], "test": [60, 64]}}
    np.testing.assert_array_equal(load_recording(spec).voltages, ROWS)
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written <= {"x.npz", "voltages.npy", "entry.json"} | {name for name in written if name.endswith(".lock")}
    assert not Path("/evil.npy").exists()


# ------------------------------------------------------------------------------------------ checkpoints and curves


def test_a_checkpoint_is_loaded_or_damaged(tmp_path: Path) -> None:
    """Whatever became of its file, what is loaded is what was saved."""
    store, state = CheckpointStore(LocalFolder(tmp_path)), {"weights": torch.arange(20.0), "epoch": 3}
    store.save(0, 3, {1: state})
    (file,) = tmp_path.glob("0/*.pt")

    @QUICK
    @given(mutated(file.read_bytes()))
    def check(content: bytes) -> None:
        file.write_bytes(content)
        try:
            loaded = store.load(0, 3, [1])[1]
        except DamagedCheckpoint:
            return
        assert loaded["epoch"] == 3
        assert torch.equal(loaded["weights"], state["weights"])

    check()


def test_an_archive_that_swells_is_not_loaded(tmp_path: Path) -> None:
    """A small file that would fill the memory is no checkpoint."""
    (tmp_path / "0").mkdir()
    with zipfile.ZipFile(tmp_path / "0" / "seed-1-epoch-000001.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x00" * 10_000_000)
    with pytest.raises(DamagedCheckpoint, match="not stored as torch stores them"):
        CheckpointStore(LocalFolder(tmp_path)).load(0, 1, [1])


def test_curves_are_what_was_written_or_left_out(tmp_path: Path) -> None:
    """Whatever became of a stream or a Parquet file, no row is read that was not written."""
    store = CurveStore(tmp_path, writable=True)
    for epoch in range(1, 5):
        store.append(0, [1, 2], epoch, {"validation_loss": [0.1, None], "extra": [0.5, 1 / epoch]})
    rows = store.table().to_pylist()
    (stream,) = tmp_path.glob("*.arrows")
    of_stream = stream.read_bytes()
    store.close()
    parquet = tmp_path / "000001.parquet"
    of_parquet = parquet.read_bytes()

    @QUICK
    @given(mutated(of_stream))
    def check_stream(content: bytes) -> None:
        assert all(row in rows for row in read_stream(content).table.to_pylist())
        parquet.unlink(missing_ok=True)
        stream.write_bytes(content)
        assert all(row in rows for table in CurveTail(tmp_path).read() for row in table.to_pylist())

    @QUICK
    @given(mutated(of_parquet))
    def check_parquet(content: bytes) -> None:
        parquet.write_bytes(content)
        assert all(row in rows for row in read_parquet(parquet)[0].to_pylist())
        assert all(row in rows for table in CurveTail(tmp_path).read() for row in table.to_pylist())

    check_stream()
    check_parquet()


def test_what_is_no_study_stays_no_study() -> None:
    """The texts that are scrambled above are good before."""
    assert build_study(document.parse(STUDY, "x")).name == "quickstart"
    assert yaml.safe_load(TRAINING)["epochs"] == 2
