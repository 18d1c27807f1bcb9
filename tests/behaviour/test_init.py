"""`latent-tune init`: files that work as they were written, nothing overwritten unasked, one message for a mistake."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.command import ROOT, here
from tests.behaviour.refusals import check_refused, snapshot
from tests.unit.tune.cli.init import programs
from tests.unit.tune.cli.init.test_help_text import ARGPARSE as HELP

SCRIPT = ("init", "--from", "script", "train.py")


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a program, in which the commands are run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(programs.ARGPARSE)
    return tmp_path


def test_what_it_says(cwd: Path) -> None:
    """The study lies beside the program, and the user reads what is searched, how it is scored and what to do next."""
    said = here(*SCRIPT)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(
        "wrote train.yaml, read from train.py (argparse)\n"
        "  searched: lr, batch_size, width, dropout, layers, amp, no_norm, no_compile\n"
        "  metrics: lines Epoch (?P<epoch>"
    )
    assert said.out.endswith(
        "; scored: val_loss\n"
        "read it through, then\n"
        "  latent-tune run train.yaml --dry-run    # what it is going to do\n"
        "  latent-tune run train.yaml\n"
    )
    assert yaml.safe_load((cwd / "train.yaml").read_text())["name"] == "train"


def test_what_has_to_be_completed(cwd: Path) -> None:
    """What nobody can know from the source is told, and marked in the file."""
    (cwd / "train.py").write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--data', required=True)\n"
    )
    said = here(*SCRIPT)
    assert said.code == 0, said.err
    assert "  to complete: --data, without which train.py does not start\n" in said.out
    assert "  to complete: how metrics are read (--metrics lines|jsonl|csv|tensorboard|report writes the" in said.out
    assert "  to complete: space, what is searched\n" in said.out
    assert "  note: train.py has no option for its seed: give it one, and {seed} to it; until then repeats" in said.out
    text = (cwd / "train.yaml").read_text()
    assert text.count("TO COMPLETE") == 3
    assert "--data FILL_IN" in text


def test_nothing_is_overwritten_unasked(cwd: Path) -> None:
    """A study that is there stays, unless --force is given; the program and its configuration always."""
    (cwd / "train.yaml").write_text("lr: 0.1\n")
    before = snapshot(cwd)
    check_refused(here(*SCRIPT), "train.yaml: is there already; --force overwrites it, --out FILE writes elsewhere")
    check_refused(
        here(*SCRIPT, "--config", "train.yaml", "--force"),
        "train.yaml: is what the study is made from, and is not overwritten; give another --out",
    )
    assert snapshot(cwd) == before
    assert here(*SCRIPT, "--out", "other.yaml").code == 0
    assert here(*SCRIPT, "--force").code == 0
    assert yaml.safe_load((cwd / "train.yaml").read_text())["name"] == "train"


def test_a_program_that_is_run_for_its_help(cwd: Path) -> None:
    """Only with --help-run is a program executed; then what it prints says what it takes."""
    text = HELP.replace("'", "")
    (cwd / "train.sh").write_text(f"#!/bin/sh\necho > mark\ncat <<'END'\n{text}END\n")
    (cwd / "train.sh").chmod(0o755)
    unasked = ("init", "--from", "script", "train.sh")
    check_refused(
        here(*unasked), "train.sh: no Python file, so its options cannot be read from its source; add --help-run"
    )
    assert not (cwd / "mark").exists()
    said = here(*unasked, "--help-run")
    assert said.code == 0, said.err
    study = yaml.safe_load((cwd / "train.yaml").read_text())
    assert study["program"]["command"] == ("./train.sh --lr {lr} --batch-size {batch_size} {amp?--amp} --data FILL_IN")


MISTAKES: list[tuple[str, list[str], str]] = [
    ("no program", [], "init --from script: give the program that trains, such as: init --from script train.py"),
    ("a missing program", ["trian.py"], "trian.py: no such file; give the path of the program that trains"),
    ("a folder", ["folder.py"], "folder.py: is a folder; give the file that is run to train"),
    ("no text", ["bytes.py"], "bytes.py: is no text in UTF-8"),
    ("no Python", ["broken.py"], "broken.py: line 1: is no Python"),
    ("no options", ["plain.py"], "plain.py: no options found in its source"),
    ("another file", ["notes.txt"], "notes.txt: neither a Python file nor a program (it has no #! line)"),
    ("a wrong name", ["train.py", "--name", "My_Study"], "--name: 'My_Study' cannot be the name of a study: a-z, 0-9"),
    ("a file's wrong name", ["été.py"], "the name made of 'été': 'été' cannot be the name of a study"),
    ("no YAML", ["train.py", "--out", "study.json"], "--out study.json: a study file ends in .yaml"),
    ("a missing folder", ["train.py", "--out", "no/study.yaml"], "no/study.yaml: cannot be written: No such file"),
    ("a missing configuration", ["train.py", "--config", "no.json"], "no.json: no such file"),
    ("no configuration", ["train.py", "--config", "train.py"], "train.py: its name must end in one of .json, .yaml"),
    ("a broken configuration", ["train.py", "--config", "broken.json"], "broken.json: is no JSON: Expecting"),
    ("a list", ["train.py", "--config", "list.yaml"], "list.yaml: holds a list; a mapping of names to values is"),
    ("an empty configuration", ["train.py", "--config", "empty.toml"], "empty.toml: holds no values"),
    ("no subcommands", ["train.py", "--subcommand", "fit"], "--subcommand fit: train.py has none of that name; it has"),
]


@pytest.mark.parametrize(("arguments", "message"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake(cwd: Path, arguments: list[str], message: str) -> None:
    """Each is one message with exit code 2, and nothing is written."""
    (cwd / "folder.py").mkdir()
    contents = {"broken.py": b"def (:\n", "plain.py": b"print(1)\n", "bytes.py": b"\xff\xfe\x00", "notes.txt": b"lr\n"}
    contents |= {"broken.json": b"{", "list.yaml": b"[1]\n", "empty.toml": b"", "\xe9t\xe9.py": programs.FIRE.encode()}
    for name, content in contents.items():
        (cwd / name).write_bytes(content)
    before = snapshot(cwd)
    check_refused(here("init", "--from", "script", *arguments), message)
    assert snapshot(cwd) == before


OF_TEMPLATES: list[tuple[list[str], str]] = [
    (["torch", "train.py"], "init --from torch: train.py is for --from script; a template needs no program"),
    (["torch", "--config", "a.json"], "init --from torch: --config is for --from script"),
    (["tensorflow"], "invalid choice: 'tensorflow'"),
]


@pytest.mark.parametrize(("arguments", "message"), OF_TEMPLATES)
def test_a_mistake_with_a_template(cwd: Path, arguments: list[str], message: str) -> None:
    """What only a program has is refused for a template."""
    before = snapshot(cwd)
    check_refused(here("init", "--from", *arguments), message)
    assert snapshot(cwd) == before


def test_what_a_program_is_called_acts_on_no_terminal(cwd: Path) -> None:
    """Escapes in the name of a file are written out, on the terminal and in the study."""
    name = "tr\x1b[2Jain.py"
    (cwd / name).write_text(programs.FIRE)
    said = here("init", "--from", "script", name, "--name", "odd", "--out", "odd.yaml")
    assert said.code == 0, said.err
    assert "\x1b" not in said.out + (cwd / "odd.yaml").read_text()


@pytest.mark.parametrize("template", ["function", "torch", "lightning", "sklearn"])
def test_a_template_writes_a_training_and_its_study(cwd: Path, template: str) -> None:
    """Both files lie beside each other, named after the study; neither is written where one of them is there."""
    said = here("init", "--from", template, "--name", "my-digits")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote my_digits.py\nwrote my-digits.yaml\n")
    study: dict[str, Any] = yaml.safe_load((cwd / "my-digits.yaml").read_text())
    assert (study["name"], study["function"]) == ("my-digits", "my_digits:train")
    (cwd / "my-digits.yaml").unlink()
    before = snapshot(cwd)
    check_refused(here("init", "--from", template, "--name", "my-digits"), "my_digits.py: is there already")
    assert snapshot(cwd) == before


@pytest.mark.parametrize("template", ["function", "torch"])
def test_a_template_runs_as_written(cwd: Path, template: str) -> None:
    """The study that was written is planned, searched and answered; only fewer trials, to be quick."""
    runs_as_written(cwd, template)


@pytest.mark.slow
@pytest.mark.parametrize("template", ["lightning", "sklearn"])
def test_a_template_of_a_framework_runs_as_written(cwd: Path, template: str) -> None:
    """The same, where the framework is installed."""
    pytest.importorskip("latent_tune", reason="latent_tune is not there")
    pytest.importorskip(template, reason=f"{template} is not installed")
    runs_as_written(cwd, template)


def runs_as_written(cwd: Path, template: str) -> None:
    """Writes a template, plans its study, and searches it with three trials."""
    assert here("init", "--from", template).code == 0
    study = f"digits-{template}.yaml"
    planned = here("run", study, "--dry-run")
    assert planned.code == 0, planned.err
    assert f"digits-{template}: 12 trials" in planned.out
    said = here("run", study, "--driver", "inline", "--quiet", "--set", "search.trials=3")
    assert said.code == 0, said.err
    assert said.out.startswith("Use ")
    assert (cwd / "results" / f"digits-{template}" / "best.yaml").is_file()


def test_a_script_is_tuned_as_it_stands(cwd: Path) -> None:
    """From a script to an answer with nothing written by hand; the page for beginners shows what is written."""
    (cwd / "train.py").write_text((ROOT / "benchmarks" / "side_by_side" / "digits.py").read_text())
    said = here(*SCRIPT)
    assert said.code == 0, said.err
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert f"```yaml\n{(cwd / 'train.yaml').read_text()}```\n" in page
    assert said.out in page
    planned = here("run", "train.yaml", "--dry-run")
    assert planned.code == 0, planned.err
    fewer = ("--set", "search.trials=2", "--set", "seeds=[1, 2]", "--set", "rungs=[{epochs: 2, seeds: 2}]")
    said = here("run", "train.yaml", "--driver", "inline", "--quiet", *fewer, "--set", "epochs=2")
    assert said.code == 0, said.err
    assert said.out.startswith("Use learning_rate ")


def test_the_page_for_beginners_shows_the_function_that_is_written(cwd: Path) -> None:
    """Code in the page is that of the template."""
    assert here("init", "--from", "function").code == 0
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert f"```python\n{(cwd / 'digits_function.py').read_text()}```\n" in page
