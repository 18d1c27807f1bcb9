"""Suggestions that the trainer refuses, and trials that died, as the sampler learns of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bench import Bench, bench
from tests.fakes.studies import quadratic_study
from tune.optimizer.feasible import suggest_feasible
from tune.optimizer.optimizer import Optimizer
from tune.study.study import Study

METHODS = ["tpe", "gp", "random"]
SPACE: dict[str, Any] = {"x": {"uniform": [0, 1]}, "y": {"uniform": [0, 1]}}


def narrow(config: Mapping[str, Any]) -> dict[str, str]:
    """Refuses all but a fifth of the space."""
    return {} if 0.2 <= config["x"] <= 0.4 else {"x": f"must be 0.2 to 0.4, got {config['x']:.3g}"}


def checked(folder: Path, **changes: Any) -> Bench:
    study = bench(folder, **changes)
    study.optimizer = Optimizer(study.ledger, lambda: 0.0, narrow)
    study.job.optimizer = study.optimizer
    return study


@pytest.mark.parametrize("method", METHODS)
def test_what_is_refused_is_redrawn_and_taught(tmp_path: Path, method: str) -> None:
    """Every trial can be trained, each decision tells what it stands for, and a sampler that learns is refused less."""
    study = checked(tmp_path / "q", space=SPACE, search={"method": method, "trials": 30})
    study.run()
    trials = study.ledger.trials
    assert len(trials) == 30
    refused = [len(trial.refused) for trial in trials]
    assert all(not narrow(trial.parameters) and all(map(narrow, trial.refused)) for trial in trials)
    said = next(one for one in study.ledger.decisions if one.kind == "start" and one.detail.get("refused"))
    assert "that the trainer refused, such as for x: must be 0.2 to 0.4, got" in said.reason
    if method != "random":
        assert sum(refused[15:]) < 0.5 * 15 * 4  # by chance it would be four for each trial


@pytest.mark.parametrize("method", METHODS)
def test_a_continued_study_draws_the_same_again(tmp_path: Path, method: str) -> None:
    """What was refused is in the ledger, so another process suggests what this one would have."""
    whole = checked(tmp_path / "whole", space=SPACE, search={"method": method, "trials": 14})
    whole.run()
    parted = checked(tmp_path / "parted", space=SPACE, search={"method": method, "trials": 14})
    while (work := parted.optimizer.next_work()) is not None:
        parted.do(work)
        parted.reopen()
        parted.optimizer = Optimizer(parted.ledger, lambda: 0.0, narrow)
        parted.job.optimizer = parted.optimizer
    assert [(one.parameters, one.refused) for one in parted.ledger.trials] == [
        (one.parameters, one.refused) for one in whole.ledger.trials
    ]


@pytest.mark.parametrize("method", [*METHODS, "grid"])
def test_a_small_space_is_used_up_but_for_what_is_refused(tmp_path: Path, method: str) -> None:
    """Each setting that can be trained is a trial once, none other is, and then the search is over."""
    space = {"x": {"choice": [0.1, 0.2, 0.3, 0.9]}, "y": {"choice": ["a", "b"]}}
    study = checked(tmp_path / "q", space=space, search={"method": method, "trials": 20})
    study.run()
    found = sorted((trial.parameters["x"], trial.parameters["y"]) for trial in study.ledger.trials)
    assert found == [(0.2, "a"), (0.2, "b"), (0.3, "a"), (0.3, "b")]


def test_a_space_of_which_nothing_can_be_trained_is_used_up() -> None:
    """It is not looked through for ever."""
    study = quadratic_study(space=SPACE, search={"trials": 3, "method": "random"})
    assert suggest_feasible(study, [], check=lambda _: {"x": "never"}) is None


@pytest.mark.parametrize("method", ["tpe", "gp"])
def test_trials_that_died_are_bad(tmp_path: Path, method: str) -> None:
    """Four fifths of the space die: once some trial lives, the sampler goes where trials do."""

    def deaths(study: Study) -> list[bool]:
        played = Bench(tmp_path / method, study)
        while len(played.ledger.trials) <= 40 and (work := played.optimizer.next_work()) is not None:
            if narrow(work.configuration):
                played.optimizer.failed(work, f"ValueError: too large where y is {work.configuration['y']}")
            else:
                played.do(work)
        return [trial.ended == "failed" for trial in played.ledger.trials[:40]]

    died = deaths(quadratic_study(space=SPACE, search={"method": method, "trials": 41}, resources={"retries": 0}))
    assert sum(died[20:]) <= 10  # by chance it would be sixteen
