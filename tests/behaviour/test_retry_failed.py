"""`resume --retry-failed`, and what a study says of which nothing has succeeded."""

import shlex
from pathlib import Path

from tests.behaviour.command import here, ledger_of, status, write_study

INLINE = ("--driver", "inline")


def doomed(tmp_path: Path, trials: int) -> Path:
    """A study whose trials all die, as long as the file that is returned is there."""
    mark = tmp_path / "mark"
    mark.touch()
    recording = {"seeds": [1], "epoch": 2, "file": str(mark)}
    search = {"method": "random", "trials": trials, "seed": 3}
    write_study(tmp_path, trainer="tests.fakes.trainers:Doomed", recording=recording, search=search)
    return mark


def test_what_died_of_a_cause_that_is_mended_is_tried_again(tmp_path: Path) -> None:
    """The message that stops the study has the command; it does what had died, and the study ends as any other."""
    mark = doomed(tmp_path, trials=5)
    study, results = str(tmp_path / "study.yaml"), str(tmp_path / "results")
    said = here("run", study, "--results", results, *INLINE)
    assert said.code == 1
    command = shlex.split(said.last_line.partition("mend it, then: ")[2])
    folder = tmp_path / "results" / "tiny"
    assert command == ["latent-tune", "resume", str(folder), "--retry-failed"]
    mark.unlink()
    said = here(*command[1:])
    assert said.code == 0, said.err
    now, ledger = status(folder), ledger_of(folder)
    assert (now["trials"]["failed"], len(ledger.trials)) == (0, 5)
    assert [one.trial for one in ledger.decisions if one.kind == "retry"] == [0, 1, 2]
    assert all(len(trial.attempts) == 2 for trial in ledger.trials[:3])
    assert "Use x" in said.out


def test_only_what_died_is_tried_again(tmp_path: Path) -> None:
    """Trials may be named; one that has not died is the user's mistake, and nothing is written."""
    mark = doomed(tmp_path, trials=2)
    said = here("run", str(tmp_path / "study.yaml"), "--results", str(tmp_path / "results"), *INLINE)
    assert said.code == 1
    folder = tmp_path / "results" / "tiny"
    refused = here("resume", str(folder), "--retry-failed", "7")
    assert refused.code == 2
    assert refused.last_line.endswith(f"trial 7 of {folder} has not died; those that have: 0, 1")
    mark.unlink()
    assert here("resume", str(folder), "--retry-failed", "1").code == 0
    assert [trial.ended for trial in ledger_of(folder).trials] == ["failed", None]
    assert here("resume", str(folder), "--retry-failed", "0").code == 0
    again = here("resume", str(folder), "--retry-failed")
    assert again.code == 2
    assert "no trial of" in again.last_line


def test_a_study_of_which_nothing_succeeded_claims_nothing(tmp_path: Path) -> None:
    """It ends with exit code 1, also when it is run again, and says neither what to use nor what it saved."""
    doomed(tmp_path, trials=2)
    for _ in range(2):
        said = here("run", str(tmp_path / "study.yaml"), "--results", str(tmp_path / "results"), *INLINE)
        assert said.code == 1
        assert "no trial came to a result, 2 of 2 died" in said.last_line
        assert said.last_line.endswith("--retry-failed")
        for claim in ("Use ", "saved", "train the winner"):
            assert claim not in said.out
    assert not (tmp_path / "results" / "tiny" / "best.yaml").exists()
    assert status(tmp_path / "results" / "tiny")["state"] == "finished"
