"""The examples of docs/trainer.md run as they stand."""

import ast
import shutil
from pathlib import Path

import pytest
import yaml

from tests.behaviour.command import ROOT, decided, here, ledger_of, status

EXAMPLES = ROOT / "examples"


def run(example: str, place: Path, *overrides: str) -> Path:
    """Runs an example's study in a copy of its folder, away from the checkout; returns the study's folder."""
    folder = place / example
    if not folder.exists():
        shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("results", "__pycache__"))
    said = here("run", f"{example}/study.yaml", "--driver", "inline", "--results", "results", *overrides, cwd=place)
    assert said.code == 0, said.err
    return place / "results"


@pytest.mark.parametrize("example", ["function", "lightning", "sklearn"])
def test_an_example_runs_as_it_stands(example: str, tmp_path: Path) -> None:
    """From its folder to an answer with all seeds; none of them failed."""
    if example == "lightning":
        pytest.importorskip("lightning.pytorch", reason="Lightning is not installed (the extra `lightning`)")
    study = yaml.safe_load((EXAMPLES / example / "study.yaml").read_text())
    now = status(run(example, tmp_path) / study["name"])
    assert now["state"] == "finished"
    assert len(now["incumbent"]["losses"]) == len(study["seeds"])
    assert now["incumbent"]["failed_seeds"] == []
    assert now["failures"] == {}


def test_a_checkpoint_changes_no_decision(tmp_path: Path) -> None:
    """The function that saves and the one that does not decide the same by the same losses, to the last bit."""
    results = run("function", tmp_path)
    run("function", tmp_path, "--set", "function=resumable:train", "--set", "name=digits-resumable")
    plain, resumed = (ledger_of(results / name) for name in ("digits-function", "digits-resumable"))
    assert decided(resumed) == decided(plain)
    assert resumed.redone == 0
    assert plain.redone > 0


def test_a_function_is_few_lines() -> None:
    """What tuning asks of whoever has data and a model is at most 15 lines."""
    (train,) = [
        node
        for node in ast.parse((EXAMPLES / "function" / "train.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
    ]
    assert train.end_lineno is not None
    assert train.end_lineno - train.lineno + 1 <= 15


def test_the_page_shows_the_example() -> None:
    """The function and the study of docs/trainer.md are those of the folder."""
    page = (ROOT / "docs" / "trainer.md").read_text()
    source = (EXAMPLES / "function" / "train.py").read_text()
    assert source[source.index("def train") :].strip() in page
    assert (EXAMPLES / "function" / "study.yaml").read_text().strip() in page
    for example in ("lightning", "sklearn"):
        assert (EXAMPLES / example / "train.py").read_text().strip().splitlines()[-1] in page
