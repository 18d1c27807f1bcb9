"""The help of the command line: at once, and of every command."""

import subprocess
import sys
from argparse import _SubParsersAction
from pathlib import Path

import pytest

from tests.behaviour.command import latent_tune
from tests.fakes.ledgers import played

COMMANDS = (
    "init",
    "check",
    "run",
    "resume",
    "status",
    "list",
    "report",
    "export",
    "tensorboard",
    "compare",
    "evaluate",
    "train",
    "simulate",
)
HEAVY = ("torch", "ray", "optuna", "pandas", "numpy", "pyarrow", "sqlalchemy", "pydantic")


def test_help_imports_nothing_heavy() -> None:
    """`--help` answers at once, because what trains and what stores is imported only when it is needed."""
    code = (
        "import sys\n"
        "from tune.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as ended:\n"
        "    print(sorted(sys.modules))\n"
        "    sys.exit(ended.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown, _, modules = done.stdout.rpartition("\n[")
    assert shown.startswith("usage: latent-tune")
    assert "'tune.cli'" in modules
    assert [name for name in HEAVY if f"'{name}'" in modules] == []


@pytest.mark.parametrize("arguments", ["list", "status results/one", "compare results/one 0 1"])
def test_what_shows_a_study_imports_little(arguments: str, tmp_path: Path) -> None:
    """A second of pandas or five of PyTorch are not paid where the ledger is read alone."""
    played(tmp_path / "results" / "one")
    code = (
        "import sys\nfrom tune.cli import main\ncode = main(sys.argv[1:])\nprint(sorted(sys.modules))\nsys.exit(code)\n"
    )
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    modules = done.stdout.rpartition("\n[")[2]
    assert "'sqlalchemy'" in modules
    assert [name for name in ("torch", "ray", "optuna", "pandas", "matplotlib") if f"'{name}'" in modules] == []


def test_a_plan_needs_neither_ledger_nor_compiler(tmp_path: Path) -> None:
    """`run --dry-run` trains two epochs and reads no study."""
    code = (
        "import sys\n"
        "from tune.cli import main\n"
        "main(['run', 'quickstart', '--dry-run', '--set', 'recording.simulate.steps=4000'])\n"
        "print(sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    modules = done.stdout.rpartition("\n[")[2]
    assert "'torch'" in modules
    assert [name for name in ("torch._dynamo", "ray", "sqlalchemy", "pandas") if f"'{name}'" in modules] == []


def test_help_names_every_command(tmp_path: Path) -> None:
    """Who asks for help sees every command with what it does."""
    said = latent_tune(tmp_path, "--help")
    assert (said.code, said.err) == (0, "")
    listed = [line.split()[0] for line in said.out.partition("\ncommands:\n")[2].splitlines()]
    assert [word for word in listed if word in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says how it is used, and explains every argument."""
    from tune.cli import main
    from tune.cli.parser import build_parser

    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith(f"usage: latent-tune {command}")
    (choices,) = [action.choices for action in build_parser()._actions if isinstance(action, _SubParsersAction)]
    arguments = choices[command]._actions
    assert [action.dest for action in arguments if not action.help] == []
    assert choices[command].description[0].isupper()


def test_no_command_is_a_mistake(tmp_path: Path) -> None:
    """Without a command the usage is shown and the exit code is 2."""
    said = latent_tune(tmp_path)
    assert said.code == 2
    assert said.err.startswith("usage: latent-tune")
