"""What is written of a program, by the style in which it declares its options."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.tune.cli.init import programs
from tune.cli.init.script import Request, Written, study_of_script
from tune.errors import UserMistake
from tune.study.document import parse
from tune.study.study import build_study


def written(folder: Path, source: str, **changes: Any) -> Written:
    """What is made of a program with this source."""
    (folder / "train.py").write_text(source)
    return study_of_script(Request(folder / "train.py", folder / "study.yaml", "train", **changes))


def study(folder: Path, source: str, **changes: Any) -> dict[str, Any]:
    """The study of a program with this source, as its YAML reads; it is one without a mistake."""
    text = written(folder, source, **changes).text
    build_study(parse(text, "study.yaml"))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_argparse(tmp_path: Path) -> None:
    """Every numeric option is a candidate around its default; seed, epochs and folder are told by the study."""
    made = study(tmp_path, programs.ARGPARSE)
    assert made["program"]["command"] == (
        "python train.py --lr {lr} --batch-size {batch_size} --width {width} --dropout {dropout} "
        "--layers {layers} {amp?--amp} {no_norm?--no-norm} {no_compile?--no-compile} "
        "--seed {seed} --epochs {epochs} --output-dir {run}"
    )
    assert made["space"] == {
        "lr": {"log_uniform": [0.0001, 0.01]},
        "batch_size": {"choice": [16, 32, 64, 128, 256]},
        "width": {"choice": [32, 64, 100, 128, 256, 512]},
        "dropout": {"uniform": [0.0, 0.5]},
        "layers": {"int": [1, 6]},
        "amp": {"choice": [True, False]},
        "no_norm": {"choice": [True, False]},
        "no_compile": {"choice": [True, False]},
    }
    defaults = {"lr": 0.001, "batch_size": 64, "width": 100, "dropout": 0.1, "layers": 3}
    off = dict.fromkeys(("amp", "no_norm", "no_compile"), False)
    assert made["search"] == {"trials": 24, "enqueue": [defaults | off]}
    assert (made["epochs"], made["seeds"], made["score"]) == (20, [1, 2, 3, 4, 5], {"metric": "val_loss"})


def test_what_is_not_searched_is_a_comment(tmp_path: Path) -> None:
    """Options without a number, lists, and those about the machine stand there to be taken in, with what to add."""
    text = written(tmp_path, programs.ARGPARSE).text
    assert "  # optimizer: {choice: [adam, sgd]}    # default adam; no number; add --optimizer {optimizer} to" in text
    assert "  # num_workers: {int: [2, 8]}    # default 4; about the machine or the output; add --num-workers" in text
    assert "# not searched: --milestones: (10, 20)" in text


def test_click(tmp_path: Path) -> None:
    """Decorators are options; their type is that of their default where none is given; arguments come last."""
    made = study(tmp_path, programs.CLICK)
    assert made["program"]["command"] == (
        "python train.py --lr {learning_rate} --hidden {hidden} --momentum {momentum} {shuffle?--shuffle} "
        "FILL_IN --seed {seed} --epochs {epochs}"
    )
    assert made["space"] == {
        "learning_rate": {"log_uniform": [0.001, 0.1]},
        "hidden": {"choice": [32, 64, 128, 256, 512]},
        "momentum": {"uniform": [0.5, 0.99]},
        "shuffle": {"choice": [True, False]},
    }
    assert made["epochs"] == 5


def test_subcommands(tmp_path: Path) -> None:
    """A program of several subcommands asks which; the one that is named has its own options."""
    with pytest.raises(UserMistake, match=r"say which one trains: --subcommand fit\|predict"):
        study(tmp_path, programs.CLICK_GROUP)
    with pytest.raises(UserMistake, match=r"--subcommand fitt: train.py has none of that name; did you mean 'fit'\?"):
        study(tmp_path, programs.CLICK_GROUP, subcommand="fitt")
    made = study(tmp_path, programs.CLICK_GROUP, subcommand="fit")
    assert made["program"]["command"] == "python train.py fit --lr {lr} --seed {seed}"


def test_typer(tmp_path: Path) -> None:
    """Annotated arguments of a function are options, those without a default are positional."""
    made = study(tmp_path, programs.TYPER)
    assert made["program"]["command"] == (
        "python train.py --learning-rate {learning_rate} --width {width} --dropout {dropout} "
        "{normalize?--normalize} FILL_IN --seed {seed} --max-epochs {epochs}"
    )
    assert list(made["space"]) == ["learning_rate", "width", "dropout", "normalize"]
    assert made["epochs"] == 7


def test_tyro(tmp_path: Path) -> None:
    """Fields of dataclasses are options, those of nested ones have dotted names."""
    made = study(tmp_path, programs.TYRO)
    assert made["program"]["command"] == (
        "python train.py --optimizer.learning-rate {optimizer.learning_rate} "
        "--optimizer.weight-decay {optimizer.weight_decay} --hidden-units {hidden_units} "
        "{no_use_bias?--no-use-bias} --seed {seed} --epochs {epochs}"
    )
    assert made["space"]["optimizer.weight_decay"] == {"log_uniform": [1e-6, 1e-2]}
    assert "optimizer.weight_decay" not in made["search"]["enqueue"][0]  # its default, 0, is not in the range


def test_fire(tmp_path: Path) -> None:
    """Arguments without annotations are what their defaults are."""
    made = study(tmp_path, programs.FIRE)
    assert made["program"]["command"] == "python train.py --lr {lr} --units {units} --seed {seed} --epochs {epochs}"


def test_hydra(tmp_path: Path) -> None:
    """The configuration is composed as Hydra does, and everything is told by name=value."""
    for name, text in programs.HYDRA_FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    made = study(tmp_path, programs.HYDRA)
    assert made["program"]["command"] == (
        "python train.py {hydra} seed={seed} trainer.max_epochs={epochs} hydra.run.dir={run}"
    )
    assert made["space"] == {
        "model.width": {"choice": [32, 64, 128, 256, 512]},
        "optimizer.lr": {"log_uniform": [0.0001, 0.01]},
        "optimizer.nesterov": {"choice": [True, False]},
    }
    assert (made["epochs"], made["score"]) == (6, {"metric": "val_loss"})


def test_a_configuration_file(tmp_path: Path) -> None:
    """A program that is told everything by a file has its values as dotted parameters, seed, epochs and folder set."""
    (tmp_path / "base.json").write_text(programs.CONFIGURATION)
    made = study(tmp_path, programs.CONFIGURED, config=tmp_path / "base.json")
    assert made["program"]["command"] == "python train.py {config}"
    assert made["program"]["config"] == {
        "file": "base.json",
        "set": {"data.seed": "{seed}", "training.epochs": "{epochs}", "output_dir": "{run}"},
    }
    assert list(made["space"]) == ["training.learning_rate", "training.batch_size", "training.shuffle"]
    assert (made["epochs"], made["score"]) == (12, {"metric": "test_scaled_loss"})


def test_a_configuration_file_and_options_over_it(tmp_path: Path) -> None:
    """What the command line takes is told there, and the checkpoint is gone on from once there is one."""
    (tmp_path / "base.yaml").write_text("optimizer: {lr: 0.001}\nepochs: 9\nseed: 0\n")
    made = study(tmp_path, programs.OVERRIDDEN, config=tmp_path / "base.yaml")
    assert made["program"] == {
        "command": "python train.py --config {config} --epochs {epochs} --output_dir {checkpoint}",
        "config": {"file": "base.yaml", "set": {"seed": "{seed}"}},
        "resume": ["--resume", "{checkpoint}/last.pt"],
    }
    assert (list(made["space"]), made["epochs"]) == (["optimizer.lr"], 9)


def test_options_in_another_file(tmp_path: Path) -> None:
    """A program whose parser another file of its folder builds has the options of that file."""
    (tmp_path / "settings.py").write_text(programs.ARGPARSE)
    made = study(tmp_path, "from settings import build_parser\nargs = build_parser().parse_args()\n")
    assert "--batch-size {batch_size}" in made["program"]["command"]


def test_the_study_elsewhere(tmp_path: Path) -> None:
    """The command is right in the folder of the study, with blanks and braces in the program's path."""
    folder = tmp_path / "my {code}"
    folder.mkdir()
    (folder / "train.py").write_text(programs.FIRE)
    made = study_of_script(Request(folder / "train.py", tmp_path / "study.yaml", "train"))
    assert yaml.safe_load(made.text)["program"]["command"].startswith("python 'my {{code}}/train.py' --lr {lr}")


def test_nothing_is_run(tmp_path: Path) -> None:
    """Reading a program executes nothing of it."""
    mark = tmp_path / "mark"
    study(tmp_path, f"open({str(mark)!r}, 'w').close()\n{programs.ARGPARSE}")
    assert not mark.exists()


MISTAKES: list[tuple[str, str]] = [
    ("def train(:\n", r"train.py: line 1: is no Python \(invalid syntax\)"),
    ("print('hello')\n", r"train.py: no options found in its source .*--help-run.*--config FILE"),
]


@pytest.mark.parametrize(("source", "message"), MISTAKES)
def test_what_cannot_be_read(tmp_path: Path, source: str, message: str) -> None:
    """A program whose options nobody can find is one message that says what to do."""
    with pytest.raises(UserMistake, match=message):
        study(tmp_path, source)
