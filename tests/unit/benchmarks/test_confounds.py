"""The benchmark of confounds."""

import pytest

from benchmarks.confounds import FIRST, inestimable, judged, planted


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 12))
def test_what_is_planted_is_confounded_and_nothing_else(seed: int) -> None:
    """Exact ranks find the planted factors and no others; the set is the same whenever it is made."""
    runs, sets = planted(seed)
    assert inestimable(runs) == set().union(*sets)
    assert planted(seed) == (runs, sets)


def test_a_set_is_judged_by_what_was_planted() -> None:
    """All of its marks are there, and stand for sets with and without confounds."""
    rows = [judged(FIRST + at) for at in range(12)]
    assert all(row["named"] and row["no_false_one"] and row["separated"] and row["fewest"] for row in rows)
    assert {len(row["planted"]) for row in rows} >= {0, 1}
    assert all((row["further"] > 0) == bool(row["planted"]) for row in rows)
