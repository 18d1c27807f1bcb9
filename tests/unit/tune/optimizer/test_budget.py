"""A study keeps within its budget, plans by it, and ends with a winner all the same."""

from pathlib import Path

import pytest

from tests.fakes.bench import bench
from tests.fakes.studies import quadratic_study


def test_promotions_come_first_after_half_of_the_wall_clock(tmp_path: Path) -> None:
    """The clock may end the study before all have started; so from then on the best climbs before one more starts."""
    study = bench(tmp_path / "q", search={"trials": 12, "protect": []}, budget={"wall_clock": "1min"})
    for _ in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        study.do(work)
    study.elapsed_s = 29
    work = study.optimizer.next_work()
    assert work is not None
    assert work.trial == 3  # there is time to see more
    study.optimizer.released(work)
    study.do(work)
    study.elapsed_s = 30
    best = min(study.ledger.trials, key=lambda trial: trial.reached[0].score).number
    while (work := study.optimizer.next_work()) is not None and work.trial == best:
        study.do(work)  # its third seed, then all
    assert study.told()[-3:] == [f"promote {best} 1", f"reach {best} 1", "start 4 0"]


def test_promotions_come_first_after_half_of_the_gpu_hours(tmp_path: Path) -> None:
    """As with the wall clock: half an hour in which the fourth trial held its GPU is half of one GPU-hour."""
    search = {"trials": 12, "protect": []}
    study = bench(tmp_path / "q", search=search, budget={"gpu_hours": 1}, resources={"gpus_per_trial": 1})
    for number in range(4):
        work = study.optimizer.next_work()
        assert work is not None
        assert work.trial == number
        if number < 3:
            study.do(work)
    study.ledger.record(3, (1, 2), 1, {"validation_loss": [0.1, 0.1]}, held_s=1800.0)
    work = study.optimizer.next_work()
    assert work is not None
    best = min(study.ledger.trials[:3], key=lambda trial: trial.reached[0].score).number
    assert (work.trial, study.told()[-1]) == (best, f"promote {best} 1")


def test_too_few_trials_still_end_with_a_winner(tmp_path: Path) -> None:
    """Two trials promote nobody by rank; at the end the better one goes up, because a study answers."""
    study = bench(tmp_path / "q", search={"trials": 2})
    study.run()
    assert [trial.confirmed for trial in study.ledger.trials].count(True) == 1
    winner = next(trial for trial in study.ledger.trials if trial.confirmed)
    assert "no trial was confirmed yet" in next(d.reason for d in study.ledger.decisions if d.kind == "promote")
    assert winner.reached[0].score == min(trial.reached[0].score for trial in study.ledger.trials)


@pytest.mark.parametrize("seed_epochs", [18, 19, 25, 40, 64, 100])
def test_the_budget_is_kept_and_leaves_a_winner(tmp_path: Path, seed_epochs: int) -> None:
    """A study never spends more than its seed-epochs, and keeps back enough to confirm one trial."""
    study = bench(tmp_path / "q", budget={"seed_epochs": seed_epochs})
    study.run()
    assert study.ledger.spent <= seed_epochs
    assert any(trial.confirmed for trial in study.ledger.trials)


def test_the_clock_ends_a_study(tmp_path: Path) -> None:
    """When the time is up nothing new starts; trials in flight finish their rung."""
    study = bench(tmp_path / "q", budget={"wall_clock": "1min"})
    works = [study.optimizer.next_work() for _ in range(2)]
    study.elapsed_s = 61
    assert study.optimizer.next_work() is None
    for work in works:
        assert work is not None
        study.do(work)
    study.run()
    assert study.told() == ["start 0 0", "start 1 0", "reach 0 0", "reach 1 0", "stop 0 0", "stop 1 0"]


def test_gpu_hours_end_a_study(tmp_path: Path) -> None:
    """When they are used up nothing new starts, in this process and in the next; a trial in flight ends its rung."""
    budget = {"gpu_hours": 0.3 / 3600}  # three epochs of 0.05 s on two GPUs
    gpus = {"gpus_per_trial": 2}
    study = bench(tmp_path / "q", fixed={"sleep_s": 0.05}, budget=budget, resources=gpus, search={"trials": 100})
    works = [study.optimizer.next_work() for _ in range(3)]
    for work in works:
        assert work is not None
        study.do(work)
    assert study.ledger.gpu_seconds >= 3 * 2 * 0.05 * 2  # trials, epochs, seconds, GPUs
    assert study.optimizer.next_work() is None
    study.reopen()
    assert study.optimizer.next_work() is None
    assert study.told() == [f"{kind} {number} 0" for kind in ("start", "reach") for number in range(3)]


