"""What a round has found."""

from pathlib import Path

from tests.fakes.bench import Bench
from tests.fakes.plans import plan_study
from tune.optimizer.methods.winners import winner_of


def test_longer_arms_are_no_winners(tmp_path: Path) -> None:
    """An arm may be better for that it trained longer; the winner is of those that train as the round says."""
    plan = {"a": {"arms": {"near": {"x": 0.5}, "longer": {"x": 0.3, "epochs": 9}}}}
    study = Bench(tmp_path / "p", plan_study(plan=plan))
    study.run()
    winner = winner_of(study.ledger, "a")
    assert winner is not None
    assert study.ledger.trials[winner.trial].arm == "near"
    assert "from a the setting of near" in winner.reason


def test_an_arm_on_fewer_seeds_is_no_winner(tmp_path: Path) -> None:
    """Nor is it called tied: on one seed nothing can be told apart."""
    plan = {"a": {"arms": {"few": {"x": 0.3, "seeds": 1}, "near": {"x": 0.5}}}}
    study = Bench(tmp_path / "p", plan_study(plan=plan))
    study.run()
    winner = winner_of(study.ledger, "a")
    assert winner is not None
    assert study.ledger.trials[winner.trial].arm == "near"
    assert "few" not in winner.reason


def test_a_round_of_failures_has_no_winner(tmp_path: Path) -> None:
    """Every seed of every arm is worse than the baseline."""
    study = Bench(tmp_path / "p", plan_study(base={"x": 9.0, "width": 4}, plan={"a": {"grid": {"x": [9.0, 8.0]}}}))
    study.run()
    assert winner_of(study.ledger, "a") is None
