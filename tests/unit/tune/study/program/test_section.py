"""The section `program` of a study: what it takes, and what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from tune.study.program.section import Program, program_mistakes


def mistakes(program: Any, *names: str) -> list[str]:
    """What is wrong with a program in a study with these parameters."""
    found = program_mistakes(Program.model_validate(program), names)
    return [f"{'.'.join(map(str, path))}: {said}" for path, said in found]


def test_a_text_is_split_as_a_shell_would() -> None:
    """Quotes hold words together, nothing else means anything; a list is taken as it stands."""
    given = Program.model_validate("python 'my train.py' --out $HOME | tee")
    assert given.command == ["python", "my train.py", "--out", "$HOME", "|", "tee"]
    assert Program.model_validate({"command": ["run", 3, "a b"]}).command == ["run", "3", "a b"]
    assert Program.model_validate(["run", "a b"]).in_words == "run 'a b'"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("python 'train.py", "cannot be split into words"),
        ("", "at least 1 item"),
        ({"command": "x", "metrics": {}}, "exactly one of lines, jsonl, csv, tensorboard, file says where"),
        ({"command": "x", "metrics": {"csv": "a.csv", "jsonl": "b"}}, "got jsonl and csv"),
        ({"command": "x", "metrics": {"lines": "loss=("}}, "is no regular expression"),
        ({"command": "x", "metrics": {"lines": r"(?P<epoch>\d+)"}}, "names no metric"),
        ({"command": "x", "metrics": {"csv": "a", "history": "b"}}, "history is a path in `file`"),
        ({"command": "x", "metrics": {"file": "a.pkl"}}, "must end in .json, .yaml, .yml"),
        ({"command": "x", "config": {"file": "a.ini"}}, "must end in .json, .yaml, .yml, .toml"),
        ({"command": "x", "environment": {"A B": "1"}}, "'A B' is no name of a variable"),
        ({"command": "x", "metric": {"csv": "a"}}, "metric\n  Extra inputs"),
    ],
)
def test_what_can_never_be_right_is_refused(given: Any, said: str) -> None:
    """Each with the value and what is allowed."""
    with pytest.raises(ValidationError) as caught:
        Program.model_validate(given)
    assert said in str(caught.value)


def test_a_placeholder_that_names_nothing_is_a_mistake() -> None:
    """The nearest name is said, and how to write a brace."""
    assert mistakes("train {learning_rat}", "learning_rate") == [
        "command.1: {learning_rat} names nothing, got '{learning_rat}'; did you mean 'learning_rate'?; write {{ for a brace",  # noqa: E501
        "command: parameter 'learning_rate' never reaches the program; write {learning_rate}, or {args} for all",
    ]
    assert mistakes({"command": "x {args}", "environment": {"SEED": "{sed}"}}) == [
        "environment.SEED: {sed} names nothing, got '{sed}'; did you mean 'seed'?; write {{ for a brace"
    ]
    assert "has a brace that is not closed" in mistakes(["awk", "{ print", "{args}"])[0]


def test_a_parameter_must_reach_the_program() -> None:
    """By its name, with all, or by the file."""
    for command in ("x {lr}", "x {args}", "x {flags}", "x {hydra}", "x {lr?--fast}"):
        assert mistakes(command, "lr") == []
    assert mistakes({"command": "x {config}", "config": {"file": "a.json"}}, "training.lr") == []
    assert mistakes({"command": "x", "environment": {"LR": "{lr}"}}, "lr") == []


def test_braces_and_dots_are_allowed() -> None:
    """`{{` stands for a brace, and a parameter may have dots."""
    assert mistakes(["x", "{{a}}", "{training.lr}"], "training.lr") == []


def test_what_stands_for_several_arguments_is_a_word_of_its_own() -> None:
    """Part of a word, or a variable, it would be no arguments."""
    assert "must be a word of its own" in mistakes(["x", "--{args}"])[0]
    assert "must be a word of its own" in mistakes({"command": "x", "environment": {"A": "{flags}"}})[0]
    assert "must be a word of its own" in mistakes(["x", "a{lr?--fast}"], "lr")[0]


def test_the_copy_of_the_file_must_be_given_and_made() -> None:
    """One without the other is a mistake."""
    assert (
        "write {config} where the command names the file" in mistakes({"command": "x", "config": {"file": "a.json"}})[0]
    )
    twice = mistakes({"command": "x {config}", "config": {"file": "a.json"}}, "training", "training.lr")
    assert "'training' is set as a whole, and 'training.lr' in it by itself" in twice[0]
    assert "name that file under program.config.file" in mistakes("x {config}")[0]


def test_one_process_for_all_seeds_has_no_checkpoint() -> None:
    """A checkpoint is of one seed."""
    assert "{checkpoint} is of one seed" in mistakes("x {seeds} {checkpoint}")[0]


def test_a_parameter_may_not_be_called_like_a_placeholder() -> None:
    """It could not be told which is meant."""
    assert mistakes("x {epochs}", "epochs") == ["command: parameter 'epochs' has the name of a placeholder; rename it"]


def test_it_says_what_it_knows() -> None:
    """Whether it resumes, obeys a number of epochs, trains seeds together; also by its file and variables."""
    plain = Program.model_validate("x {seed}")
    assert (plain.resumes, plain.obeys_epochs, plain.together) == (False, False, False)
    set_in_file = {"epochs": "{epochs}", "out": "{run}"}
    full = Program.model_validate(
        {"command": "x {config}", "resume": "--from {checkpoint}", "config": {"file": "a.toml", "set": set_in_file}}
    )
    assert (full.resumes, full.obeys_epochs, full.together) == (True, True, False)


def test_it_names_the_files_that_decide_what_is_trained() -> None:
    """Code and settings, not what its runs write, which changes."""
    program = {
        "command": "python -m lab.train base.yaml --data x.npy --log log.txt --out final.json {args}",
        "config": {"file": "a.toml"},
        "metrics": {"file": "final.json"},
    }
    assert Program.model_validate(program).named_files == ["python", "lab.train", "base.yaml", "a.toml"]