@pytest.mark.parametrize(("money", "hours"), [(0.3, None), (9.0, 0.3 / 3600)])
def test_money_ends_a_study(tmp_path: Path, money: float, hours: float | None) -> None:
    """GPU-hours times the price, here and in the next process; or the GPU-hours, where they are used up before."""
    budget = {"money": money, "price_per_gpu_hour": 3600, "gpu_hours": hours}  # a GPU-second costs one
    gpus = {"gpus_per_trial": 2}
    study = bench(tmp_path / "q", fixed={"sleep_s": 0.05}, budget=budget, resources=gpus, search={"trials": 100})
    works = [study.optimizer.next_work() for _ in range(3)]
    for work in works:
        assert work is not None
        study.do(work)
    assert study.optimizer.next_work() is None
    study.reopen()
    assert study.optimizer.next_work() is None
    assert study.told() == [f"{kind} {number} 0" for kind in ("start", "reach") for number in range(3)]


def test_money_pays_for_what_was_trained_again(tmp_path: Path) -> None:
    """Twenty GPU-seconds at one each are used up by ten that were trained twice."""
    budget = {"money": 20, "price_per_gpu_hour": 3600}
    study = bench(tmp_path / "q", budget=budget, resources={"gpus_per_trial": 1})
    assert study.optimizer.next_work() is not None
    row = {"validation_loss": [0.1, 0.1]}
    study.ledger.record(0, (1, 2), 1, row, held_s=10.0)
    assert study.optimizer._budget.time_used() == pytest.approx(0.5)
    study.ledger.record(0, (1, 2), 1, row, held_s=10.0)
    assert study.optimizer._budget.time_used() == pytest.approx(1)
    assert study.optimizer.next_work() is None


def test_the_budget_plans_the_trials_and_keeps_the_race(tmp_path: Path) -> None:
    """Without a number of trials the budget says how many; nothing beyond it is spent, and the race gets its share."""
    study = bench(
        tmp_path / "q",
        seeds=[1, 2, 3, 4, 5, 6],
        search={"reduction_factor": 3},
        budget={"seed_epochs": 300},
    )
    assert study.study.race_reserve == 60  # a fifth of 300; twelve finalists would ask for 12 x 3 seeds x 6 epochs
    assert study.study.trials == 27  # (300 - 60) / (4 + 14 / 3)
    study.run()
    assert study.ledger.spent <= 300
    assert any(decision.kind == "race" for decision in study.ledger.decisions)
    assert study.ledger.spent > 270


def test_a_small_budget_keeps_less_for_the_race() -> None:
    """Below 32 full trainings of six epochs a tenth is kept, from there on a fifth; what the study says goes first."""
    kept = {
        budget: quadratic_study(seeds=[1, 2, 3, 4, 5], budget={"seed_epochs": budget}).race_reserve
        for budget in (191, 192)
    }
    assert kept == {191: 19, 192: 38}
    given = quadratic_study(seeds=[1, 2, 3, 4, 5], budget={"seed_epochs": 192}, confirm={"share": 0.25})
    assert given.race_reserve == 48


def test_more_trials_than_the_budget_pays_for_leave_some_to_climb(tmp_path: Path) -> None:
    """A hundred trials would use up the budget at the first rung; promotions come first beyond what it pays for."""
    study = bench(tmp_path / "q", search={"method": "random", "trials": 100}, budget={"seed_epochs": 200})
    assert study.study.paid_trials == 23  # 200 / (4 + 14 / 3)
    study.run()
    assert study.ledger.spent <= 200
    assert len(study.ledger.trials) >= 23
    assert sum(trial.confirmed for trial in study.ledger.trials) >= 7  # one in three of them
    first = next(n for n, decision in enumerate(study.ledger.decisions) if decision.kind == "promote")
    assert sum(decision.kind == "start" for decision in study.ledger.decisions[:first]) == 23
