"""The optimizer: what it hands out next, what it promotes, when it ends."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tests.fakes.studies import Clock, quadratic_study
from tests.fakes.trainers import Quadratic
from tune.drivers.job import Job
from tune.drivers.unit import Manner, Unit
from tune.errors import StudyStopped
from tune.failures import MOST_LOST
from tune.ledger import Ledger
from tune.optimizer import Optimizer, Work
from tune.optimizer.suggest import derived_seed, suggest
from tune.standings import unseen_failures
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
        unit = Unit(lambda: Quadratic, {}, work, Manner.of(self.ledger))
        self.job._units.add(work, [work])
        self.job._units.next_part()
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
    """Four grid points, x = 0.9 0.1 0.3 0.6: all start, then one in two is promoted; every decision in its order."""
    study = bench(
        tmp_path / "q",
        space={"x": {"choice": [0.9, 0.1, 0.3, 0.6]}},
        search={"method": "grid", "reduction_factor": 2},
    )
    study.run()
    assert study.told() == [
        "start 0 0", "reach 0 0",      # 0.9
        "start 1 0", "reach 1 0",      # 0.1: best of two, but all that are planned start first
        "start 2 0", "reach 2 0",      # 0.3, the optimum
        "start 3 0", "reach 3 0",      # 0.6
        "promote 2 1", "reach 2 1",    # the best of all
        "promote 1 1", "reach 1 1",    # the next; one in two of four is two
        "stop 0 0", "stop 3 0",
    ]  # fmt: skip


def test_unfinished_work_comes_first_then_new_then_promotion(tmp_path: Path) -> None:
    """A process that takes over finishes what was begun, then starts the trials that are left, then promotes."""
    study = bench(tmp_path / "q", search={"trials": 4, "protect": []})
    for _ in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        if work.trial:
            study.do(work)  # trials 1 and 2 reach rung 0; trial 0 stays in flight
    study.reopen()
    handed = []
    for _ in range(4):
        work = study.optimizer.next_work()
        assert work is not None
        handed.append((work.trial, work.seeds, work.from_epoch, work.to_epoch))
        study.do(work)
    assert handed[0] == (0, (1, 2), 0, 2)
    assert handed[1] == (3, (1, 2), 0, 2)  # new, although one of three could climb already
    best = min(study.ledger.trials, key=lambda trial: trial.reached[0].score).number
    assert handed[2] == (best, (3,), 0, 2)  # the best of four climbs: its third seed catches up
    assert handed[3] == (best, (1, 2, 3), 2, 6)  # and joins


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


def test_one_that_must_be_alone_waits_and_is_waited_for(tmp_path: Path) -> None:
    """Others are not held up for it; while it trains there is no work, and a continued study knows it as well."""
    study = bench(tmp_path / "q", seeds=[1], rungs=[{"epochs": 2, "seeds": 1}], search={"trials": 3})
    first, second = study.optimizer.next_work(), study.optimizer.next_work()
    assert first is not None
    assert second is not None
    study.optimizer.failed(first, "MemoryError: ", kind="out_of_memory")
    third = study.optimizer.next_work()
    assert third is not None
    assert third.trial == 2
    assert study.optimizer.next_work() is None
    study.do(second)
    study.do(third)
    alone = study.optimizer.next_work()
    assert alone is not None
    assert alone.trial == 0
    assert study.optimizer.next_work() is None
    study.do(alone)
    assert all(trial.confirmed for trial in study.ledger.trials)


def test_lost_trials_do_not_doom_a_study(tmp_path: Path) -> None:
    """Three trials that no machine kept say something of the machines."""
    study = bench(tmp_path / "q", search={"trials": 4})
    for number in range(3):
        for _ in range(MOST_LOST):
            work = study.optimizer.next_work()
            assert work is not None
            assert work.trial == number
            study.optimizer.failed(work, "the trainer's process vanished", kind="lost")
    assert [trial.ended for trial in study.ledger.trials] == ["failed"] * 3
    assert study.optimizer.next_work() is not None


def test_one_cause_in_varying_words_dooms_a_study(tmp_path: Path) -> None:
    """Paths and numbers in an exception's text do not make it another cause."""
    study = bench(tmp_path / "q", resources={"retries": 0})
    for number in range(3):
        work = study.optimizer.next_work()
        assert work is not None
        study.optimizer.failed(work, f"OSError: /scratch/{number}/x.npy has {17 + number} rows")
    with pytest.raises(StudyStopped, match="the first 3 trials all died of one cause: OSError"):
        study.optimizer.next_work()


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


