"""What the optimizer suggests for new trials, and when it waits with that."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tests.fakes.bench import bench
from tests.fakes.ledgers import latent_study
from tests.fakes.studies import quadratic_study
from tune.optimizer.observations import setting_key
from tune.optimizer.suggest import _nearest_untried, derived_seed, suggest
from tune.study.coordinates import squared_distances
from tune.study.settings.walk import grid


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


def test_suggestions_wait_for_results_where_seed_epochs_are_limited(tmp_path: Path) -> None:
    """Those drawn at random start at once; from then on never more than a fiftieth of the planned trials is unseen."""
    study = bench(tmp_path / "q", search={}, budget={"seed_epochs": 480})
    assert study.study.trials == 55  # 480 / (4 + 14 / 3)
    begun = list(iter(study.optimizer.next_work, None))
    assert [trial.reason for trial in study.ledger.trials] == ["drawn at random"] * 10
    for work in begun[:8]:
        study.do(work)
        assert study.optimizer.next_work() is None
    study.do(begun[8])
    assert study.optimizer.next_work() is not None
    assert study.optimizer.next_work() is None
    assert len(study.optimizer.in_flight) == 2


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


@given(
    low=st.integers(-3, 20),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 9)),
    log=st.booleans(),
    choices=st.sampled_from([[1, 2, 64], ["a", "b"], [True, False], [0.5]]),
    data=st.data(),
)
def test_the_nearest_untried_point_is_that_of_the_whole_grid(
    low: int, sizes: tuple[int, int], log: bool, choices: list[Any], data: st.DataObject
) -> None:
    """Whatever was tried, looking around the wanted point finds the first of the nearest that all points have."""
    space = {
        "a": {"int": [low, low + sizes[0]], "log": log and low > 0},
        "b": {"choice": choices},
        "c": {"int": [0, sizes[1]]},
    }
    study = latent_study(space=space)
    points = list(grid(study.space))
    free = data.draw(st.sets(st.integers(0, len(points) - 1), min_size=1, max_size=4))
    wanted = data.draw(st.sampled_from(points))
    tried = {setting_key(point) for place, point in enumerate(points) if place not in free or point == wanted}
    fresh = [point for point in points if setting_key(point) not in tried]
    if fresh:
        expected = fresh[int(squared_distances(study.space, [wanted], fresh).argmin())]
        assert _nearest_untried(study, wanted, tried) == expected


def test_the_nearest_untried_point_of_millions() -> None:
    """Only the neighbourhood is looked at: it is found at once where all values would fill the memory."""
    study = latent_study(space={"a": {"int": [1, 2**52], "log": True}, "b": {"int": [-(2**52), 0]}})
    wanted = {"a": 2**51, "b": -5}
    tried = {setting_key(one) for one in (wanted, {"a": 2**51, "b": -4}, {"a": 2**51, "b": -6})}
    found = _nearest_untried(study, wanted, tried)
    assert setting_key(found) not in tried
    assert max(abs(found[name] - wanted[name]) for name in wanted) <= 4


def test_true_and_one_are_two_choices(tmp_path: Path) -> None:
    """A grid tries both, and so does a search of a space that is used up."""
    for method in ("grid", "random"):
        search = {"method": method, "trials": 4}
        study = bench(tmp_path / method, space={"x": {"choice": [True, 1, False, 0]}}, search=search)
        study.run()
        tried = sorted(repr(trial.parameters["x"]) for trial in study.ledger.trials)
        assert tried == ["0", "1", "False", "True"]
