"""The words with which a program is started, and its environment."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.programs import section
from tune.adapters.program.command import environment, search_path, words

CONFIG: dict[str, Any] = {
    "lr": 1e-05,
    "layers": [64, 32],
    "amp": True,
    "compile": False,
    "note": "two words, it's",
    "clip": None,
    "shift": -0.5,
    "model.bias": False,
}


def words_of(
    command: list[str], config: dict[str, Any] | None = None, *, resumed: bool = False, **keys: Any
) -> list[str]:
    """The words of a run of seed 3."""
    values = {"seed": 3, "run": "r", "checkpoint": "c"}
    return words(section(command, **keys), CONFIG if config is None else config, values, resumed=resumed)


def test_a_value_is_one_word_wherever_it_stands() -> None:
    """As text in the middle of one as well; braces are written twice."""
    assert words_of(["--lr={lr}", "{note}", "{layers}", "{amp}{clip}", "{{lr}}", "{seed}"]) == [
        "--lr=1e-05",
        "two words, it's",
        "64,32",
        "truenull",
        "{lr}",
        "3",
    ]


def test_args_are_options_with_values() -> None:
    """All that no other word names; what is null is left out, what begins with a dash is tied to its name."""
    assert words_of(["x", "{lr}", "{note}", "{args}"]) == [
        *("x", "1e-05", "two words, it's"),
        *("--layers", "64", "32", "--amp", "true", "--compile", "false", "--shift=-0.5", "--model.bias", "false"),
    ]


def test_flags_are_options_for_truth_values() -> None:
    """With `no-` in front of the last part of the name."""
    config = {name: CONFIG[name] for name in ("lr", "amp", "compile", "model.bias")}
    assert words_of(["x", "{flags}"], config) == ["x", "--lr", "1e-05", "--amp", "--no-compile", "--model.no-bias"]


def test_hydra_is_told_in_its_grammar() -> None:
    """Texts are quoted where they would be read as something else."""
    assert words_of(["x", "{hydra}"]) == [
        *("x", "lr=1e-05", "layers=[64,32]", "amp=true", "compile=false"),
        *("note='two words, it\\'s'", "clip=null", "shift=-0.5", "model.bias=false"),
    ]
    assert words_of(["{hydra}"], {"a": "true", "b": "1e3", "c": "relu", "d": ""}) == [
        "a='true'",
        "b='1e3'",
        "c=relu",
        "d=''",
    ]


def test_an_argument_may_depend_on_a_parameter() -> None:
    """It is there where that is true."""
    assert words_of(["x", "{amp?--mixed}", "{compile?--compile}", "{clip?--clip}"]) == ["x", "--mixed"]


def test_a_parameter_that_a_trial_does_not_have_is_left_out() -> None:
    """With the option in front of it, or the variable that holds it."""
    command = ["x", "--warm", "{warm}", "--lr", "{lr}", "--cool={cool}", "{hot?--hot}", "-v"]
    assert words_of(command, {"lr": 1}) == ["x", "--lr", "1", "-v"]
    program = section("x", environment={"WARM": "{warm}", "LR": "{lr}"})
    found = environment(program, {"lr": "1"})
    assert found["LR"] == "1"
    assert "WARM" not in found


def test_what_resumes_is_added_once_there_is_a_checkpoint() -> None:
    """Behind all else."""
    keys = {"resume": ["--resume", "{checkpoint}/last.pt"]}
    assert words_of(["x"], **keys) == ["x"]
    assert words_of(["x"], resumed=True, **keys) == ["x", "--resume", "c/last.pt"]


def test_the_environment_is_this_process_and_the_studys(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs and threads are those of this process; output is not held back."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    program = section("x", environment={"WANDB_MODE": "offline", "NAME": "{seed}-{{}}"})
    found = environment(program, {"seed": "3"}, MORE="1")
    expected = {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "2", "PYTHONUNBUFFERED": "1", "WANDB_MODE": "offline"}
    assert expected.items() <= found.items()
    assert (found["NAME"], found["MORE"]) == ("3-{}", "1")


def test_python_is_that_of_the_active_environment_else_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs `.venv/bin/latent-tune` means that Python, unless another environment is active."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert search_path() == f"{Path(sys.executable).parent}:/usr/bin"
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert search_path() == "/usr/bin"
