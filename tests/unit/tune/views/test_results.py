"""The results and the terminal's tables."""

import io
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import BASELINE, Player, latent_study, played
from tune.errors import UserMistake
from tune.ledger.ledger import Ledger
from tune.scoring.paired import paired
from tune.views import wording
from tune.views.results import cost_of, failures, gather, leaderboard, trial_seconds
from tune.views.sentences import cost_sentences
from tune.views.terminal.compare import compare_trials, print_comparison
from tune.views.terminal.summary import print_summary


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A finished study in which one trial died and another is lucky."""
    return played(tmp_path_factory.mktemp("tables") / "batch-norm", deaths={5: "RuntimeError: [red]no[/red] | memory"})


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


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_summary_fits_the_terminal(ledger: Ledger, width: int) -> None:
    """No line is wider than the console, no number is cut, and the winner's score is there."""
    shown = _summary(ledger, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    best = gather(ledger).best
    assert best is not None
    assert wording.number(best.score) in shown


def test_summary_at_80_columns_keeps_each_parameter_in_a_column_of_its_own(ledger: Ledger) -> None:
    """Four parameters, score, spread, CV, failed seeds and reproducibility stand side by side."""
    heading = next(line for line in _summary(ledger, 80).splitlines() if line.startswith("trial "))
    assert " ".join(heading.split()) == "trial rate size dims norm score mean ± sd CV failed R rung"


def test_summary_is_plain_when_piped(ledger: Ledger) -> None:
    """Nothing but text: no escape sequence, and markup in a cause of death is shown as it is."""
    shown = _summary(ledger, 120)
    assert "\x1b" not in shown
    assert "[red]no[/red]" in shown


def test_summary_names_trials_that_one_seed_flatters(ledger: Ledger) -> None:
    """They are named with the seed that would have chosen them, both losses, and the seeds on which they fail."""
    (luck,) = gather(ledger).lucky
    shown = " ".join(_summary(ledger, 100).split())
    assert f"a sweep with seed {luck.seed} alone would have preferred it" in shown
    assert f"{wording.number(luck.loss)} against {wording.number(luck.incumbent_loss)}" in shown
    assert f"but it fails on {wording.seeds(luck.failed)}." in shown


def test_summary_says_plainly_when_nothing_was_confirmed(tmp_path: Path) -> None:
    """An incumbent of a lower rung is called provisional."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    assert "nothing to recommend" in _summary(ledger, 80)
    Player(ledger, clock).play(units=1)
    assert "No trial was confirmed on the full ladder." in _summary(ledger, 80)


def test_paired_difference_is_over_seeds_that_neither_fails() -> None:
    """The golden value is the t interval of three differences: mean 2, sd 1, t(0.975, 2) = 4.3027."""
    first = {1: 0.1, 2: 0.1, 3: 0.1, 4: 0.1, 5: nan}
    second = {1: 1.1, 2: 2.1, 3: 3.1, 4: 9.0}
    gap = paired(first, second, baseline=5.0)
    assert gap.seeds == (1, 2, 3)
    assert gap.mean == pytest.approx(2.0)
    assert gap.interval == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert not gap.holds_up
    assert all(map(isnan, paired({1: 0.1}, {1: 0.2}, 5.0).interval))


def test_tied_trials_are_confirmed_and_fail_no_more_than_the_winner(ledger: Ledger) -> None:
    """Whatever is tied with the winner has an interval that holds zero."""
    results = gather(ledger)
    assert results.best is not None
    for other in results.tied:
        assert other.state == "confirmed"
        low, high = paired(results.best.losses, other.losses, BASELINE).interval
        assert low <= 0 <= high


def test_compare_shows_what_differs(ledger: Ledger) -> None:
    """Values that all share are left out; losses are those of the curves; each is compared with the first."""
    first, second, *_ = [standing.number for standing in gather(ledger).ranked]
    comparison = compare_trials(ledger, [first, second])
    assert "hidden_units" not in comparison.differing
    a, b = comparison.sides
    assert a.against_first is None
    assert b.against_first is not None
    assert b.rung == 2
    for side in comparison.sides:
        assert list(side.losses) == [2, 4, 8]
        assert side.losses[8] == ledger.trials[side.trial.number].reached[2].losses
        mean_norm = sum(1 / epoch for epoch in range(1, 9)) / 8
        assert side.gradient_norms == pytest.approx(dict.fromkeys(ledger.study.seeds, mean_norm))
    out = io.StringIO()
    print_comparison(ledger, [first, second], Console(file=out, width=80))
    assert f"trial {second} minus trial {first}: " in out.getvalue()


def test_compare_at_chosen_epochs(ledger: Ledger) -> None:
    """Losses after the epochs asked for, those that a seed has not reached unknown; the final ones beside them."""
    first, *_, last = [standing.number for standing in gather(ledger).ranked if standing.rung is not None]
    comparison = compare_trials(ledger, [first, last], [1, 7])
    for side in comparison.sides:
        assert list(side.losses) == [1, 7]
        curves = {seed: ledger.curve(side.trial.number, seed) for seed in side.losses[1]}
        assert side.losses[1] == {seed: curve[0] for seed, curve in curves.items()}
        assert side.finals["validation_loss"] == pytest.approx({seed: curve[-1] for seed, curve in curves.items()})
        assert side.finals["train_loss"] == pytest.approx({seed: 1.2 * curve[-1] for seed, curve in curves.items()})
    assert all(map(isnan, comparison.sides[1].losses[7].values()))
    with pytest.raises(UserMistake, match="--epochs: 1 to 8 have been trained by some seed of these trials; got 9"):
        compare_trials(ledger, [first, last], [9])


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([0, 99], "no trial 99 in this study; its trials are 0 to 17"),
        ([0, -1], "no trial -1 in this study; its trials are 0 to 17"),
        ([3], "compare needs two or more different trials, got 3; its trials are 0 to 17"),
        ([3, 3], "compare needs two or more different trials, got 3 3; its trials are 0 to 17"),
    ],
)
def test_compare_refuses_trials_that_are_not_there(ledger: Ledger, numbers: list[int], said: str) -> None:
    """The message says which was asked for and which there are."""
    with pytest.raises(UserMistake) as caught:
        compare_trials(ledger, numbers)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("mean", "sd", "shown"),
    [(0.0249173, 0.000738, "0.02492 ± 0.00074"), (12.34, 1.5, "12.3 ± 1.5"), (0.5, nan, "0.5"), (nan, nan, "–")],
)
def test_spread_is_written_to_the_second_digit_of_the_deviation(mean: float, sd: float, shown: str) -> None:
    """Mean and deviation end at the same decimal; without a deviation the mean stands alone."""
    assert wording.spread(mean, sd) == shown


@pytest.mark.parametrize(
    ("length_s", "shown"),
    [(0.25, "0.25 s"), (42.4, "42 s"), (200, "3 min 20 s"), (3900, "1 h 05 min"), (180000, "2 d 02 h"), (nan, "–")],
)
def test_durations_are_written_in_their_two_leading_units(length_s: float, shown: str) -> None:
    """Short ones in seconds, long ones in days and hours."""
    assert wording.duration(length_s) == shown


def _summary(ledger: Ledger, width: int) -> str:
    out = io.StringIO()
    print_summary(ledger, Console(file=out, width=width))
    return out.getvalue()
