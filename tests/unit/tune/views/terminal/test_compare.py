"""Runs side by side on the terminal, and as JSON."""

import io
import json
from math import nan
from typing import Any

import pytest

from tests.fakes.runs_elsewhere import curve, imported
from tests.unit.tune.ledger.test_printable import HOSTILE, harmless
from tune.errors import UserMistake
from tune.ledger.imports.study_folder import runs_of_trials
from tune.ledger.reader import LedgerReader
from tune.scoring.comparison.comparison import Comparison, Question, compare_runs
from tune.scoring.measured import difference
from tune.scoring.paired import paired
from tune.views.console import Terminal
from tune.views.results import gather
from tune.views.terminal.compare import print_comparison
from tune.views.terminal.compare_json import comparison_json

FALLING = [8.0, 4, 2, 1, 0.9, 0.8, 0.7, 0.6]


def of_trials(ledger: LedgerReader, numbers: list[int], **question: Any) -> Comparison:
    return compare_runs(runs_of_trials(ledger, "a", numbers), Question(**question))


def printed(comparison: Comparison, width: int = 80) -> str:
    out = io.StringIO()
    print_comparison(comparison, Terminal(file=out, width=width))
    return out.getvalue()


def test_tied_trials_are_confirmed_and_fail_no_more_than_the_winner(ledger: LedgerReader) -> None:
    """Whatever is tied with the winner has an interval that holds zero."""
    results = gather(ledger)
    assert results.best is not None
    for other in results.tied:
        assert other.state == "confirmed"
        low, high = paired(results.best.losses, other.losses, results.baseline).interval
        assert low <= 0 <= high


def test_trials_of_a_study_seed_by_seed(ledger: LedgerReader) -> None:
    """Values that all share are left out; losses are those of the rungs; each is compared with the first."""
    first, second, *_ = [standing.number for standing in gather(ledger).ranked]
    comparison = of_trials(ledger, [first, second])
    assert "hidden_units" not in comparison.differing
    a, b = comparison.columns
    assert list(a.values) == [2, 4, 8]
    assert a.values[8] == ledger.trials[first].reached[2].losses
    one, other = (ledger.trials[number].reached[2].losses for number in (first, second))
    want = difference(one, other, ledger.loss_scale)
    assert b.apart is not None
    assert (b.apart.epoch, b.apart.mean, b.apart.interval, b.apart.pairs) == (8, want.mean, want.interval, want.seeds)
    mean_norm = sum(1 / epoch for epoch in range(1, 9)) / 8
    assert a.gradient_norms == pytest.approx(dict.fromkeys(ledger.study.seeds, mean_norm))
    said = printed(comparison)
    assert f"trial {second} minus trial {first}: " in said
    assert "validation_loss, epoch 8, seed 12345" in said


def test_trials_at_chosen_epochs(ledger: LedgerReader) -> None:
    """Losses after the epochs asked for, a dash where a seed has not come so far; the final ones beside them."""
    first, *_, last = [standing.number for standing in gather(ledger).ranked if standing.rung is not None]
    comparison = of_trials(ledger, [first, last], at=(1, 7))
    for number, column in zip((first, last), comparison.columns, strict=True):
        assert list(column.values) == [1, 7]
        curves = {seed: ledger.curve(number, seed) for seed in column.values[1]}
        assert column.values[1] == {seed: one[0] for seed, one in curves.items()}
        assert column.finals["validation_loss"] == pytest.approx({seed: one[-1] for seed, one in curves.items()})
        assert column.finals["train_loss"] == pytest.approx({seed: 1.2 * one[-1] for seed, one in curves.items()})
    assert comparison.columns[1].values[7] == {}
    assert "their final values are not ranked" in " ".join(printed(comparison).split())
    with pytest.raises(UserMistake, match="--at: 1 to 8 have been trained by some run; got 9"):
        of_trials(ledger, [first, last], at=(9,))


