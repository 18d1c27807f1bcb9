"""The benchmark of searches: its objectives, its truth, and how competitors are charged."""

from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.competitors import PEERS
from benchmarks.peers import Play, Setting, answers
from benchmarks.record import mean_and_error
from benchmarks.search import play_ours, plays, settings
from benchmarks.search_results import Outcome, compare, summary, write
from benchmarks.tabular import EPOCHS, SEEDS, Analytic, Table, TabularTrainer, describe, load, truth_of

BASELINE = {"validation_loss": 2.0, "test_loss": 4.0}


def small_table() -> Table:
    """Two learning rates with and without norm; a run's loss falls, and norm fails on seed 9 at the end."""
    configurations = [{"learning_rate": rate, "norm": norm} for rate in (0.1, 0.2) for norm in (True, False)]
    row, seed, epoch = np.indices((4, SEEDS, EPOCHS)).astype(float)
    validation = 1.0 + row / 10 + seed / 1000 - epoch / 100
    validation[[0, 2], 9, -1] = 8.0
    about = {
        "configurations": configurations,
        "space": {"learning_rate": [0.1, 0.2], "norm": [True, False]},
        "baseline": BASELINE,
    }
    losses = {"validation_loss": validation, "test_loss": 2 * validation, "train_loss": validation / 2}
    return Table("small", about, losses, 0.5 + row[:, 0])


def ten(value: float, *others: float) -> Any:
    """Ten losses, the last ones given."""
    return np.array([value] * (SEEDS - len(others)) + list(others))


def test_the_truth_is_the_mean_test_loss_in_baselines() -> None:
    """Where no seed fails, the truth is the plain mean over all ten seeds."""
    truth = truth_of(ten(1.0), ten(1.0, 3.0), BASELINE)
    assert (truth.loss, truth.fails) == (pytest.approx((9 * 0.25 + 0.75) / 10), 0.0)


@pytest.mark.parametrize("lost", [nan, inf, 400.0])
def test_a_lost_seed_counts_three_baselines(lost: float) -> None:
    """A seed that is not finite, or far above the baseline, counts as three baselines and as a failure."""
    truth = truth_of(ten(1.0, lost), ten(1.0, lost), BASELINE)
    assert (truth.loss, truth.fails) == (pytest.approx((9 * 0.25 + 3.0) / 10), 1.0)


@pytest.mark.parametrize(("validation", "test"), [(2.0, 1.0), (1.0, 4.0), (nan, 1.0)])
def test_a_seed_at_the_baseline_of_either_split_fails(validation: float, test: float) -> None:
    """No better than the baseline on validation or on test is a failure."""
    assert truth_of(ten(1.0, validation), ten(1.0, test), BASELINE).fails == 1.0


def test_regret_is_the_distance_from_the_best_of_the_table() -> None:
    """The best configuration has no regret; one that fails on a seed says so."""
    table = small_table()
    best = min(table.configurations, key=lambda one: table.truth(one).loss)
    assert best == {"learning_rate": 0.1, "norm": False}
    assert table.truth(best).loss == table.best
    assert table.truth(best).fails == 0.0
    assert table.truth({"learning_rate": 0.1, "norm": True}).fails == 1.0


def test_a_row_is_found_by_the_space_alone() -> None:
    """Whatever else a configuration holds, and in whatever order, it is the same row."""
    assert small_table().row({"hidden_units": 3, "norm": True, "learning_rate": 0.2}) == 2


def test_the_tabular_trainer_goes_on_where_it_was() -> None:
    """Three epochs, its state, and the rest are the stored curve, for the seeds that were asked for."""
    config = load("connectome-adam").configurations[5]  # type: ignore[attr-defined]
    recording = {"objective": "connectome-adam"}
    first = TabularTrainer(config, recording, [7, 3])
    head = list(first.train(3))
    tail = list(TabularTrainer(config, recording, [7, 3], first.state()).train(EPOCHS - 3))
    stored = load("connectome-adam").curves(config, 3)
    assert [row["validation_loss"][1] for row in head + tail] == list(stored["validation_loss"])
    assert {len(values) for row in head for values in row.values()} == {2}
    assert first.baseline() == load("connectome-adam").baseline


def test_the_formula_has_the_truth_that_it_states() -> None:
    """Over many seeds the analytic objective's runs come to its stated mean and failure probability."""
    objective = Analytic()
    point = {"learning_rate": 4e-3, "batch_size": 32, "dropout": 0.2, "use_norm": True}
    runs = [objective.curves(point, seed) for seed in range(2000)]
    last = [np.array([run[name][-1] for run in runs]) for name in ("validation_loss", "test_loss")]
    truth, found = objective.truth(point), truth_of(last[0], last[1], objective.baseline)
    assert found.loss == pytest.approx(truth.loss, abs=0.05)
    assert 1 - (1 - np.mean(last[0] >= 1)) ** SEEDS == pytest.approx(truth.fails, abs=0.05)
    assert objective.best < truth.loss


def test_a_run_of_the_formula_repeats_itself() -> None:
    """One seed of one configuration is the same run, and another seed another."""
    point = {"learning_rate": 1e-2, "batch_size": 64, "dropout": 0.1, "use_norm": False}
    assert load("analytic").curves(point, 3) == load("analytic").curves(point, 3)
    assert load("analytic").curves(point, 3) != load("analytic").curves(point, 4)


