"""What other trials tell of a trial's failures."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import BASELINE, SCALE, Player, latent_study
from tune.ledger.ledger import Ledger
from tune.optimizer.trial_index import TrialIndex
from tune.scoring.failure_risk import FailureRisk
from tune.scoring.standings import standings

RISKY = 3e-3
LADDER = [{"epochs": 3, "seeds": 1}, {"epochs": 9, "seeds": 1}, {"epochs": 9, "seeds": 3}]


def steep(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """Learns at once, the better the higher the learning rate; of the highest, two in three runs come back up."""
    rate = parameters["learning_rate"]
    ill = rate > RISKY and (parameters["latent_dims"] + seed) % 3 > 0 and epoch > 2
    return 2 * BASELINE if ill else 0.9 * BASELINE - rate - 0.001 * epoch


def slow(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    """The same, but that no run is below the baseline before the fourth epoch."""
    return 1.1 * BASELINE + 1e-4 * epoch if epoch < 4 else steep(parameters, seed, epoch)


def first_rung(folder: Path, loss: Any, trials: int = 24, more: int = 0, **changes: Any) -> Ledger:
    """A study all of whose trials have reached the first rung, and so many of them the second."""
    search = {"method": "random", "trials": trials, "seed": 90, "reduction_factor": 3}
    clock = Clock()
    ledger = Ledger.open(latent_study(**{"search": search, "rungs": LADDER, **changes}), folder, clock=clock)
    Player(ledger, clock, loss).play(units=trials + more)
    return ledger


def failure_risk_of(ledger: Ledger) -> FailureRisk:
    failure_risk = FailureRisk(ledger, SCALE)
    for trial in ledger.trials:
        failure_risk.follow(trial)
    return failure_risk


def test_a_lucky_seed_at_the_first_rung_is_charged(tmp_path: Path) -> None:
    """Runs that came back up early make those suspect that did not, in the same part of the space."""
    ledger = first_rung(tmp_path / "s", steep)
    penalties = failure_risk_of(ledger).penalties_at(0)
    assert set(penalties) == set(range(24))
    lucky, safe = [], []
    for trial in ledger.trials:
        (loss,) = trial.reached[0].losses.values()
        if loss < BASELINE:
            (lucky if trial.parameters["learning_rate"] > RISKY else safe).append(penalties[trial.number])
        else:
            assert penalties[trial.number] == 0.0
    assert lucky
    assert fmean(lucky) > 2 * fmean(safe)
    assert max(lucky) < 3 * BASELINE
    assert failure_risk_of(ledger).penalties() == {}
    ledger.close("finished")


@pytest.mark.parametrize(
    ("loss", "trials", "changes"),
    [
        (slow, 24, {}),
        (lambda *_: 0.5 * BASELINE, 24, {}),
        (steep, 7, {}),
        (steep, 24, {"rungs": [{"epochs": 9, "seeds": 1}, {"epochs": 9, "seeds": 3}]}),
    ],
    ids=["slow starters", "nothing fails", "few trials", "full epochs"],
)
def test_a_first_rung_that_tells_nothing_charges_nothing(
    tmp_path: Path, loss: Any, trials: int, changes: dict[str, Any]
) -> None:
    """No run is penalised early where most have not learned, none failed, few were seen, or epochs are all there."""
    ledger = first_rung(tmp_path / "s", loss, trials, **changes)
    assert failure_risk_of(ledger).penalties_at(0) == {}
    ledger.close("finished")


def test_safe_trials_climb_where_the_first_rung_tells_of_failures(tmp_path: Path) -> None:
    """With the lowest losses at the highest learning rates, those who climb are still those that will not fail."""
    ledger = first_rung(tmp_path / "s", steep)
    index = TrialIndex(ledger)
    index.follow()
    best = min(ledger.trials, key=lambda trial: trial.reached[0].score)
    assert best.parameters["learning_rate"] > RISKY
    climbing = [ledger.trials[number].parameters["learning_rate"] for number in index.earned(0)]
    assert len(climbing) > 4
    assert max(climbing) < RISKY
    shown = {one.number - 1: one.intermediate_values[0] for one in index.observations.shown()}
    assert shown[best.number] > 0.3
    ledger.close("finished")


def test_what_the_first_rung_tells_counts_at_the_next(tmp_path: Path) -> None:
    """Of trials with one full training each, only those are penalised whose part of the space failed early."""

    def flattering(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
        """As `steep`, but risky trials whose first run holds for three epochs look so good that they climb."""
        loss = steep(parameters, seed, epoch)
        return loss / 5 if parameters["learning_rate"] > RISKY and loss < BASELINE else loss

    ledger = first_rung(tmp_path / "s", flattering, trials=24, more=6)
    there = [trial for trial in ledger.trials if 1 in trial.reached]
    penalties = failure_risk_of(ledger).penalties_at(1)
    assert set(penalties) == {trial.number for trial in there}
    risky = [penalties[one.number] for one in there if one.parameters["learning_rate"] > RISKY]
    safe = [penalties[one.number] for one in there if one.parameters["learning_rate"] <= RISKY]
    assert min(risky) > fmean(safe)
    assert failure_risk_of(ledger).penalties() == {}
    ledger.close("finished")


def test_trials_beyond_the_first_are_charged_by_what_these_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large study the first trials are the evidence; a later one is penalised at once, and changes no penalty."""
    monkeypatch.setattr("tune.scoring.failure_risk._FIRST", 16)
    ledger = first_rung(tmp_path / "s", steep)
    failure_risk = FailureRisk(ledger, SCALE)
    for trial in ledger.trials[:16]:
        failure_risk.follow(trial)
    before = failure_risk.penalties_at(0)
    told = dict(before)
    for trial in ledger.trials[16:]:
        failure_risk.follow(trial)
    assert failure_risk.penalties_at(0) is before
    assert {number: before[number] for number in told} == told
    assert dict(before) == pytest.approx(dict(failure_risk_of(ledger).penalties_at(0)))
    ledger.close("finished")


@pytest.mark.parametrize(("budget", "challenged"), [({"seed_epochs": 400}, True), ({}, False)], ids=["limited", "not"])
def test_where_the_confirmed_fail_a_trial_that_waits_takes_the_lead(
    tmp_path: Path, budget: dict[str, int], challenged: bool
) -> None:
    """Of two kinds one leads with its first seed and fails on others; what is left goes to the best of the other."""

    def loss(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
        flattered = parameters["use_batch_norm"]
        if flattered and seed > 1 and epoch > 5:
            return 2 * BASELINE
        return (0.4 if flattered else 0.6) * BASELINE + 1e-3 * parameters["learning_rate"] / epoch

    search = {"method": "random", "trials": 18, "seed": 90, "reduction_factor": 3, "protect": []}
    rungs = [{"epochs": 9, "seeds": 1}, {"epochs": 9, "seeds": 3}]
    study = latent_study(search=search, rungs=rungs, budget=budget)
    clock = Clock()
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    Player(ledger, clock, loss).play()
    reasons = [one.reason for one in ledger.decisions if one.kind == "promote" and "which leads" in one.reason]
    assert bool(reasons) == challenged
    assert all(one.startswith("promoted to rung 1: neighbours' failures counted its score is ") for one in reasons)
    winner = standings(ledger, frozenset())[0]
    assert winner.trial.parameters["use_batch_norm"] != challenged
    assert sum(not trial.parameters["use_batch_norm"] for trial in ledger.trials if trial.confirmed) == len(reasons)
    ledger.close("finished")
