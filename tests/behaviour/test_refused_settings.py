"""What the trainer refuses is told, and other settings are trained."""

from pathlib import Path

import pytest

from tests.behaviour.command import here, ledger_of, write_study

SPACES = {
    "continuous": {"x": {"uniform": [0, 1]}},
    "choices": {"x": {"choice": [0.05, 0.2, 0.3, 0.4, 0.5, 0.6]}},
}


@pytest.mark.parametrize("space", SPACES)
def test_a_study_trains_what_can_be_trained(tmp_path: Path, space: str) -> None:
    """Plan and run say what is left out and why; the study has no trial of it and ends with an answer."""
    write_study(tmp_path, trainer="tests.fakes.trainers:Picky", space=SPACES[space])
    study = str(tmp_path / "study.yaml")
    plan = here("run", study, "--dry-run", "--driver", "inline")
    assert plan.code == 0, plan.err
    said = here("run", study, "--results", str(tmp_path / "results"), "--driver", "inline")
    assert said.code == 0, said.err
    for out in (plan.out, said.out):
        assert "the trainer refuses " in out
        assert "space.x: must be at most 0.5, got " in out
        assert "trainer.check_config: must return messages by key, it raised ZeroDivisionError: x is too small" in out
    trials = ledger_of(tmp_path / "results" / "tiny").trials
    assert len(trials) == (6 if space == "continuous" else 4)
    assert all(0.1 <= trial.parameters["x"] <= 0.5 for trial in trials)


def test_a_study_of_which_nothing_can_be_trained_is_refused(tmp_path: Path) -> None:
    """It is the user's mistake, with the reason for each value, and nothing is written."""
    write_study(tmp_path, trainer="tests.fakes.trainers:Picky", space={"x": {"uniform": [0.6, 0.9]}})
    said = here("run", str(tmp_path / "study.yaml"), "--results", str(tmp_path / "results"), "--driver", "inline")
    assert said.code == 2
    assert "space.x: must be at most 0.5, got 0.9" in said.err
    assert not (tmp_path / "results").exists()