@pytest.mark.parametrize("method", ["tpe", "gp", "random"])
def test_samplers_see_numbers_by_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """A choice of numbers is a scale of places, listed in whatever order; words and bools have no order."""
    listed = [0.9, 0.1, 2, 0.3, 0.5, 30, 0.2, 0.4, 5, 0.7]
    asked = []
    ask = optuna.Study.ask

    def spy(memory: optuna.Study, space: dict[str, BaseDistribution]) -> optuna.Trial:
        asked.append((space, memory.trials))
        return ask(memory, space)

    monkeypatch.setattr(optuna.Study, "ask", spy)
    others = {"fragile": {"choice": [True, False]}, "kind": {"choice": ["b", "a"]}, "width": {"uniform": [0, 1]}}
    search = {"method": method, "trials": 12}
    study = bench(tmp_path / "q", space={"x": {"choice": listed}, **others}, search=search)
    study.run()
    trials = study.ledger.trials
    assert {trial.parameters["x"] for trial in trials} <= set(listed)
    for space, past in asked:
        assert space == {
            "x": IntDistribution(0, 9),
            "fragile": CategoricalDistribution([True, False]),
            "kind": CategoricalDistribution(["b", "a"]),
            "width": FloatDistribution(0, 1),
        }
        known = [past_trial.params["x"] for past_trial in past]
        assert known == [sorted(listed).index(trial.parameters["x"]) for trial in trials[: len(known)]]
    ascending = quadratic_study(space={"x": {"choice": sorted(listed)}, **others}, search=search)
    for count in range(len(trials)):
        assert suggest(ascending, trials[:count]) == suggest(study.study, trials[:count])


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


def test_settings_known_to_be_good_come_first(tmp_path: Path) -> None:
    """Enqueued settings are the first trials, what they leave out is drawn; a grid does not repeat them."""
    search = {"trials": 4, "enqueue": [{"x": 0.25}, {"x": 0.5, "fragile": False}]}
    study = bench(tmp_path / "q", search=search)
    study.run()
    first, second, *_ = study.ledger.trials
    assert first.parameters["x"] == 0.25
    assert second.parameters == {"x": 0.5, "fragile": False}
    assert "enqueued" in first.reason or study.ledger.decisions[1].reason == "enqueued by the study"
    grid = bench(
        tmp_path / "g",
        space={"x": {"choice": [0.1, 0.2, 0.3]}},
        search={"method": "grid", "enqueue": [{"x": 0.2}]},
    )
    grid.run()
    assert [trial.parameters["x"] for trial in grid.ledger.trials] == [0.2, 0.1, 0.3]


def test_the_gaussian_process_suggests_from_one_rung(tmp_path: Path) -> None:
    """GPSampler is asked once enough trials have a score, repeats itself, and comes nearer than chance."""
    far = {}
    for method in ("gp", "random"):
        study = bench(tmp_path / method, space={"x": {"uniform": [0, 1]}}, search={"method": method, "trials": 14})
        study.run()
        far[method] = sum(abs(float(trial.parameters["x"]) - 0.3) for trial in study.ledger.trials[6:])
    reasons = [decision.reason for decision in study.ledger.decisions if decision.kind == "start"]
    assert set(reasons) == {"drawn at random"}
    assert far["gp"] < 0.7 * far["random"]
    again = bench(tmp_path / "gp2", space={"x": {"uniform": [0, 1]}}, search={"method": "gp", "trials": 14})
    again.run()
    assert sum(abs(float(trial.parameters["x"]) - 0.3) for trial in again.ledger.trials[6:]) == far["gp"]
    assert "suggested by GP from" in [d.reason for d in again.ledger.decisions if d.kind == "start"][-1]


def test_a_slow_starter_is_compared_with_its_kind(tmp_path: Path) -> None:
    """At the first rung each value of an on-off parameter promotes its own best; unprotected, only the fast go on."""
    space = {"x": {"choice": [0.1, 0.2, 0.4, 0.6]}, "fragile": {"choice": [False, True]}}
    search = {"method": "grid", "reduction_factor": 4}
    promoted = {}
    for protect in (None, []):
        study = bench(tmp_path / f"{protect}", space=space, search={**search, "protect": protect}, confirm={"seeds": 1})
        study.run()
        promoted[protect is None] = [
            (study.ledger.trials[d.trial or 0].parameters["fragile"], d.reason)
            for d in study.ledger.decisions
            if d.kind == "promote"
        ]
    assert promoted[True] == [
        (False, "promoted to rung 1: 1st of 4 at rung 0 with fragile false"),
        (True, "promoted to rung 1: 1st of 4 at rung 0 with fragile true"),
    ]
    assert promoted[False] == [
        (False, "promoted to rung 1: 1st of 8 at rung 0"),
        (False, "promoted to rung 1: 2nd of 8 at rung 0"),
    ]


def test_halving_that_stops_never_looks_back(tmp_path: Path) -> None:
    """With `halving: stop` a trial goes on at once or never; the first does, having nobody to wait for."""
    study = bench(
        tmp_path / "q",
        space={"x": {"choice": [0.9, 0.1, 0.3, 0.6]}},
        search={"method": "grid", "reduction_factor": 2, "halving": "stop"},
    )
    study.run()
    assert study.told() == [
        "start 0 0", "reach 0 0", "promote 0 1", "reach 0 1",
        "start 1 0", "reach 1 0", "promote 1 1", "reach 1 1",
        "start 2 0", "reach 2 0", "promote 2 1", "reach 2 1",
        "start 3 0", "reach 3 0", "stop 3 0",
    ]  # fmt: skip


