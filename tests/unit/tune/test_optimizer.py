"""The optimizer: what it hands out next, what it promotes, when it ends."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.studies import Clock, quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.job import Job, Manner, Unit
from tune.errors import StudyStopped
from tune.ledger import Ledger
from tune.optimizer import Optimizer, Work
from tune.optimizer.suggest import derived_seed, suggest
from tune.study import Study


class Bench:
    """A study whose work is done when the test says so."""

    def __init__(self, folder: Path, study: Study, elapsed_s: float = 0.0) -> None:
        self.study, self.folder, self.elapsed_s = study, folder, elapsed_s
        self.reopen()

    def reopen(self) -> None:
        """As a new process does after this one was stopped."""
        if hasattr(self, "ledger"):
            self.ledger.close("interrupted")
        self.ledger = Ledger.open(self.study, self.folder, clock=Clock())
        self.optimizer = Optimizer(self.ledger, lambda: self.elapsed_s)
        self.job = Job(self.optimizer, {}, Quadratic)

    def do(self, work: Work) -> None:
        unit = Unit(lambda: Quadratic, {}, work, Manner.of(self.study, self.folder))
        self.job.take(work, list(unit.news()))

    def run(self) -> None:
        while (work := self.optimizer.next_work()) is not None:
            self.do(work)
        self.optimizer.finish()

    def told(self) -> list[str]:
        """The decisions about trials, a line each."""
        return [f"{d.kind} {d.trial} {d.rung}" for d in self.ledger.decisions if d.trial is not None]


def bench(folder: Path, elapsed_s: float = 0.0, **changes: Any) -> Bench:
    return Bench(folder, quadratic_study(**changes), elapsed_s)


def test_a_ladder_as_a_picture(tmp_path: Path) -> None:
    """Four grid points, x = 0.9 0.1 0.3 0.6, one in two is promoted: every decision in its order."""
    study = bench(
        tmp_path / "q",
        space={"x": {"choice": [0.9, 0.1, 0.3, 0.6]}},
        search={"method": "grid", "reduction_factor": 2},
    )
    study.run()
    assert study.told() == [
        "start 0 0", "reach 0 0",                   # 0.9: alone, nothing to compare with
        "start 1 0", "reach 1 0", "promote 1 1", "reach 1 1",  # 0.1: best of two
        "start 2 0", "reach 2 0",                   # 0.3: best of three, but one in two of three is one, promoted
        "promote 2 1", "reach 2 1",                 # … and it is the best, so it climbs
        "start 3 0", "reach 3 0",                   # 0.6: third of four
        "stop 0 0", "stop 3 0",
    ]  # fmt: skip


def test_unfinished_work_comes_first_then_promotion_then_new(tmp_path: Path) -> None:
    """A process that takes over finishes what was begun, in the order of trial numbers."""
    study = bench(tmp_path / "q")
    for _ in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        if work.trial:
            study.do(work)  # trials 1 and 2 reach rung 0; trial 0 stays in flight
    study.reopen()
    handed = []
    for _ in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        handed.append((work.trial, work.seeds, work.from_epoch, work.to_epoch))
        study.do(work)
    assert handed[0] == (0, (1, 2), 0, 2)
    assert handed[1][1:] == ((3,), 0, 2)  # the best of three climbs: its third seed catches up
    assert handed[2] == (handed[1][0], (1, 2, 3), 2, 6)  # and joins


def test_work_is_one_flat_configuration(tmp_path: Path) -> None:
    """Fixed values overlaid with the trial's parameters."""
    work = bench(tmp_path / "q", fixed={"width": 7}).optimizer.next_work()
    assert work is not None
    assert work.configuration.keys() == {"width", "x", "fragile"}


def test_nothing_is_handed_out_twice(tmp_path: Path) -> None:
    """Work in flight belongs to one slot, however many ask."""
    study = bench(tmp_path / "q", search={"trials": 5})
    works = [study.optimizer.next_work() for _ in range(6)]
    assert [work.trial if work else None for work in works] == [0, 1, 2, 3, 4, None]
    assert study.ledger.in_flight == {0, 1, 2, 3, 4}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 30), max_size=4))
