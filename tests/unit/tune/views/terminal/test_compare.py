"""Trials side by side."""

import io
from math import isnan

import pytest
from rich.console import Console

from tests.fakes.ledgers import BASELINE
from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.scoring.paired import paired
from tune.views.results import gather
from tune.views.terminal.compare import compare_trials, print_comparison


def test_tied_trials_are_confirmed_and_fail_no_more_than_the_winner(ledger: LedgerReader) -> None:
    """Whatever is tied with the winner has an interval that holds zero."""
    results = gather(ledger)
    assert results.best is not None
    for other in results.tied:
        assert other.state == "confirmed"
        low, high = paired(results.best.losses, other.losses, BASELINE).interval
        assert low <= 0 <= high


def test_compare_shows_what_differs(ledger: LedgerReader) -> None:
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


def test_compare_at_chosen_epochs(ledger: LedgerReader) -> None:
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
def test_compare_refuses_trials_that_are_not_there(ledger: LedgerReader, numbers: list[int], said: str) -> None:
    """The message says which was asked for and which there are."""
    with pytest.raises(UserMistake) as caught:
        compare_trials(ledger, numbers)
    assert str(caught.value).endswith(said)
