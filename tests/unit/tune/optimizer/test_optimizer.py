"""The optimizer: what it hands out next, what it promotes, when it ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.bench import Bench, bench
from tests.fakes.ledgers import BASELINE, latent_study, played
from tune.scoring.intervals import wilson_interval
from tune.scoring.score import score
from tune.scoring.standings import standings, unseen_failures


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


def test_a_dead_seed_counts_and_trains_no_more(tmp_path: Path) -> None:
    """A seed that became non-finite fails its trial's score; the living seeds go on without it."""
    study = bench(tmp_path / "q", fixed={"dies_at": 2}, search={"trials": 1})
    study.run()
    (trial,) = study.ledger.trials
    assert trial.confirmed
    assert [seed for seed, loss in trial.reached[1].losses.items() if loss != loss] == [1, 3]  # noqa: PLR0124 - nan
    assert study.ledger.trained(0) == {1: 2, 2: 6, 3: 2}


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


def test_one_lucky_epoch_earns_no_more_seeds(tmp_path: Path) -> None:
    """With all its epochs on one seed a trial climbs for its last five of them, and is confirmed by its last alone."""
    study = latent_study(
        space={"batch_size": {"choice": [16, 64, 256]}},
        search={"method": "grid", "reduction_factor": 3},
        rungs=[{"epochs": 8, "seeds": 1}, {"epochs": 8, "seeds": 3}],
    )

    def loss(parameters: Mapping[str, Any], _: int, epoch: int) -> float:
        lucky = parameters["batch_size"] == 64 and epoch == 8
        return 0.015 if lucky else {16: 0.02, 64: 0.022, 256: 0.024}[parameters["batch_size"]]

    ledger = played(tmp_path / "s", study, loss=loss)
    promoted = [ledger.trials[one.trial or 0] for one in ledger.decisions if one.kind == "promote"]
    assert promoted[0].parameters == {"batch_size": 16}
    scores = {trial.parameters["batch_size"]: trial.reached[0].score for trial in ledger.trials}
    assert sorted(scores, key=lambda size: scores[size]) == [16, 64, 256]
    assert promoted[0].last is not None
    assert promoted[0].last.score == pytest.approx(score([0.02] * 5, BASELINE, study.score))


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


def _fragile_half(folder: Path) -> Bench:
    """A study that is over; in one half of its space nearly every seed fails, in the other none."""
    study = bench(
        folder,
        space={"x": {"uniform": [0, 1]}, "fragile": {"choice": [True, False]}},
        search={"method": "random", "trials": 12},
        rungs=[{"epochs": 2, "seeds": 2}, {"epochs": 2, "seeds": 3}],
    )
    study.run()
    return study


def test_failures_of_neighbours_are_charged(tmp_path: Path) -> None:
    """A confirmed trial that passed its seeds beside trials that fail is penalised; one that may climb is not."""
    study = _fragile_half(tmp_path / "q")
    penalties = unseen_failures(study.ledger)
    confirmed = {trial.number: trial for trial in study.ledger.trials if trial.confirmed}
    assert set(penalties) == confirmed.keys()
    assert all(0 <= penalties[number] < 0.5 for number, trial in confirmed.items() if not trial.parameters["fragile"])
    assert any(penalties.values())
    waiting = [one for one in standings(study.ledger, frozenset()) if one.rung == 0]
    assert waiting
    assert all(one.score == one.trial.reached[0].score for one in waiting)
    assert not unseen_failures(bench(tmp_path / "r", fixed={}, space={"x": {"uniform": [0, 1]}}).ledger)


def test_a_failure_bound_counts_the_neighbours_in(tmp_path: Path) -> None:
    """Three seeds without a failure say more where no neighbour fails, and alone what they say by Wilson."""
    few = wilson_interval(0, 3)[1]  # 0.56
    ranked = standings(_fragile_half(tmp_path / "q").ledger, frozenset())
    (sound,) = [one for one in ranked if one.state == "confirmed" and not one.trial.parameters["fragile"]]
    assert (len(sound.losses), sound.summary.failed if sound.summary else None) == (3, 0)
    assert sound.failure_bound < 0.7 * few
    assert all(one.failure_bound > few for one in ranked if one.trial.parameters["fragile"])
    alone = bench(tmp_path / "r", rungs=[{"epochs": 1, "seeds": 3}], search={"trials": 3})
    alone.run()
    for one in standings(alone.ledger, frozenset()):
        assert one.summary is not None
        assert one.failure_bound == one.summary.failure_interval[1]
