"""Sources of somebody else's that are damaged or mean harm: runs are read, or it is the user's mistake."""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.runs_elsewhere import curve, wandb_log, write_events, write_mlflow, write_wandb
from tests.unit.tune.test_fuzz import QUICK, mutated
from tune.errors import UserMistake
from tune.ledger.imports.reading import read_runs
from tune.ledger.imports.run import ImportedRun

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


@cache
def good(name: str) -> bytes:
    """A file that can be read, by its name."""
    if name == "x.csv":
        return b"run,seed,lr,epoch,loss\na,1,0.1,1,3\na,1,0.1,2,2\nb,2,0.2,1,nan\n"
    if name == "x.parquet":
        file = io.BytesIO()
        pa.parquet.write_table(pa.table({"epoch": [1, 2], "loss": [3.0, 2.0]}), file)
        return file.getvalue()
    if name == "x.json":
        return json.dumps({"name": "a", "config": {"lr": 1}, "history": [{"epoch": 1, "loss": 3}]}).encode()
    if name == "run-x.wandb":
        from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined] # made when it is imported

        record = Record()
        record.history.item.add(key="loss", value_json="3")
        record.history.item.add(key="_step", value_json="0")
        return wandb_log([record.SerializeToString()] * 2)
    with TemporaryDirectory() as folder:
        write_events(Path(folder), {"loss": curve(3, 2), "epoch": curve(1, 2)}, {"lr": 0.1})
        (file,) = Path(folder).iterdir()
        return file.read_bytes()


@QUICK
@given(st.sampled_from(["x.csv", "x.parquet", "x.json", "run-x.wandb", "events.out.tfevents.1"]).flatmap(
    lambda name: st.tuples(st.just(name), mutated(good(name)))
))  # fmt: skip
def test_a_damaged_file_holds_runs_or_is_a_mistake(case: tuple[str, bytes]) -> None:
    """No bytes make a reader fail in another way."""
    name, content = case
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            assert all(isinstance(run, ImportedRun) for run in read_runs([f"{folder}/{name}"]))
        except UserMistake as mistake:
            assert str(mistake)  # noqa: PT017 - both ends are allowed


WAYS: dict[str, Callable[[Path], object]] = {
    "an alias bomb for W&B": lambda folder: (folder / "config.yaml").write_text(BOMB),
    "an alias bomb for MLflow": lambda folder: (write_mlflow(folder, {}, {}), (folder / "meta.yaml").write_text(BOMB)),
    "code for W&B": lambda folder: (folder / "config.yaml").write_text("a: !!python/object/apply:os.system [ls]\n"),
    "a deep list": lambda folder: (folder / "x.json").write_text("[" * 100_000),
    "a long number": lambda folder: (folder / "x.json").write_text('[{"epoch": 1, "loss": ' + "9" * 10_000 + "}]"),
    "a large value": lambda folder: write_mlflow(folder, {"a": "x" * 200_000}, {"loss": curve(1)}),
}


@pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
def test_what_means_harm_is_refused(make: Callable[[Path], object], tmp_path: Path) -> None:
    """In no time, and with a message."""
    make(tmp_path)
    place = tmp_path / "x.json" if (tmp_path / "x.json").exists() else tmp_path
    with pytest.raises(UserMistake):
        read_runs([str(place)])


def test_an_alias_bomb_beside_event_files_is_left_out(tmp_path: Path) -> None:
    """What `hparams.yaml` would add is not worth it."""
    write_events(tmp_path, {"loss": curve(3, 2)})
    (tmp_path / "hparams.yaml").write_text(BOMB)
    (run,) = read_runs([str(tmp_path)])
    assert (run.configuration, run.curves) == ({}, {"loss": curve(3, 2)})


def test_epochs_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    """Not finite in a table, in MLflow's and in event files."""
    (tmp_path / "a.csv").write_text("epoch,loss\n1,3\ninf,2\nnan,1\n")
    write_mlflow(tmp_path / "m", {}, {"epoch": {0: 1, 1: float("inf")}, "loss": {0: 3, 1: 2}})
    write_events(tmp_path / "t", {"epoch": {0: 1, 1: float("nan")}, "loss": {0: 3, 1: 3}})
    for name in ("a.csv", "m", "t"):
        (run,) = read_runs([str(tmp_path / name)])
        assert run.curves["loss"] == curve(3)


def test_a_seed_that_is_no_whole_number_is_none(tmp_path: Path) -> None:
    """Of a table and of a configuration."""
    (tmp_path / "a.csv").write_text("seed,loss\ninf,2\n")
    write_wandb(tmp_path / "run-1-a", {"seed": 1e400, "lr": 1}, {"loss": 2})
    assert [run.seed for run in read_runs([str(tmp_path / "a.csv"), str(tmp_path / "run-1-a")])] == [None, None]
