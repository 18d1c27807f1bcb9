"""Curves with fewer points."""

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.views.tensorboard.thinning import Thinning, bucket_end


def thinned(values: list[float], ends: tuple[int, ...] = ()) -> dict[int, float]:
    """Returns the points that are kept of a curve from epoch 1 on, by epoch."""
    thinning = Thinning(ends)
    points = [point for epoch, value in enumerate(values, 1) for point in thinning.add(epoch, 0.0, {"loss": value})]
    points += thinning.flush()
    assert [epoch for epoch, _, _ in points] == sorted({epoch for epoch, _, _ in points})
    return {epoch: told["loss"] for epoch, _, told in points}


@pytest.mark.parametrize(
    ("epoch", "end"), [(1, 1), (128, 128), (129, 132), (132, 132), (253, 256), (257, 264), (512, 512), (513, 528)]
)
def test_buckets_double_in_width(epoch: int, end: int) -> None:
    """One epoch up to 128, four up to 256, eight up to 512."""
    assert bucket_end(epoch) == end


def test_a_short_curve_is_whole() -> None:
    """Nothing is left out of 128 epochs."""
    assert len(thinned([0.5] * 128)) == 128


@pytest.mark.parametrize(("epochs", "most"), [(1_000, 416), (65_536, 992)])
def test_a_long_curve_has_fewer_points_than_tensorboard_shows(epochs: int, most: int) -> None:
    """TensorBoard draws a random choice of a thousand, so there are no more."""
    zigzag = [(-1) ** epoch * (1 + epoch % 7) for epoch in range(epochs)]
    assert 128 < len(thinned(zigzag)) <= most


@given(st.lists(st.floats(0, 1) | st.just(nan), min_size=1, max_size=700))
def test_no_spike_is_lost(values: list[float]) -> None:
    """The last value is there, and of every bucket the least and the greatest; one that is not finite is greatest."""
    kept = thinned(values)
    last = kept[len(values)]
    assert last == values[-1] or isnan(last)
    buckets: dict[int, list[int]] = {}
    for epoch in range(1, len(values) + 1):
        buckets.setdefault(bucket_end(epoch), []).append(epoch)
    for epochs in buckets.values():
        all_of_it = [values[epoch - 1] for epoch in epochs]
        left = [kept[epoch] for epoch in epochs if epoch in kept]
        assert any(map(isnan, all_of_it)) == any(map(isnan, left))
        if not any(map(isnan, all_of_it)):
            assert (min(left), max(left)) == (min(all_of_it), max(all_of_it))


def test_a_rung_ends_a_bucket() -> None:
    """Where a trial may wait its curve is told up to there."""
    thinning = Thinning([130])
    told = [thinning.add(epoch, 0.0, {"loss": 1.0}) for epoch in (129, 130)]
    assert [len(points) for points in told] == [0, 2]


def test_each_tag_keeps_its_own_points() -> None:
    """A loss that is told at the last epoch alone is kept, whatever the others do."""
    thinning = Thinning()
    for epoch in range(129, 132):
        assert thinning.add(epoch, float(epoch), {"a": -epoch, "b": epoch % 2}) == []
    points = {epoch: (clock, dict(told)) for epoch, clock, told in thinning.add(132, 132.0, {"a": 0, "c": 9})}
    assert points[132] == (132.0, {"a": 0, "c": 9})
    assert points[131] == (131.0, {"a": -131, "b": 1})
    assert points[130] == (130.0, {"b": 0})
    assert points[129] == (129.0, {"b": 1})
