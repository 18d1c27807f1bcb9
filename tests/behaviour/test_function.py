"""A function from a stranger's folder: tuned over seeds, trained again to the same numbers, refused in one message."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.behaviour.command import here, ledger_of, status

INLINE = ("--driver", "inline")
STUDY: dict[str, Any] = {
    "name": "mine",
    "function": "mine:train",
    "space": {"x": {"uniform": [0, 1]}},
    "search": {"method": "random", "trials": 4, "seed": 3},
    "seeds": [1, 2, 3],
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 3}],
}
GLOBAL = """
import random
import numpy
import torch

def train(config, seed, epochs):
    torch.manual_seed(seed)
    layer = torch.nn.Linear(3, 1)
    for _ in range(epochs):
        noise = random.random() + numpy.random.rand() + torch.nn.functional.dropout(torch.ones(9)).sum() / 18
        yield {"validation_loss": config["x"] + noise / 100 + layer.weight.abs().sum().item() / 100}
"""


def written(folder: Path, code: str, **changes: Any) -> None:
    """A folder with a module and a study, and nothing else."""
    (folder / "mine.py").write_text(code)
    (folder / "study.yaml").write_text(yaml.safe_dump({**STUDY, **changes}, sort_keys=False))


def test_what_a_study_found_is_found_again(tmp_path: Path) -> None:
    """A function that uses global random states trains to the same losses alone as beside other seeds, bit for bit."""
    written(tmp_path, GLOBAL)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "mine"
    ledger, best = ledger_of(folder), yaml.safe_load((folder / "best.yaml").read_text())
    trial = status(folder)["incumbent"]["number"]
    for seed in (1, 3):
        overrides = ("--set", f"seeds=[{seed}]", "--set", f"name=again-{seed}")
        said = here("train", "results/mine/best.yaml", *overrides, cwd=tmp_path)
        assert said.code == 0, said.err
        rows = pq.read_table(tmp_path / "results" / f"again-{seed}" / "curves").to_pylist()
        assert [row["validation_loss"] for row in rows] == list(ledger.curve(trial, seed))
        assert len(rows) == best["epochs"]


def test_one_that_saves_trains_no_epoch_twice(tmp_path: Path) -> None:
    """Promotions go on from its checkpoint folder."""
    code = """
def train(config, seed, epochs, checkpoint):
    saved = checkpoint / "done"
    for epoch in range(int(saved.read_text()) + 1 if saved.exists() else 1, epochs + 1):
        with open("trained", "a") as file:
            file.write(f"{config['x']} {seed} {epoch}\\n")
        saved.write_text(str(epoch))
        yield {"validation_loss": config["x"] + seed / epoch}
"""
    written(tmp_path, code)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 0, said.err
    trained = (tmp_path / "trained").read_text().splitlines()
    assert len(trained) == len(set(trained)) == status(tmp_path / "results" / "mine")["seed_epochs_spent"]


def test_one_that_saves_nothing_says_what_it_trained_again(tmp_path: Path) -> None:
    """Whatever it trained is spent or redone: in the status, on the terminal and in the report."""
    code = """
def train(config, seed, epochs):
    for epoch in range(1, epochs + 1):
        with open("trained", "a") as file:
            file.write(f"{config['x']} {seed} {epoch}\\n")
        yield {"validation_loss": config["x"] + seed / epoch}
"""
    written(tmp_path, code)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "mine"
    trained, now = (tmp_path / "trained").read_text().splitlines(), status(folder)
    redone = len(trained) - len(set(trained))
    assert redone > 0
    assert (now["seed_epochs_spent"], now["seed_epochs_redone"]) == (len(set(trained)), redone)
    assert f"({redone} trained again)" in said.out
    assert f"| trained again, in addition | {redone} |" in (folder / "report.md").read_text()


REFUSED = [
    (
        "def train(lr, seed): yield {}",
        "function: mine:train needs the argument 'lr', which nothing gives; it is called",
    ),
    ("train = 3", "function: mine:train is no function but int; it is called with config, seed, epochs, checkpoint"),
    ("def fit(): pass", "function: module 'mine' has no 'train' (got 'mine:train')"),
    ("import nowhere", "function: 'mine' cannot be imported from"),
]


@pytest.mark.parametrize(("code", "message"), REFUSED, ids=["argument", "number", "missing", "import"])
def test_a_function_that_cannot_be_called(tmp_path: Path, code: str, message: str) -> None:
    """One message with exit code 2, before anything is written."""
    written(tmp_path, code)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.out + said.err
    assert not (tmp_path / "results" / "mine").exists()


DIES = [
    ("def train(): return 3", "must yield one mapping of numbers per epoch, or return one, got int 3"),
    ("def train(): return {'validation_loss': 1}", "returned one mapping, which is a training of one epoch, and was"),
    ("def train(epochs): yield {'validation_loss': 1}", "ended at epoch 1 where it was asked for 2; one row for each"),
    (
        "def train(): yield {'validation_loss': 'low'}",
        "metric 'validation_loss', seed 1: must be a number or None, got",
    ),
]


@pytest.mark.parametrize(("code", "cause"), DIES, ids=["number", "one", "few", "text"])
def test_rows_that_cannot_be_taken_are_said_once(tmp_path: Path, code: str, cause: str) -> None:
    """The study stops after its first units, and the cause names the function, the seed and what is allowed."""
    written(tmp_path, code)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 1
    assert "the first 3 trials all died of one cause" in said.last_line
    assert cause in said.last_line
    assert "mine:train" in said.last_line
    assert "Traceback" not in said.out + said.err


def test_a_setting_that_it_refuses_is_no_trial(tmp_path: Path) -> None:
    """`check_config` of a function is asked before anything trains."""
    code = GLOBAL + "\ntrain.check_config = lambda config: {'x': 'at most 0.5'} if config['x'] > 0.5 else {}\n"
    written(tmp_path, code)
    said = here("run", "study.yaml", *INLINE, cwd=tmp_path)
    assert said.code == 0, said.err
    assert all(trial.parameters["x"] <= 0.5 for trial in ledger_of(tmp_path / "results" / "mine").trials)


def test_the_status_of_a_function_is_that_of_a_trainer(tmp_path: Path) -> None:
    """Nothing that looks at a study needs the function: its module may be gone."""
    written(tmp_path, GLOBAL, search={"method": "random", "trials": 2})
    assert here("run", "study.yaml", *INLINE, cwd=tmp_path).code == 0
    (tmp_path / "mine.py").unlink()
    for command in ("status", "report"):
        said = here(command, "results/mine", cwd=tmp_path)
        assert said.code == 0, said.err
    assert json.loads(here("status", "results/mine", "--json", cwd=tmp_path).out)["state"] == "finished"
