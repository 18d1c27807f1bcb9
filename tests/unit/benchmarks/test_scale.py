"""What the benchmark of scale makes of several plays."""

from benchmarks.scale.decisions import median


def test_several_plays_are_told_by_their_median_and_their_extremes() -> None:
    """One slow play moves neither the cost of a decision nor what else is told, and is seen all the same."""
    rows = [{"cpu_ms_per_decision": cost, "wall_s": 10 * cost} for cost in (3.4, 9.9, 3.0, 3.7, 3.6)]

    told = median(rows)

    assert told == {"cpu_ms_per_decision": 3.6, "wall_s": 36.0, "plays": 5, "cpu_ms_per_decision_from_to": [3.0, 9.9]}
