"""Evaluating again what has been trained, from the command line."""

from pathlib import Path

from tests.behaviour.command import here, ledger_of, status, write_study


def evaluated(folder: Path) -> int:
    """How many runs have a test loss."""
    return sum(row.get("test_loss") is not None for row in ledger_of(folder).curves().to_pylist())


def test_what_failed_is_evaluated_from_its_checkpoint(tmp_path: Path) -> None:
    """The missing metrics are added, nothing is trained, and the study stands where it stood."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for number in range(3):
        (marks / str(number)).touch()
    changes = {"seeds": [1, 2], "rungs": [{"epochs": 2, "seeds": 2}], "fixed": {}}
    write_study(tmp_path, trainer="tests.fakes.trainers:Evaluating", recording={"marks": str(marks)}, **changes)
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "tiny"
    before = status(folder)
    assert before["failure_classes"]["evaluation"] == {"attempts": 3, "trials": 3}
    assert evaluated(folder) == 3 * 2

    (marks / "again").touch()
    said = here("evaluate", "results/tiny", "1", cwd=tmp_path)
    assert said.code == 1
    assert said.last_line == (
        "latent-tune: 1 of 1 evaluations failed again, the last of: OSError: the test split cannot be read"
    )
    said = here("evaluate", "results/tiny", cwd=tmp_path)
    assert said.code == 0, said.err
    assert evaluated(folder) == 6 * 2
    after = status(folder)
    assert after["failure_classes"]["evaluation"] == {"attempts": 4, "trials": 3}
    for key in ("state", "trials", "incumbent", "seed_epochs_spent", "seed_epochs_redone"):
        assert after[key] == before[key]
    said = here("evaluate", "results/tiny", cwd=tmp_path)
    assert (said.code, said.last_line) == (0, "results/tiny: no evaluation is missing where a checkpoint is kept")


def test_a_trial_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Exit code 2, and which there are."""
    write_study(tmp_path, search={"trials": 2})
    assert here("run", "study.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    said = here("evaluate", "results/tiny", "7", cwd=tmp_path)
    assert (said.code, said.last_line) == (2, "latent-tune: evaluate: no trial 7 in results/tiny; there are 0 to 1")
