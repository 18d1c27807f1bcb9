"""Options from what a program prints when it is run with --help."""

import os
import sys
import time
from pathlib import Path

import pytest

from tune.cli.init import help_text
from tune.cli.init.help_text import help_interface, parse_help
from tune.errors import UserMistake

ARGPARSE = """usage: train.py [-h] [--lr LR] [--batch-size BATCH_SIZE] --data DATA

options:
  -h, --help            show this help message and exit
  --lr LR               learning rate (default: 0.001)
  -b BATCH_SIZE, --batch-size BATCH_SIZE
                        samples per step (default: 64)
  --optimizer {adam,sgd}
                        (default: adam)
  --amp                 half precision (default: False)
  --data DATA           required: where the data lies
"""

TYPER = """
╭─ Options ────────────────────────────────────────────────────────────────────╮
│    --learning-rate                      FLOAT    [default: 0.0003]           │
│    --width          -w                  INTEGER  of a layer [default: 64]    │
│ *  --data                               PATH     [required]                  │
│    --normalize      --no-normalize               [default: no-normalize]     │
│    --help                                        Show this message and exit. │
╰──────────────────────────────────────────────────────────────────────────────╯
"""


def test_the_help_of_argparse() -> None:
    """Defaults say what kind of value an option takes."""
    options = {option.name: option for option in parse_help(ARGPARSE)}
    assert list(options) == ["lr", "batch_size", "optimizer", "amp", "data"]
    assert (options["lr"].kind, options["lr"].default) == ("float", 0.001)
    assert (options["batch_size"].kind, options["batch_size"].default) == ("int", 64)
    assert (options["optimizer"].kind, options["optimizer"].choices) == ("text", ("adam", "sgd"))
    assert (options["amp"].kind, options["amp"].switch, options["amp"].default) == ("bool", True, False)
    assert options["data"].required


def test_the_help_of_typer() -> None:
    """Boxes around a help text are no part of it."""
    options = {option.name: option for option in parse_help(TYPER)}
    assert list(options) == ["learning_rate", "width", "data", "normalize"]
    assert (options["learning_rate"].kind, options["learning_rate"].default) == ("float", 0.0003)
    assert (options["width"].kind, options["width"].default) == ("int", 64)
    assert options["data"].required
    assert options["normalize"].negation == "--no-normalize"


def test_a_program_that_is_run(tmp_path: Path) -> None:
    """A program in any language is run with --help in its folder, with nothing on its standard input."""
    program = tmp_path / "train.sh"
    program.write_text('#!/bin/sh\ncat\necho "  --lr FLOAT  rate, in $(basename "$PWD") [default: 0.1]"\n')
    program.chmod(0o755)
    (option,) = help_interface([str(program)], tmp_path).options
    assert (option.name, option.kind, option.default) == ("lr", "float", 0.1)


def test_a_program_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that trains in spite of --help is stopped after a while, with everything that it has started."""
    monkeypatch.setattr(help_text, "LIMIT_S", 1.0)
    code = "import os, subprocess, sys, time\n"
    code += "child = subprocess.Popen(['sleep', '600'])\nprint(child.pid, file=open('child', 'w'))\ntime.sleep(600)\n"
    with pytest.raises(UserMistake, match="has not ended after 1 s and was stopped; does it know --help"):
        help_interface([sys.executable, "-c", code], tmp_path)
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 20
    while _runs(child):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_program_that_floods(tmp_path: Path) -> None:
    """Output without end is neither kept nor waited for."""
    with pytest.raises(UserMistake, match="told no options"):
        help_interface([sys.executable, "-c", "while True: print('x' * 1000)"], tmp_path)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no data')", r"told no options \(exit code 1\); its last lines: no data"),
        ("", r"told no options \(exit code 0\); it printed nothing"),
    ],
)
def test_a_program_that_tells_nothing(tmp_path: Path, code: str, said: str) -> None:
    """Its exit code and last lines are the message."""
    with pytest.raises(UserMistake, match=said):
        help_interface([sys.executable, "-c", code], tmp_path)


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    """A file that is not executable is told as that."""
    (tmp_path / "train.sh").write_text("#!/bin/sh\n")
    with pytest.raises(UserMistake, match=r"train.sh: cannot be run: Permission denied"):
        help_interface([str(tmp_path / "train.sh")], tmp_path)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
