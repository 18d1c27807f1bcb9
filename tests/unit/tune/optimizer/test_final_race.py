"""The final race: who gets one more seed, and when it is over."""

from pathlib import Path
from random import Random

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.job import Job
from tune.drivers.simulated import drive
from tune.ledger.ledger import Ledger
from tune.optimizer.final_race import Finalist, next_finalist
from tune.optimizer.optimizer import Optimizer
from tune.scoring.score import loss_interval, score
from tune.study.sections import ScoreRule

RULE = ScoreRule()


def finalist(number: int, *losses: float) -> Finalist:
    return Finalist(number, losses, score(losses, 1.0, RULE))


def test_the_leader_gets_its_seeds_first() -> None:
    """What the study would recommend is looked at hardest."""
    racers = [finalist(0, 0.5, 0.5, 0.5), finalist(1, 0.4, 0.4, 0.4)]
    assert next_finalist(racers, 5, 4, 1.0, RULE) == (1, f"it leads with score {racers[1].score:.6g} on 3 seeds")


def test_only_those_who_could_still_win_follow() -> None:
    """A rival whose interval lies above the leader's is out; of the others the most hopeful comes first."""
    leader = finalist(7, *[0.40, 0.41, 0.42, 0.41, 0.40])
    hopeful, hopeless = finalist(3, 0.41, 0.42, 0.44), finalist(4, 0.80, 0.81, 0.82)
    found = next_finalist([leader, hopeful, hopeless], 5, 4, 1.0, RULE)
    assert found is not None
    assert found[0] == 3
    assert next_finalist([leader, hopeless], 5, 4, 1.0, RULE) is None


def test_who_has_failed_more_often_is_out() -> None:
    """A rival with a failed seed cannot overtake a leader without one."""
    leader, failed = finalist(0, *[0.4] * 5), finalist(1, 0.39, 0.39, 1.2)
    assert next_finalist([leader, failed], 5, 4, 1.0, RULE) is None


def test_no_more_than_the_finalists_enter() -> None:
    """With two places a third trial gets no seed, however close it is."""
    racers = [finalist(0, *[0.40, 0.42] * 3), finalist(1, *[0.41, 0.43] * 3), finalist(2, 0.41, 0.42, 0.43)]
    assert next_finalist(racers, 6, 2, 1.0, RULE) is None
    found = next_finalist(racers, 6, 3, 1.0, RULE)
    assert found is not None
    assert found[0] == 2
    assert next_finalist([], 6, 2, 1.0, RULE) is None


def test_a_trial_in_training_holds_its_place(tmp_path: Path) -> None:
    """With several slots the finalists that are being trained count, and get nothing more meanwhile."""
    study = quadratic_study(
        seeds=[1, 2, 3, 4, 5, 6],
        rungs=[{"epochs": 2, "seeds": 2}],
        search={"trials": 4, "method": "random"},
        space={"x": {"uniform": [0.29, 0.31]}},
        confirm={"seeds": 6, "finalists": 2},
    )
    ledger = Ledger.open(study, tmp_path / "q", clock=Clock(tick_s=1.0))
    drive(Job(Optimizer(ledger, ledger.elapsed_s), {}, Quadratic), slots=4)
    assert sum(trial.seeds > 0 for trial in ledger.trials) == 2
    assert max(trial.seeds for trial in ledger.trials) == 6


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_interval_holds_the_mean(seeds: int) -> None:
    """Over many trials the 95 % interval holds the true mean loss in 90 to 100 % of them, from two seeds on."""
    random, held = Random(seeds), 0  # noqa: S311
    for _ in range(2000):
        low, high = loss_interval([random.gauss(0.5, 0.03) for _ in range(seeds)], 1.0, RULE)
        held += low < 0.5 < high
    assert held / 2000 >= 0.9
    assert loss_interval([0.5, float("nan")], float("inf"), RULE) == (-float("inf"), float("inf"))
