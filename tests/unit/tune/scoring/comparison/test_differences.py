"""By how much a side is better than another."""

from math import isnan, nan

import pytest
from scipy.stats import ttest_ind

from tests.fakes.runs_elsewhere import imported
from tune.ledger.imports.run import ImportedRun
from tune.ledger.loss_scale import LossScale
from tune.scoring.comparison.differences import apart, by_seed_at, shared_epoch
from tune.scoring.comparison.sides import Side
from tune.scoring.paired import paired

SCALE = LossScale()


def side(*runs: ImportedRun) -> Side:
    return Side("a", runs)


def seeds(*curves: list[float], begin: int = 1) -> Side:
    return side(*(imported(loss=curve, seed=seed) for seed, curve in enumerate(curves, begin)))


def test_sides_of_unequal_length_are_compared_where_both_were() -> None:
    """Six epochs against three: the third, over the seeds that both have."""
    one, other = seeds([9, 8, 7, 3, 2, 1], [9, 8, 6, 3, 2, 1]), seeds([9, 8, 5], [9, 8, 5])
    found = apart(one, other, "validation_loss", SCALE)
    assert found is not None
    want = paired({1: 7, 2: 6}, {1: 5, 2: 5}, float("inf"))
    assert (found.epoch, found.mean, found.interval, found.pairs) == (3, want.mean, want.interval, (1, 2))


def test_the_epoch_that_most_seeds_reached() -> None:
    """A seed that went on alone does not decide: two pairs after two epochs count for more than one after four."""
    assert shared_epoch(seeds([4, 3, 2, 1], [4, 3]), seeds([4, 3, 2, 1], [4, 3]), "validation_loss") == 2
    assert shared_epoch(seeds([4, 3]), side(imported()), "validation_loss") is None


def test_seeds_that_are_not_shared_are_not_paired() -> None:
    """Welch's interval for two samples, as SciPy has it."""
    one, other = seeds([1.0], [1.2], [1.1]), seeds([5.0], [5.3], begin=8)
    found = apart(one, other, "validation_loss", SCALE)
    assert found is not None
    want = ttest_ind([5.0, 5.3], [1.0, 1.2, 1.1], equal_var=False).confidence_interval(0.95)
    assert found.pairs == ()
    assert found.interval == pytest.approx((want.low, want.high))
    assert found.better is False


def test_a_maximised_metric_is_turned_back() -> None:
    """Higher is better: the difference keeps its sign, and the better side is the higher one."""
    found = apart(seeds([0.5], [0.6]), seeds([0.8], [0.91]), "validation_loss", LossScale(maximize=True))
    assert found is not None
    assert found.mean == pytest.approx(0.305)
    assert found.interval[0] < found.mean < found.interval[1]
    assert found.better


def test_seeds_that_diverged_are_left_out_and_one_seed_decides_nothing() -> None:
    """A nan is no loss; with one pair there is no interval."""
    found = apart(seeds([1.0], [nan]), seeds([2.0], [1.0]), "validation_loss", SCALE)
    assert found is not None
    assert (found.pairs, found.mean, found.better) == ((1,), 1.0, None)
    assert isnan(found.interval[0])
    lost = apart(seeds([nan], [nan]), seeds([2.0], [1.0], begin=5), "validation_loss", SCALE)
    assert lost is not None
    assert isnan(lost.mean)


def test_final_values_are_compared_only_of_runs_of_equal_length() -> None:
    """Where no curve is told: unequal epochs are not ranked, unknown ones are."""

    def ended(loss: float, **configuration: int) -> Side:
        return side(imported(finals={"validation_loss": loss}, configuration=configuration))

    equal = apart(ended(2, epochs=6), ended(1, epochs=6), "validation_loss", SCALE)
    assert equal is not None
    assert (equal.epoch, equal.mean) == (None, -1)
    assert apart(ended(2, epochs=6), ended(1, epochs=15), "validation_loss", SCALE) is None
    assert apart(ended(2), ended(1, epochs=15), "validation_loss", SCALE) is not None


def test_values_between_epochs_that_are_told() -> None:
    """An epoch in which nothing was told is nan, one after the end is left out."""
    (run,) = (imported(more={"loss": {1: 3.0, 3: 1.0}}),)
    assert by_seed_at(side(run), "loss", 3) == {1: 1.0}
    assert isnan(by_seed_at(side(run), "loss", 2)[1])
    assert by_seed_at(side(run), "loss", 4) == {}
