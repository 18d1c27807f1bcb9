"""Suggestions over a space with conditions, constraints, steps, lists and priors."""

from collections.abc import Mapping
from math import log10
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tests.fakes.bench import Bench
from tests.fakes.conditional import conditional_study, played
from tests.fakes.studies import quadratic_study
from tune.optimizer.feasible import suggest_feasible
from tune.study.settings.conditions import existing
from tune.study.settings.constraints import violated
from tune.study.settings.walk import size
from tune.study.study import Study

METHODS = ("tpe", "gp", "random", "grid")


def loss(parameters: Mapping[str, Any]) -> float:
    """Best with a cosine schedule, a warm-up of 0.2, two cycles, a rate of 0.01 and a wide net."""
    found = 1.0 + abs(log10(parameters.get("lr", 1e-2)) + 2) + (128 - parameters["width"]) / 128
    if parameters["schedule"] == "cosine":
        found += abs(parameters["warmup"] - 0.2) + abs(parameters.get("cycles", 4) - 2) / 4 - 0.5
    return found + abs(parameters.get("momentum", 0.5) - 0.9)


def sound(study: Study, parameters: Mapping[str, Any]) -> bool:
    """Says whether a setting is one of the space: all that exists and nothing else, with values that can be taken."""
    every = {**dict.fromkeys(study.space), **parameters}
    return (
        list(existing(study.space, every)) == list(parameters)
        and all(study.space[name].holds(value) for name, value in parameters.items())
        and not violated(study.where, {**study.fixed, **parameters})
    )


def replayed(study: Study, method_trials: list[Any], number: int) -> bool:
    """Says whether the same is suggested from what the ledger would hold."""
    found = suggest_feasible(study, method_trials[:number])
    trial = method_trials[number]
    return found is not None and (found.parameters, list(found.refused)) == (trial.parameters, list(trial.refused))


@pytest.mark.parametrize("method", METHODS)
def test_no_suggestion_violates_anything(method: str) -> None:
    """Some of each method: what exists is there, nothing else is, and the same comes of the trials again."""
    study = conditional_study(method, 40)
    trials = played(study, loss)
    assert len(trials) == 40
    assert all(sound(study, trial.parameters) for trial in trials)
    assert len({repr(sorted(trial.parameters.items())) for trial in trials}) == 40
    assert all(replayed(study, trials, number) for number in (1, 20, 39))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("method", "studies", "trials"), [("tpe", 4, 250), ("gp", 8, 20), ("random", 1, 1000), ("grid", 1, 1000)]
)
def test_of_a_thousand_suggestions_none_violates_anything(method: str, studies: int, trials: int) -> None:
    """A thousand (of gp, which takes a second for each, 160) in studies as long as usual; some are asked for again."""
    for seed in range(studies):
        study = conditional_study(method, trials)
        study = study.model_copy(update={"search": study.search.model_copy(update={"seed": seed})})
        found = played(study, loss)
        assert len(found) == trials
        assert all(sound(study, trial.parameters) for trial in found)
        assert all(replayed(study, found, number) for number in range(seed % 10, trials, 10 if method == "gp" else 50))


@pytest.mark.parametrize("method", ["tpe", "gp", "random", "grid"])
def test_a_small_conditional_space_is_used_up(method: str) -> None:
    """Each setting that meets the constraints is tried once, and then the search is over."""
    space = {
        "kind": {"choice": ["a", "b", "c"]},
        "n": {"int": [1, 3], "when": {"kind": "b"}},
        "on": {"choice": [True, False], "when": {"n": [2, 3]}},
    }
    study = quadratic_study(space=space, where=["n < 3 or on"], search={"method": method, "trials": 20})
    trials = played(study, lambda _: 1.0)
    found = [(one.parameters["kind"], one.parameters.get("n"), one.parameters.get("on")) for one in trials]
    expected = [("a", None, None), ("b", 1, None), ("b", 2, False), ("b", 2, True), ("b", 3, True), ("c", None, None)]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert size(study.space) == 7