def test_what_is_printed_is_all_that_is_known() -> None:
    """The rows of two runs of unequal length, and the sentences below."""
    more = {"lr": curve(*[1e-3] * 6), "train_loss": curve(*[0.7] * 6), "samples_per_second": curve(*[50.0] * 6)}
    runs = [
        imported(
            "a", "a.csv", FALLING[:6], configuration={"schedule": "constant", "epochs": 6}, more=more, seconds=12.0
        ),
        imported(
            "b", "tb", FALLING, configuration={"schedule": "cosine", "epochs": 8}, more={"lr": curve(*[2e-3] * 8)}
        ),
    ]
    said = printed(compare_runs(runs, Question(below=1, at=(6,), last=3)))
    for row in (
        "schedule                  constant  cosine",
        "epochs trained                   6       8",
        "validation_loss, epoch 6       0.8     0.8",
        "learning rate, epoch 6       0.001   0.002",
        "epochs to validation_loss ≤ 1    4       4",
        "train-validation gap        +14.3%       –",
        "range of the last 3 epochs     0.2     0.2",
        "samples per second, a run       50       –",
        "seconds                         12       –",
    ):
        assert row.split() in [line.split() for line in said.splitlines()]
    text = " ".join(said.split())
    assert "tb trained 8 epochs, a.csv 6: compared after 6 epochs, their final values are not ranked. " in text
    assert "There the learning rate is 0.002 against 0.001." in text
    assert "schedule and epochs change together: nothing can be said of one." in text
    assert (
        "1 more run would separate this, no fewer: a.csv with schedule cosine. --plan-out FILE writes a plan of them."
        in text
    )


def test_many_sides_are_rows_by_number() -> None:
    """Two tables, one of what they are and one of how they went."""
    runs = [imported(str(at), loss=FALLING, configuration={"x": at}) for at in range(20)]
    said = printed(compare_runs(runs, Question(below=1)))
    lines = [line.split() for line in said.splitlines()]
    assert ["20", "trial", "19", "19"] in lines
    assert ["20", "8", "0.6", "4", "4", "0.129"] in lines


def test_values_that_differ_look_different() -> None:
    """However many digits that takes."""
    runs = [imported(str(at), loss=FALLING, configuration={"x": 0.1 + at * 1e-9}) for at in range(2)]
    assert "0.10000000100000001" in printed(compare_runs(runs, Question()))


@pytest.mark.parametrize("width", [40, 80, 400])
def test_nothing_in_a_run_acts_on_the_terminal(width: int) -> None:
    """Names of runs, sources, parameters, metrics and values are shown with their escapes written out."""
    runs = [
        imported(
            f"{HOSTILE}{at}", HOSTILE, configuration={HOSTILE: f"{HOSTILE}{at}", "b": at}, more={HOSTILE: curve(2, 1)}
        )
        for at in range(2)
    ]
    said = printed(compare_runs(runs, Question(metric=HOSTILE, below=1)), width)
    assert harmless(said)
    assert harmless(json.dumps(comparison_json(compare_runs(runs, Question(metric=HOSTILE)))))


def test_json_holds_the_same_numbers() -> None:
    """What is not finite or not known is null; seeds and epochs are keys."""
    runs = [
        imported("a", loss=FALLING, configuration={"x": 1, "y": 1}, seed=1),
        imported("b", loss=[nan] * 8, configuration={"x": 2, "y": 2}, seed=1),
    ]
    told = json.loads(json.dumps(comparison_json(compare_runs(runs, Question(below=1, at=(8,)))), allow_nan=False))
    assert told["metric"] == "validation_loss"
    assert told["differing"] == {"x": [1, 2], "y": [1, 2]}
    first, second = told["sides"]
    assert first["values"] == {"8": {"1": 0.6}}
    assert first["epochs_to_below"] == {"1": 4}
    assert (second["values"], second["failed"]) == ({"8": {"1": None}}, [1])
    assert (first["minus_first"], second["minus_first"]["after_epoch"]) == (None, 8)
    assert told["confounded"] == [{"factors": ["x", "y"], "change_together": True}]
    assert told["further_runs"] == [{"x": 2}]
    assert told["plan"]["plan"] == {"separate": {"arms": {"x-2": {"x": 2}}}}
