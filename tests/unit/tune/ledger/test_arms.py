"""Arms and the trials that train them, and how long one takes."""

from math import isnan
from pathlib import Path

import pytest

from tests.fakes.bench import Bench
from tests.fakes.plans import plan_study
from tune.errors import UserMistake
from tune.ledger.arm_pace import arm_pace
from tune.ledger.arms import is_over, placed_arms
from tune.ledger.reader import LedgerReader


def test_one_trial_is_an_arm_of_several_rounds(tmp_path: Path) -> None:
    """What the winner of one round is, is the base of the next."""
    study = Bench(tmp_path / "p", plan_study())
    study.run()
    trials = {one.arm.full_name: one.trial.number if one.trial else None for one in placed_arms(study.ledger)}
    assert trials["first/x=0.3,width=4"] == trials["second/width=4"] == trials["third/base"] == 4
    assert all(is_over(study.ledger, one) for one in placed_arms(study.ledger))
    assert [one.arm.full_name for one in placed_arms(study.ledger) if one.of_base] == [
        "first/x=0.9,width=4", "second/width=4", "third/base",
    ]  # fmt: skip


def test_rounds_that_have_not_begun_have_no_trials(tmp_path: Path) -> None:
    """Although their arms may be trained already: from what they begin is not known."""
    study = Bench(tmp_path / "p", plan_study())
    work = study.optimizer.next_work()
    assert work is not None
    study.do(work)
    second = [one for one in placed_arms(study.ledger) if one.arm.round == "second"]
    assert [(one.begun, one.trial) for one in second] == [(False, None), (False, None)]


def test_an_arm_takes_what_the_clock_says(tmp_path: Path) -> None:
    """From its start to its end, per epoch of one seed; arms that a kill interrupted tell nothing."""
    study = Bench(tmp_path / "p", plan_study())
    assert isnan(arm_pace(study.ledger))
    work = study.optimizer.next_work()
    assert work is not None
    study.reopen()
    study.run()
    told = {(one.kind, one.trial): one.time for one in study.ledger.decisions}
    paces = sorted((told["reach", number] - told["start", number]) / (3 * 3) for number in range(1, 7))
    assert paces[0] <= arm_pace(study.ledger) <= paces[-1]


def test_decisions_of_another_plan_are_not_believed(tmp_path: Path) -> None:
    """A round that the plan does not have is damage, and said to be."""
    study = Bench(tmp_path / "p", plan_study())
    detail = {"round": "nowhere", "base": {}, "carried": {}, "winners": {}, "tied": {}}
    study.ledger.decide("round", reason="?", detail=detail)
    study.ledger.close("interrupted")
    with pytest.raises(UserMistake, match="the plan has no round 'nowhere'"):
        LedgerReader.read(tmp_path / "p", clock=lambda: 0.0)