def test_tpe_learns_of_conditional_parameters() -> None:
    """From the trials that have them: late suggestions have a better warm-up, and more cosine, than early ones."""
    early, late = [], []
    for seed in range(3):
        study = conditional_study("tpe", 70)
        study = study.model_copy(update={"search": study.search.model_copy(update={"seed": seed})})
        losses = [loss(trial.parameters) for trial in played(study, loss)]
        early += losses[:15]
        late += losses[-15:]
    assert fmean(late) < fmean(early) - 0.5


def test_priors_decide_the_first_trials_and_fade() -> None:
    """The first trial is the priors themselves; of many trials later ones are around them no more than a few."""
    trials = played(conditional_study("random", 120), loss)
    assert (trials[0].parameters["lr"], trials[0].parameters["width"]) == (1e-3, 64) or trials[0].refused
    around = ["the priors" in trial.reason for trial in trials]
    assert sum(around[:10]) >= 5
    assert sum(around[60:]) <= 4


def test_a_wrong_prior_costs_little_in_the_end() -> None:
    """A search that begins at the wrong end finds as good a setting as one that begins by chance."""
    best: dict[str, list[float]] = {"wrong": [], "none": []}
    for seed in range(6):
        for name, prior in (("wrong", {"prior": 0.99}), ("none", {})):
            space = {"x": {"uniform": [0, 1], **prior}, "y": {"uniform": [0, 1], **prior}}
            study = quadratic_study(space=space, search={"trials": 60, "seed": seed})
            found = played(study, lambda one: 1 + (one["x"] - 0.1) ** 2 + (one["y"] - 0.1) ** 2)
            best[name].append(min(trial.reached[1].score for trial in found))
    assert fmean(best["wrong"]) - 1 < 0.01
    assert fmean(best["none"]) - 1 < 0.01


def test_an_enqueued_setting_is_completed_within_the_constraints() -> None:
    """What it leaves out is drawn so that they are met; what it says stays, with the conditions it needs."""
    enqueue = [{"width": 16 * count, "schedule": "cosine", "warmup": 0.2, "cycles": 2} for count in range(1, 9)]
    study = conditional_study("tpe", 12)
    study = study.model_copy(update={"search": study.search.model_copy(update={"enqueue": enqueue})})
    trials = played(study, loss)
    assert all(sound(study, trial.parameters) for trial in trials)
    assert all({**trial.parameters, **one} == trial.parameters for trial, one in zip(trials, enqueue, strict=False))
    assert not any(trial.refused for trial in trials[:8])
    assert all(trial.reason == "enqueued by the study" for trial in trials[:8])


@pytest.mark.parametrize("method", ["tpe", "gp", "random"])
def test_a_continued_study_goes_on_as_it_would_have(tmp_path: Path, method: str) -> None:
    """Through the ledger, promotions, neighbours and the race: killed after each unit, it decides the same."""
    space = {
        "x": {"uniform": [0, 1], "step": 0.05},
        "fragile": {"choice": [True, False]},
        "guard": {"int": [1, 5], "when": {"fragile": True}},
        "shape": {"choice": [[1, 2], [3], {"a": 1}]},
    }
    changes = {"space": space, "where": ["x * 5 >= guard"], "search": {"method": method, "trials": 14}}
    whole, parted = (Bench(tmp_path / name, quadratic_study(**changes)) for name in ("whole", "parted"))
    whole.run()
    while (work := parted.optimizer.next_work()) is not None:
        parted.do(work)
        parted.reopen()
    parted.optimizer.finish()
    assert parted.told() == whole.told()
    assert [one.parameters for one in parted.ledger.trials] == [one.parameters for one in whole.ledger.trials]
    assert all(sound(whole.study, trial.parameters) for trial in whole.ledger.trials)
    assert any("that `where` refused, such as for x * 5 >= guard" in one.reason for one in whole.ledger.decisions)
