"""A plan, decision by decision: which arm is next, what is carried on, where the budget ends it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.bench import Bench
from tests.fakes.plans import PLAN, plan_study
from tune.errors import StudyStopped
from tune.ledger.arm_pace import arm_pace
from tune.ledger.arms import placed_arms
from tune.optimizer.optimizer import Optimizer


def planned(folder: Path, elapsed_s: float = 0.0, **changes: Any) -> Bench:
    return Bench(folder, plan_study(**changes), elapsed_s)


def names(study: Bench) -> list[str]:
    """The arms in the order in which they were begun."""
    return [trial.full_name for trial in study.ledger.trials]


def test_a_plan_as_a_picture(tmp_path: Path) -> None:
    """Rounds in order, each from the winner of the one before; what is trained already is not trained again."""
    study = planned(tmp_path / "p")
    study.run()
    assert names(study) == [
        "first/x=0.9,width=4", "first/x=0.9,width=8", "first/x=0.5,width=4", "first/x=0.5,width=8",
        "first/x=0.3,width=4", "first/x=0.3,width=8",
        "second/width=16",  # width 4 and 8 with x = 0.3 are there
        "third/longer", "third/near",
    ]  # fmt: skip
    second, third = study.ledger.rounds["second"], study.ledger.rounds["third"]
    assert second.base == {"x": 0.3, "width": 4}
    assert second.winners == {"first": 4}
    assert third.carried["x"] == 0.3
    assert all(trial.confirmed for trial in study.ledger.trials)
    assert study.ledger.spent == 8 * 9 + 15
    assert study.ledger.trials[7].last is not None
    assert study.ledger.rung(7, 0).epochs == 5


def test_ties_are_said(tmp_path: Path) -> None:
    """Width changes nothing, so the best is tied, and the decision names with what."""
    study = planned(tmp_path / "p")
    study.run()
    assert 5 in study.ledger.rounds["second"].tied["first"]
    assert "tied over its seeds with x=0.3,width=8 (trial 5)" in study.ledger.rounds["second"].reason


def test_a_round_waits_for_the_rounds_that_it_is_from(tmp_path: Path) -> None:
    """While the last arms of one are in training, a free slot takes an arm of a round that is from none."""
    rounds = {**PLAN["plan"], "fourth": {"one_at_a_time": {"x": [0.1]}}}
    study = planned(tmp_path / "p", plan=rounds)
    works = [study.optimizer.next_work() for _ in range(8)]
    assert [work.trial if work else None for work in works] == [0, 1, 2, 3, 4, 5, 6, None]
    assert names(study)[6] == "fourth/x=0.1"  # its base is trained as an arm of the first round
    for work in works[:6]:
        assert work is not None
        study.do(work)
    assert study.optimizer.next_work() is not None
    assert names(study)[7] == "second/width=16"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 12), max_size=4))
def test_kills_change_nothing(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    """However often the process is replaced, with work in its hands or not, the plan goes the same way."""
    folder = tmp_path_factory.mktemp("plan")
    whole, cut = planned(folder / "whole"), planned(folder / "cut")
    whole.run()
    for place in cuts:
        for _ in range(place):
            work = cut.optimizer.next_work()
            if work is None:
                break
            cut.do(work)
        cut.optimizer.next_work()
        cut.reopen()
    cut.run()
    assert cut.told() == whole.told()
    assert names(cut) == names(whole)
    assert cut.ledger.rounds == whole.ledger.rounds


def test_seed_epochs_end_a_plan_at_its_end(tmp_path: Path) -> None:
    """Arms are dropped from the last up, and each that was begun has all its seeds."""
    study = planned(tmp_path / "p", budget={"seed_epochs": 40})
    study.run()
    assert names(study) == ["first/x=0.9,width=4", "first/x=0.9,width=8", "first/x=0.5,width=4", "first/x=0.5,width=8"]
    assert all(len(trial.reached[0].losses) == 3 for trial in study.ledger.trials)
    missing = [one.arm.full_name for one in placed_arms(study.ledger) if one.trial is None]
    assert missing[:2] == ["first/x=0.3,width=4", "first/x=0.3,width=8"]
    assert len(missing) == 2 + 2 + 3  # of rounds that have not begun, as if they began from the base


def test_an_arm_that_would_not_be_done_in_time_is_not_begun(tmp_path: Path) -> None:
    """By the pace of those that are trained; a shorter one that stands later does not overtake it."""
    plan = {"a": {"arms": {"one": {"x": 0.5}, "long": {"epochs": 30}, "short": {"x": 0.4, "epochs": 1}}}}
    study = planned(tmp_path / "p", plan=plan, budget={"wall_clock": 100})
    for _ in range(2):
        work = study.optimizer.next_work()
        assert work is not None
        study.do(work)
    long_s = 30 * 3 * arm_pace(study.ledger)  # by a clock that goes on a second each time it is looked at
    study.elapsed_s = 100 - 0.9 * long_s
    assert study.optimizer.next_work() is None
    study.elapsed_s = 100 - 1.1 * long_s
    work = study.optimizer.next_work()
    assert work is not None
    assert names(study)[-1] == "a/long"


def test_an_arm_that_is_refused_is_dead_and_the_next_goes_on(tmp_path: Path) -> None:
    """What a trainer has against an arm that depends on an earlier round is known only when that has ended."""
    study = planned(tmp_path / "p")

    def check(configuration: Mapping[str, Any]) -> Mapping[str, str]:
        return {"width": "too wide"} if configuration["width"] == 16 else {}

    study.optimizer = Optimizer(study.ledger, lambda: 0.0, check)
    study.job._optimizer = study.optimizer
    study.run()
    refused = next(trial for trial in study.ledger.trials if trial.full_name == "second/width=16")
    assert refused.ended == "failed"
    assert "the trainer refuses this arm: width: too wide" in refused.reason
    assert names(study)[-1] == "third/near"


def test_many_arms_that_are_refused(tmp_path: Path) -> None:
    """One after the other, however many there are."""
    plan = {"a": {"one_at_a_time": {"x": [0.5]}}, "b": {"from": "a", "one_at_a_time": {"width": list(range(5, 405))}}}
    study = planned(tmp_path / "p", plan=plan)
    study.optimizer = Optimizer(study.ledger, lambda: 0.0, lambda one: {"width": "no"} if one["width"] > 4 else {})
    study.job._optimizer = study.optimizer
    study.run()
    assert sum(trial.ended == "failed" for trial in study.ledger.trials) == 400


def test_a_round_that_searches_climbs_a_ladder_of_its_own(tmp_path: Path) -> None:
    """Its trials are drawn around its base, stop early, and the next round begins from its winner."""
    rungs = [{"epochs": 1, "seeds": 1}, {"epochs": 3, "seeds": 3}]
    searched = {"space": {"x": {"uniform": [0, 1]}}, "trials": 6, "method": "random", "rungs": rungs}
    plan = {"look": {"search": searched}, "widths": {"from": "look", "one_at_a_time": {"width": [4, 8]}}}
    study = planned(tmp_path / "p", plan=plan)
    study.run()
    trials = study.ledger.trials
    assert [trial.round for trial in trials[:6]] == ["look"] * 6
    assert sum(trial.confirmed for trial in trials[:6]) == 2  # one in three
    assert sum(trial.ended == "stopped" for trial in trials[:6]) == 4
    assert all(trial.parameters["width"] == 4 for trial in trials[:6])
    winner = trials[study.ledger.rounds["widths"].winners["look"]]
    assert study.ledger.rounds["widths"].base == {"x": winner.parameters["x"], "width": 4}
    assert [(trial.rung, trial.full_name) for trial in trials[6:]] == [(1, "widths/width=8")]
    assert trials[6].confirmed


def test_a_round_from_one_that_failed_stops_the_plan(tmp_path: Path) -> None:
    """With what failed, and how to go on; and the same is said at once when it is run again."""
    plan = {"a": {"grid": {"x": [9.0, 8.0]}}, "b": {"from": "a", "arms": {"w": {"width": 8}}}}
    study = planned(tmp_path / "p", base={"x": 9.0, "width": 4}, plan=plan)
    with pytest.raises(StudyStopped, match="round 'b' begins from 'a', of which no arm came to a result"):
        study.run()
    study.reopen()
    with pytest.raises(StudyStopped, match=r"resume .* --set 'plan.a.arms.NAME"):
        study.optimizer.next_work()


def test_more_seeds_are_added_to_arms_that_are_trained(tmp_path: Path) -> None:
    """A plan that is given further seeds trains these, and nothing again."""
    study = planned(tmp_path / "p", plan={"a": PLAN["plan"]["first"]})
    study.run()
    spent = study.ledger.spent
    study.study = plan_study(plan={"a": PLAN["plan"]["first"]}, seeds=[1, 2, 3, 4, 5])
    study.reopen(grow=True)
    study.run()
    assert study.ledger.spent == spent + 6 * 2 * 3
    assert all(len(trial.reached[0].losses) == 5 for trial in study.ledger.trials)
    assert len(study.ledger.trials) == 6