def test_the_formula_says_how_safe_its_best_is() -> None:
    """The setting of the lowest loss is not free of failures, which no search that finds it can be below."""
    about = "\n".join(describe(Analytic()))
    assert "lowest true loss is 0.42" in about
    assert "fails there with probability 0.06" in about


def test_a_recommendation_is_asked_for_before_the_budget_is_overdrawn() -> None:
    """What costs more than is left is not in the answer; a play that ends answers all later budgets."""
    seen: list[int] = []

    def playing() -> Play:
        for number in range(4):
            yield 100, lambda: {"after": len(seen)}
            seen.append(number)
        yield 0, lambda: {"after": len(seen)}

    assert answers(playing(), [50, 100, 250, 10_000]) == {
        50: {"after": 0},
        100: {"after": 1},
        250: {"after": 2},
        10_000: {"after": 4},
    }


@pytest.mark.parametrize("name", [name for name in PEERS if not name.startswith(("smac", "irace"))])
def test_a_peer_recommends_from_the_space_and_repeats_itself(name: str) -> None:
    """Every competitor recommends a configuration of the table, the same one for the same seed."""
    table = small_table()
    found = [answers(PEERS[name].play(Setting(table, range(SEEDS), 3, 600)), [600])[600] for _ in range(2)]
    assert found[0] == found[1]
    assert found[0] in table.configurations


def test_grids_are_charged_by_seed() -> None:
    """Five seeds of the whole grid cost five times as much, and see that norm fails only where seed 9 is among them."""
    table = small_table()
    costs = {
        name: sum(cost for cost, _ in PEERS[name].play(Setting(table, range(SEEDS), 0, 0)))
        for name in ("grid-1", "grid-5")
    }
    assert costs == {"grid-1": 4 * EPOCHS, "grid-5": 5 * 4 * EPOCHS}


def test_who_plans_by_the_budget_plays_once_for_each() -> None:
    """Ours and SMAC play every budget apart, the others all at once, grids at their own cost."""
    todo = plays(small_table(), ["ours", "asha", "smac", "grid-1"], (300, 600), [7])
    assert [(one.competitor, one.budgets) for one in todo] == [
        ("ours", (300,)),
        ("ours", (600,)),
        ("asha", (300, 600)),
        ("smac", (300,)),
        ("smac", (600,)),
        ("grid-1", (4 * EPOCHS,)),
    ]
    assert plays(load("analytic"), ["grid-5"], (300,), [7]) == []


def test_rows_are_means_with_standard_errors() -> None:
    """A row sums up the repetitions of one competitor at one budget."""
    outcomes = [Outcome("t", "asha", 300, number, regret, 1.0, 2.0) for number, regret in enumerate((0.1, 0.3))]
    (row,) = summary(outcomes)
    assert (row["regret"], row["regret_error"]) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (row["fails"], row["fails_error"], row["repetitions"]) == (1.0, 0.0, 2)
    assert np.isnan(mean_and_error([1.0])[1])


def test_what_is_not_played_again_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--append` a play replaces the rows of its competitor at its budget, and no others."""
    monkeypatch.setattr("benchmarks.search_results.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    first = [Outcome("t", name, budget, 0, 0.5, 0.0, 1.0) for name in ("ours", "asha") for budget in (300, 600)]
    write("t", first, append=False)
    rows = write("t", [Outcome("t", "ours", 600, 0, 0.25, 0.0, 1.0)], append=True)
    assert [(one["competitor"], one["budget"], one["regret"]) for one in rows] == [
        ("ours", 300, 0.5), ("ours", 600, 0.25), ("asha", 300, 0.5), ("asha", 600, 0.5),
    ]  # fmt: skip
    assert (tmp_path / "search-t.svg").stat().st_size > 0


def row(competitor: str, budget: int, regret: float, fails: float) -> dict[str, Any]:
    return {"competitor": competitor, "budget": budget, "regret": regret, "regret_error": None, "fails": fails}


def test_the_comparison_says_at_which_budget_ours_is_as_good() -> None:
    """Ours is held against the best peer at its largest budget, and at each budget against the one that fails least."""
    rows = [
        *(row("ours", budget, 12 / budget, 0.1) for budget in (300, 1200, 4800)),
        *(row("asha", budget, 24 / budget, 0.4) for budget in (300, 1200, 4800)),
        *(row("random", budget, 48 / budget, 0.2) for budget in (300, 1200, 4800)),
        row("grid-5", 16200, 0.0, 0.0),
    ]
    assert compare(rows)[:3] == [
        "best peer by regret at 4800: Ray ASHA + Optuna, one seed, 0.0050 ± 0.0000",
        "ours comes to that within 4800, a budget 1 times as small",
        "fails on a seed at 300: ours 0.100, best peer 0.200 (random search, one seed)",
    ]
    assert compare([one for one in rows if one["competitor"] != "ours"]) == []


def test_our_study_is_valid_and_recommends_from_the_space(tmp_path: Path) -> None:
    """The study played is one that the study file's own checks accept, at the smallest and the largest budget."""
    from tune.study.study import Study, mistakes_of

    objective = load("connectome-adam")
    for budget in (300, 4800):
        assert mistakes_of(Study.model_validate(settings(objective, range(SEEDS), 1, budget))) == []
    found = play_ours(Setting(objective, range(SEEDS), 1, 300))
    assert found is not None
    objective.truth(found)