def test_the_race_gives_the_leader_all_seeds(tmp_path: Path) -> None:
    """After the ladder the best confirmed trial gets seed after seed, each from epoch 0, until it has them all."""
    study = bench(tmp_path / "q", seeds=[1, 2, 3, 4, 5, 6], search={"trials": 6}, confirm={"seeds": 5, "finalists": 1})
    study.run()
    raced = [decision for decision in study.ledger.decisions if decision.kind == "race"]
    assert [decision.detail["seeds"] for decision in raced] == [4, 5]
    assert raced[0].reason.startswith("gets its 4th seed: it leads with score ")
    (number,) = {decision.trial for decision in raced}
    winner = study.ledger.trials[number or 0]
    assert winner.last is not None
    assert list(winner.last.losses) == [1, 2, 3, 4, 5]
    assert study.ledger.trained(winner.number) == {1: 6, 2: 6, 3: 6, 4: 6, 5: 6, 6: 0}


def test_a_race_survives_its_process(tmp_path: Path) -> None:
    """A process that ends inside the race is followed by one that goes on with the same seed."""
    changes = {"seeds": [1, 2, 3, 4, 5, 6], "search": {"trials": 6}}
    whole = bench(tmp_path / "whole", **changes)
    whole.run()
    cut = bench(tmp_path / "cut", **changes)
    while (work := cut.optimizer.next_work()) is not None:
        if cut.ledger.trials[work.trial].seeds:
            cut.reopen()
            work = cut.optimizer.next_work()
            assert work is not None
        cut.do(work)
    cut.optimizer.finish()
    assert cut.told() == whole.told()
    assert "race" in {decision.kind for decision in cut.ledger.decisions}


def test_the_budget_plans_the_trials_and_keeps_the_race(tmp_path: Path) -> None:
    """Without a number of trials the budget says how many; nothing beyond it is spent, and the race gets its share."""
    study = bench(
        tmp_path / "q",
        seeds=[1, 2, 3, 4, 5, 6],
        search={"reduction_factor": 3},
        budget={"seed_epochs": 300},
        confirm={"share": 0.2},
    )
    assert study.study.race_reserve == 60  # 0.2 of 300; four finalists would ask for 4 x 3 seeds x 6 epochs
    assert study.study.trials == 27  # (300 - 60) / (4 + 14 / 3)
    study.run()
    assert study.ledger.spent <= 300
    assert any(decision.kind == "race" for decision in study.ledger.decisions)
    assert study.ledger.spent > 270


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


def test_suggestions_wait_for_results_where_seed_epochs_are_limited(tmp_path: Path) -> None:
    """Those drawn at random start at once; from then on never more than a tenth of the planned trials is unseen."""
    study = bench(tmp_path / "q", search={}, budget={"seed_epochs": 480})
    assert study.study.trials == 55  # 480 / (4 + 14 / 3)
    begun = list(iter(study.optimizer.next_work, None))
    assert [trial.reason for trial in study.ledger.trials] == ["drawn at random"] * 10
    for work in begun[:4]:
        study.do(work)
        assert study.optimizer.next_work() is None
    study.do(begun[4])
    assert study.optimizer.next_work() is not None
    assert study.optimizer.next_work() is None
    assert len(study.optimizer.in_flight) == 6


@pytest.mark.parametrize(
    ("elapsed_s", "changes"),
    [
        (0, {"search": {"trials": 55}}),
        (0, {"search": {"method": "random"}, "budget": {"seed_epochs": 480}}),
        (60, {"search": {}, "budget": {"seed_epochs": 480, "wall_clock": 100}}),
    ],
    ids=["no-seed-epochs", "random", "late"],
)
def test_no_slot_waits_for_suggestions_otherwise(tmp_path: Path, elapsed_s: float, changes: dict[str, Any]) -> None:
    """Not where seed-epochs are not limited, nor where results change no suggestion, nor when time is short."""
    study = bench(tmp_path / "q", elapsed_s, **changes)
    assert all(study.optimizer.next_work() for _ in range(30))


def test_failures_of_neighbours_are_charged(tmp_path: Path) -> None:
    """A trial that passed its seeds beside trials that fail is charged; one far from them hardly."""
    study = bench(
        tmp_path / "q",
        space={"x": {"uniform": [0, 1]}, "fragile": {"choice": [True, False]}},
        search={"method": "random", "trials": 12},
        rungs=[{"epochs": 2, "seeds": 2}, {"epochs": 2, "seeds": 3}],
    )
    study.run()
    charges = unseen_failures(study.ledger)
    sound = [trial.number for trial in study.ledger.trials if trial.reached and not trial.parameters["fragile"]]
    assert set(charges) == {trial.number for trial in study.ledger.trials if trial.reached}
    assert all(0 <= charges[number] < 0.5 for number in sound)
    assert not unseen_failures(bench(tmp_path / "r", fixed={}, space={"x": {"uniform": [0, 1]}}).ledger)
