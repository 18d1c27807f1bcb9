"""`latent-tune train --profile` through any trainer that offers it."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tune.cli.training import profile
from tune.errors import UserMistake


class Plain:
    """A trainer that cannot be profiled."""

    def __init__(self, config: Any, recording: Any, seeds: Any, state: Any = None) -> None:
        self.seeds = seeds

    def train(self, epochs: int) -> Any:
        yield from ({"validation_loss": [0.0] * len(self.seeds)} for _ in range(epochs))

    def state(self) -> Any:
        return dict.fromkeys(self.seeds)

    def baseline(self) -> Any:
        return {}

    def close(self) -> None:
        pass


class Profiled(Plain):
    """One that can."""

    def profile(self, trace: Path) -> Any:
        trace.write_text("{}")
        return {"step_ms": 2.5, "ms_per_step": {"products": 2.0, "rest": 0.5}}


def write(folder: Path) -> Path:
    path = folder / "training.yaml"
    path.write_text("name: one\ntrainer: any:Trainer\nconfig: {x: 1}\nseeds: [1]\nepochs: 2\n", encoding="utf-8")
    return path


def test_a_profile_is_shown_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer's figures are printed on one screen and kept beside the trace; nothing is trained."""
    monkeypatch.setattr("tune.cli.training.load", lambda _: Profiled)
    console = Console(record=True, width=80)
    profile(write(tmp_path), tmp_path / "results", [], console)
    text = console.export_text()
    assert "products" in text
    assert "2.50" in text
    folder = tmp_path / "results" / "one"
    assert json.loads((folder / "profile.json").read_text())["ms_per_step"] == {"products": 2.0, "rest": 0.5}
    assert (folder / "trace.json").exists()
    assert not (folder / "curves").exists()


def test_a_trainer_that_cannot_be_profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer without the hook is named, with what it lacks."""
    monkeypatch.setattr("tune.cli.training.load", lambda _: Plain)
    with pytest.raises(UserMistake, match=r"any:Trainer cannot be profiled: it has no method profile\(trace\)"):
        profile(write(tmp_path), tmp_path / "results", [], Console())
