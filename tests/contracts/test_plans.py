"""A plan comes to the same under every driver, and in a loop of a user's own."""

from pathlib import Path

from tests.contracts.test_drivers import Drive, drive_or_loop, work_on
from tests.fakes.plans import plan_study
from tune.drivers.inline import drive as drive_inline
from tune.ledger.ledger import Ledger

__all__ = ["drive_or_loop"]


def told(ledger: Ledger) -> dict[str, dict[int, float]]:
    return {trial.full_name: dict(trial.reached[0].losses) for trial in ledger.trials}


def test_a_plan_comes_to_the_same(tmp_path: Path, drive_or_loop: Drive) -> None:
    """The same arms with the same losses, and each round begins from the same."""
    expected = work_on(plan_study(), tmp_path / "inline", drive_inline)
    found = work_on(plan_study(), tmp_path / "other", drive_or_loop)
    assert told(found) == told(expected)
    assert {name: (one.base, one.carried) for name, one in found.rounds.items()} == {
        name: (one.base, one.carried) for name, one in expected.rounds.items()
    }
    assert found.spent == expected.spent


def test_a_round_that_searches_comes_to_an_end(tmp_path: Path, drive_or_loop: Drive) -> None:
    """Under every driver: its trials climb or stop, and the next round begins from what it found."""
    rungs = [{"epochs": 1, "seeds": 1}, {"epochs": 3, "seeds": 3}]
    searched = {"space": {"x": {"uniform": [0, 1]}}, "trials": 4, "method": "random", "rungs": rungs}
    plan = {"look": {"search": searched}, "widths": {"from": "look", "one_at_a_time": {"width": [4, 8]}}}
    ledger = work_on(plan_study(plan=plan), tmp_path / "p", drive_or_loop)
    assert len(ledger.trials) == 5
    assert ledger.trials[-1].full_name == "widths/width=8"
    assert all(trial.confirmed or trial.ended == "stopped" for trial in ledger.trials)
