"""A file for `latent-tune train` with a mistake: exit code 2, one message with the place, and nothing written."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.command import here
from tests.behaviour.refusals import LATENT, check_refused, snapshot

TRAINING: dict[str, Any] = {
    "name": "one",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "config": {"x": 0.5},
    "seeds": [1, 2],
    "epochs": 2,
}


TRAININGS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("misspelt key", {"epoch": 3}, ["one.yaml: 1 mistake\n", "epoch: unknown key; did you mean 'epochs'?"]),
    ("wrong type", {"epochs": "two"}, ["epochs: must be a valid integer, got str 'two'"]),
    ("seeds repeated", {"seeds": [1, 1]}, ["seeds: each seed once, got [1, 1]"]),
    ("no epochs", {"epochs": 0}, ["epochs: must be greater than or equal to 1, got int 0"]),
    ("unknown trainer", {"trainer": "no_such:Class"}, ["trainer: 'no_such' cannot be imported"]),
    (
        "trainer's key misspelt",
        {"trainer": LATENT["trainer"], "config": {"learning_rat": 0.1}},
        ["one.yaml: 1 mistake\n", "config.learning_rat: unknown parameter: did you mean 'learning_rate'?"],
    ),
    (
        "recording missing",
        {"trainer": LATENT["trainer"], "recording": {"path": "gone.npy"}, "config": {"latent_dims": 2}},
        ["recording.path: gone.npy does not exist"],
    ),
]


GENERATED = {"trainer": "tests.fakes.generated:Generated", "seeds": [1, 12], "epochs": 4}
HANDED_OVER: list[tuple[str, dict[str, Any], str]] = [
    ("rows", {"recording": {"rows": ["short"]}}, "metric 'validation_loss' has 1 values for 2 seeds"),
    (
        "state",
        {"recording": {"state": "an object"}},
        "generated:Generated, epoch 4: state[1]",
    ),
    (
        "baseline",
        {"recording": {"baseline": "text"}},
        "metric 'validation_loss': must be a number or None",
    ),
    ("words", {"recording": {"error": "escapes"}}, r"RuntimeError: \x1b]0;title\x07\x00"),
    ("metric", {"metric": "test_loss"}, "the trainer yields no 'test_loss', which the training scores; it yields"),
]


@pytest.mark.parametrize(("changes", "message"), [one[1:] for one in HANDED_OVER], ids=[one[0] for one in HANDED_OVER])
def test_a_trainer_that_hands_over_nonsense_is_told(cwd: Path, changes: dict[str, Any], message: str) -> None:
    """One training ends like a unit of a study: exit code 1, and what it was."""
    (cwd / "one.yaml").write_text(yaml.safe_dump({**TRAINING, **GENERATED, **changes}, sort_keys=False))
    said = here("train", "one.yaml")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert message in said.err


def test_a_loss_that_is_not_known_in_the_last_epoch_has_not_failed(cwd: Path) -> None:
    """It is what it was last known to be; what is not finite in a baseline is no baseline."""
    recording = {"rows": ["tensors", "None for all"], "baseline": "not finite", "state": "NumPy"}
    (cwd / "one.yaml").write_text(yaml.safe_dump({**TRAINING, **GENERATED, "recording": recording}, sort_keys=False))
    said = here("train", "one.yaml")
    assert said.code == 0, said.err
    assert json.loads(Path("results/one/metrics.json").read_text())["failed_seeds"] == []


@pytest.mark.parametrize(("changes", "parts"), [case[1:] for case in TRAININGS], ids=[case[0] for case in TRAININGS])
def test_a_wrong_training_is_refused(cwd: Path, changes: dict[str, Any], parts: list[str]) -> None:
    """A training file is checked like a study."""
    (cwd / "one.yaml").write_text(yaml.safe_dump({**TRAINING, **changes}, sort_keys=False))
    before = snapshot(cwd)
    check_refused(here("train", "one.yaml"), *parts)
    assert snapshot(cwd) == before
