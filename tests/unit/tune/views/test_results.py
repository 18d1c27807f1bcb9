"""The results and the terminal's tables."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.views.results import cost_of, failures, gather, leaderboard, trial_seconds
from tune.views.sentences import cost_sentences


def test_leaderboard_puts_higher_rungs_first_and_the_dead_last(ledger: Ledger) -> None:
    """Within a rung the score decides; between rungs the rung does."""
    rows = leaderboard(gather(ledger))
    assert [row.state for row in rows[:3]] == ["confirmed"] * 3
    assert rows[-1].state == "failed"
    ranks = [(-1 if row.rung is None else row.rung) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    for rung in (0, 1, 2):
        scores = [row.score for row in rows if row.rung == rung]
        assert scores == sorted(scores)


def test_leaderboard_shows_only_what_varies(tmp_path: Path) -> None:
    """A parameter with one value, and what is fixed, are left out."""
    space = {"learning_rate": {"log_uniform": [1e-4, 1e-2]}, "batch_size": {"choice": [64]}}
    ledger = played(tmp_path / "s", latent_study(space=space, search={"trials": 2}))
    assert [list(row.parameters) for row in leaderboard(gather(ledger))] == [["learning_rate"]] * 2


def test_seconds_are_counted_once_for_seeds_that_train_together() -> None:
    """Equal seconds of one trial and epoch are one wait; seeds that caught up later add their own."""
    rows = [(0, 1, 1, 2.0), (0, 12, 1, 2.0), (0, 123, 1, 0.5), (0, 1, 2, 3.0), (1, 1, 1, 4.0), (2, 1, 1, None)]
    columns = dict(zip(("trial", "seed", "epoch", "seconds"), zip(*rows, strict=True), strict=True))
    assert trial_seconds(pa.table({name: list(values) for name, values in columns.items()})) == {0: 5.5, 1: 4.0}
    assert trial_seconds(pa.table({"trial": [0], "seed": [1], "epoch": [1]})) == {}


def test_test_losses_of_the_best_trial_are_those_at_its_rung(ledger: Ledger) -> None:
    """One per seed, from the epoch at which it was confirmed."""
    results = gather(ledger)
    assert results.best is not None
    assert results.test_losses == pytest.approx({seed: loss * 1.02 for seed, loss in results.best.losses.items()})


def test_failures_are_grouped_by_cause(ledger: Ledger) -> None:
    """Each cause names its deaths, its trials and where to read on."""
    (failure,) = failures(ledger)
    assert (failure.deaths, failure.trials, failure.log) == (2, (5,), "logs/trial-5.log")


def test_cost_counts_redone_work_and_interruptions(tmp_path: Path) -> None:
    """Epochs that were lost with a process are redone, and are not spent twice."""
    clock, study = Clock(), latent_study(search={"trials": 3, "method": "random"})
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    work = player.optimizer.next_work()
    assert work is not None
    player.train(work, epochs=1)
    ledger.close("interrupted")
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    player.play()
    player.optimizer.finish()
    ledger.close("finished")
    cost = cost_of(ledger)
    assert (cost.redone, cost.sessions, cost.interruptions) == (2, 2, 1)
    assert cost.full == 3 * 8 * 5
    assert cost.spent == sum(sum(ledger.trained(number).values()) for number in range(3))
    assert cost.saved == pytest.approx(1 - cost.spent / cost.full)


def test_cost_names_gpu_hours_where_trials_have_gpus(tmp_path: Path) -> None:
    """With what the study may use, when that is limited; a study on CPUs does not speak of them."""
    ledger = Ledger.open(latent_study(resources={"gpus_per_trial": 1}), tmp_path / "s", clock=Clock())
    assert Player(ledger, Clock()).optimizer.next_work() is not None
    ledger.record(0, (1, 12), 1, {"validation_loss": [0.03, 0.03]}, held_s=1800.0)
    cost = cost_of(ledger)
    assert "Trials held GPUs for 0.5 GPU-hours." in cost_sentences(cost)
    limited = replace(cost, gpu_hours=1234.5, gpu_hours_budget=2000.0)
    assert "Trials held GPUs for 1,234 of 2,000 GPU-hours." in cost_sentences(limited)
    assert not [line for line in cost_sentences(replace(cost, gpu_hours=None)) if "GPU" in line]
