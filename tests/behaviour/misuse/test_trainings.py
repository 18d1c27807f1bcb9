"""A file for `latent-tune train` with a mistake: exit code 2, one message with the place, and nothing written."""

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


@pytest.mark.parametrize(("changes", "parts"), [case[1:] for case in TRAININGS], ids=[case[0] for case in TRAININGS])
def test_a_wrong_training_is_refused(cwd: Path, changes: dict[str, Any], parts: list[str]) -> None:
    """A training file is checked like a study."""
    (cwd / "one.yaml").write_text(yaml.safe_dump({**TRAINING, **changes}, sort_keys=False))
    before = snapshot(cwd)
    check_refused(here("train", "one.yaml"), *parts)
    assert snapshot(cwd) == before