def test_decisions_are_a_function_of_the_ledger(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    """However often the process is replaced, the same trials start, climb and stop in the same order."""
    folder = tmp_path_factory.mktemp("pure")
    whole = bench(folder / "whole", search={"trials": 6})
    whole.run()
    cut = bench(folder / "cut", search={"trials": 6})
    for count in range(100):
        if count in cuts:
            cut.reopen()
        work = cut.optimizer.next_work()
        if work is None:
            break
        cut.do(work)
    cut.optimizer.finish()
    assert cut.told() == whole.told()


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


def test_a_dead_seed_counts_and_trains_no_more(tmp_path: Path) -> None:
    """A seed that became non-finite fails its trial's score; the living seeds go on without it."""
    study = bench(tmp_path / "q", fixed={"dies_at": 2}, search={"trials": 1})
    study.run()
    (trial,) = study.ledger.trials
    assert trial.confirmed
    assert [seed for seed, loss in trial.reached[1].losses.items() if loss != loss] == [1, 3]  # noqa: PLR0124 - nan
    assert study.ledger.trained(0) == {1: 2, 2: 6, 3: 2}


@pytest.mark.parametrize("doomed", [True, False])
def test_three_deaths_wait_for_the_first_trial(tmp_path: Path, doomed: bool) -> None:
    """Trials that die overtake one on a slow slot: nothing new starts until it has told whether the study is doomed."""
    study = bench(tmp_path / "q", resources={"retries": 0}, search={"trials": 8})
    slow = study.optimizer.next_work()
    assert slow is not None
    for number in (1, 2, 3):
        work = study.optimizer.next_work()
        assert work is not None
        assert work.trial == number
        study.optimizer.failed(work, "ImportError: no module")
    assert study.optimizer.next_work() is None
    if doomed:
        study.optimizer.failed(slow, "ImportError: no module")
        with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: ImportError: no module"):
            study.optimizer.next_work()
    else:
        study.do(slow)
        work = study.optimizer.next_work()
        assert work is not None
        assert work.trial == 4


def test_a_grid_is_walked_once_in_order(tmp_path: Path) -> None:
    """The last parameter varies fastest, `trials` cuts the walk short."""
    space = {"x": {"choice": [0.1, 0.2]}, "fragile": {"choice": [True, False]}}
    study = bench(tmp_path / "q", space=space, search={"method": "grid"})
    study.run()
    assert [tuple(trial.parameters.values()) for trial in study.ledger.trials] == [
        (0.1, True), (0.1, False), (0.2, True), (0.2, False),
    ]  # fmt: skip
    short = bench(tmp_path / "r", space=space, search={"method": "grid", "trials": 3})
    short.run()
    assert len(short.ledger.trials) == 3


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_a_small_space_is_used_up_without_repeats(tmp_path: Path, method: str) -> None:
    """No configuration is trained twice; when all were, the study ends."""
    space = {"x": {"choice": [0.1, 0.2, 0.3]}, "fragile": {"choice": [True, False]}}
    study = bench(tmp_path / "q", space=space, search={"method": method, "trials": 50})
    study.run()
    points = [tuple(trial.parameters.values()) for trial in study.ledger.trials]
    assert len(points) == len(set(points)) == 6


def test_suggestions_repeat_and_differ(tmp_path: Path) -> None:
    """The same trials give the same suggestion in any process; another study seed gives another."""
    study = bench(tmp_path / "q")
    study.run()
    trials = study.ledger.trials
    assert suggest(study.study, trials) == suggest(study.study, trials)
    assert suggest(study.study, trials[:3]) != suggest(study.study, trials)
    other = quadratic_study(search={"trials": 12, "seed": 1})
    assert suggest(other, trials) != suggest(study.study, trials)
    assert derived_seed(0, 1) != derived_seed(1, 0)


def test_tpe_finds_what_chance_does_not(tmp_path: Path) -> None:
    """Over six study seeds TPE's best of 24 is nearer to the optimum than random's, and never picks fragile."""
    wins = 0
    for seed in range(6):
        best = {}
        for method in ("tpe", "random"):
            study = bench(
                tmp_path / f"{method}{seed}",
                space={"x": {"uniform": [-3, 3]}, "fragile": {"choice": [True, False]}},
                search={"method": method, "trials": 24, "seed": seed},
                rungs=[{"epochs": 1, "seeds": 2}],
            )
            study.run()
            trial = min(study.ledger.trials, key=lambda trial: trial.reached[0].score)
            best[method] = trial.reached[0].score
            assert trial.parameters["fragile"] is False
            study.ledger.close("finished")
        wins += best["tpe"] <= best["random"]
    assert wins >= 5
