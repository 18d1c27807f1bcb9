"""Copies of the file that tells a program everything."""

import json
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.programs import PYTHON, script, section, trainer_of
from tune.adapters.program.config_file import ConfigFile
from tune.adapters.program.trainer import program_trainer
from tune.errors import UserMistake

BASE = {"training": {"learning_rate": 0.1, "layers": [{"size": 4}, {"size": 8}]}, "data": {"seed": 0}, "out": "x"}
WRITTEN = {
    "json": json.dumps(BASE),
    "yaml": yaml.dump(BASE),
    "toml": 'out = "x"\n[training]\nlearning_rate = 0.1\nlayers = [{size = 4}, {size = 8}]\n[data]\nseed = 0\n',
}


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_copy_has_other_values(tmp_path: Path, suffix: str) -> None:
    """Nested ones by dotted paths, items of lists by their index; the file itself stays as it is."""
    path = tmp_path / f"base.{suffix}"
    path.write_text(WRITTEN[suffix])
    file, copy = ConfigFile(path), tmp_path / f"copy.{suffix}"
    file.write(copy, {"training.learning_rate": 1e-05, "training.layers.1.size": 16, "data.seed": 7})
    read = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads}[suffix]
    layers = [{"size": 4}, {"size": 16}]
    assert read(copy.read_text()) == {
        **BASE,
        "training": {"learning_rate": 1e-05, "layers": layers},
        "data": {"seed": 7},
    }
    assert path.read_text() == WRITTEN[suffix]


def test_a_path_that_is_not_there_is_a_mistake_with_a_suggestion(tmp_path: Path) -> None:
    """Of the parameters and of what is set beside them."""
    path = tmp_path / "base.json"
    path.write_text(WRITTEN["json"])
    program = section("true {config}", config={"file": str(path), "set": {"data.sed": "{seed}"}})
    trainer: Any = program_trainer(program, "tiny")
    assert trainer.check_config({"training.learning_rat": 1, "data.seed": 2}) == {
        "training.learning_rat": f"is no path in {path}; did you mean 'training.learning_rate'?; add it there if the "
        "program knows it",
        "data.sed": f"is no path in {path}; did you mean 'data.seed'?; add it there if the program knows it",
    }
    assert trainer.check_config({"training.layers.0.size": 1}).keys() == {"data.sed"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.json", None, "cannot be read: No such file"),
        ("a.json", "{", "cannot be read: Expecting"),
        ("a.yaml", "a: [", "cannot be read: while parsing"),
        ("a.yaml", "- 1", "must hold a mapping, got a list"),
        ("a.toml", "a = ", "cannot be read: Invalid value"),
    ],
)
def test_a_file_that_cannot_be_copied_is_said_before_anything_trains(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    """With what is wrong with it."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserMistake) as caught:
        program_trainer(section("true {config}", config={"file": str(tmp_path / name)}), "tiny")
    assert said in str(caught.value)


def test_each_run_is_given_its_copy(tmp_path: Path) -> None:
    """Seed and epochs are numbers in it, texts are filled in, and folders are the run's."""
    base = tmp_path / "base.yaml"
    base.write_text("lr: 0.1\nseed: 0\nepochs: 0\nout: x\nname: x\n")
    text = """
import os, sys
for epoch, line in enumerate(open(sys.argv[1])):
    print(line.strip())
print("epoch 1: loss=1")
"""
    given = {"seed": "{seed}", "epochs": "{epochs}", "out": "{run}", "name": "{study}-{trial}-{seed}"}
    program = section(
        [*PYTHON, script(tmp_path, text), "{config}"],
        config={"file": str(base), "set": given},
        metrics={"lines": r"epoch (?P<epoch>\d+): loss=(?P<loss>\S+)"},
    )
    with closing(trainer_of(program, {"lr": 0.5}, [1, 2], folder=tmp_path)) as trainer:
        list(trainer.train(1))
    log = (tmp_path / "logs" / "trial-7-seed-2.log").read_text()
    for line in (
        "lr: 0.5",
        "seed: 2",
        "epochs: 1",
        "name: tiny-7-2",
        f"out: {tmp_path.resolve()}/.runs/trial-7-seed-2-",
    ):
        assert f"\n{line}" in log
