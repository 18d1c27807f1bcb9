"""Runs of W&B."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from tests.fakes.runs_elsewhere import curve, wandb_log, write_wandb
from tune.errors import UserMistake
from tune.ledger.imports.wandb import read_json, read_wandb
from tune.ledger.imports.wandb_file import records

HISTORY = "_step,_runtime,val/loss\n0,2.5,3\n1,5,2\n"


def test_a_run_folder_with_a_history(tmp_path: Path) -> None:
    """The configuration without what W&B keeps in it, curves of the history, final values of the summary."""
    write_wandb(
        tmp_path / "run-1-abc", {"lr": 0.1, "net": {"width": 8}, "seed": 2}, {"val/loss": 2, "best": 1}, HISTORY
    )
    (run,) = read_wandb(tmp_path, "wandb")
    assert (run.key, run.seed, run.configuration) == ("run-1-abc", 2, {"lr": 0.1, "net.width": 8})
    assert run.curves["val/loss"] == curve(3, 2)
    assert run.final("best") == 1
    assert run.seconds == 5


def test_a_run_folder_without_a_history(tmp_path: Path) -> None:
    """Final values are all there is."""
    write_wandb(tmp_path / "run-1-abc", {"lr": 0.1}, {"val/loss": 2, "_runtime": 7})
    (run,) = read_wandb(tmp_path / "run-1-abc", "wandb")
    assert (run.curves, run.final("val/loss"), run.seconds) == ({}, 2, 7)


def test_the_log_of_an_offline_run(tmp_path: Path) -> None:
    """Name, configuration and history are in the `.wandb` file; a run that was killed has what was written."""
    told = [Record(), Record()]
    told[0].run.display_name = "fast"
    told[0].run.config.update.add(key="lr", value_json="0.1")
    for step in (0, 1):
        told.append(record := Record())
        record.history.item.add(key="_step", value_json=str(step))
        record.history.item.add(nested_key=["val", "loss"], value_json=str(3 - step))
    told[1].summary.update.add(key="note", value_json=json.dumps("x" * 70_000))  # longer than two blocks
    content = wandb_log([one.SerializeToString() for one in told])
    (tmp_path / "offline-run-1-abc").mkdir()
    file = tmp_path / "offline-run-1-abc" / "run-abc.wandb"
    file.write_bytes(content)
    (run,) = read_wandb(tmp_path, "wandb")
    assert (run.key, run.configuration, run.curves) == ("fast", {"lr": 0.1}, {"val.loss": curve(3, 2)})
    file.write_bytes(content[:-3])
    assert read_wandb(tmp_path, "wandb")[0].curves == {"val.loss": curve(3)}
    file.write_bytes(b"something else")
    with pytest.raises(UserMistake, match="cannot be read as a run of W&B's: it does not begin as such a file does"):
        read_wandb(tmp_path, "wandb")


def test_records_are_put_together_again() -> None:
    """Whatever their lengths, around the end of a block."""
    given = [bytes([at]) * length for at, length in enumerate((5, 32_740, 9, 1, 0, 100_000, 3))]
    assert list(records(wandb_log(given))) == given


@pytest.mark.parametrize(
    "history",
    [
        [{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2}],
        {"epoch": [1, 2], "loss": [3, 2]},
        {"loss": {"0": 3, "1": 2}, "epoch": {"0": 1, "1": 2}},
    ],
    ids=["rows", "columns", "pandas"],
)
def test_json_of_a_run(history: object, tmp_path: Path) -> None:
    """A run with its history, or a history by itself, however pandas or the API wrote it."""
    (tmp_path / "run.json").write_text(json.dumps({"name": "fast", "config": {"lr": 0.1}, "history": history}))
    (run,) = read_json(tmp_path / "run.json", "run.json")
    assert (run.key, run.configuration, run.curves) == ("fast", {"lr": 0.1}, {"loss": curve(3, 2)})
    (tmp_path / "history.json").write_text(json.dumps(history))
    (run,) = read_json(tmp_path / "history.json", "history.json")
    assert run.curves == {"loss": curve(3, 2)}


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "{}", '"x"', "{" * 5000], ids=["empty", "numbers", "nothing", "text", "deep"]
)
def test_json_of_something_else(text: str, tmp_path: Path) -> None:
    """One message, whatever it is."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserMistake, match=r"^x\.json: "):
        read_json(tmp_path / "x.json", "x.json")


def test_the_log_of_the_trainer_of_transformers(tmp_path: Path) -> None:
    """`trainer_state.json`: an epoch that is told as 0.5 is part of the first."""
    log = [{"epoch": 0.5, "loss": 3.0, "step": 1}, {"epoch": 1.0, "eval_loss": 2.5}, {"epoch": 2.0, "eval_loss": 2.0}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log, "best_metric": 2.0}))
    (run,) = read_json(tmp_path / "trainer_state.json", "x")
    assert run.curve("validation_loss") == curve(2.5, 2.0)
    assert run.curve("loss") == curve(3.0)


PROGRAM = """
import wandb
run = wandb.init(mode="offline", project="p", name="fast", config={"lr": 0.1, "seed": 3})
for epoch in range(3):
    run.log({"epoch": epoch, "val/loss": 3 - epoch})
run.finish()
"""


def test_what_the_wandb_package_writes_offline(tmp_path: Path) -> None:
    """A run of the package that is installed, as its folder lies there when its process has ended."""
    environment = {**os.environ, "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, check=True, capture_output=True)
    (found,) = read_wandb(tmp_path / "wandb", "wandb")
    assert (found.key, found.seed, found.configuration) == ("fast", 3, {"lr": 0.1})
    assert found.curves["val/loss"] == curve(3, 2, 1)
