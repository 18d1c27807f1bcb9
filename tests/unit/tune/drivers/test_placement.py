"""Which seeds of a unit train together, and when a unit that was split is whole again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.drivers.placement import Units, split, split_over_slots
from tune.drivers.reports import Death
from tune.optimizer.work import Work


def unit(seeds: int, epochs: int = 3, trial: int = 0) -> Work:
    """A unit of so many seeds."""
    return Work(trial, {"x": 0.5}, tuple(range(1, seeds + 1)), 0, epochs)


def drawn(parts: list[Work]) -> str:
    """Parts as a picture: trial, then its seeds."""
    return "  ".join(f"{part.trial}:{''.join(map(str, part.seeds))}" for part in parts)


@pytest.mark.parametrize(
    ("seeds", "most", "picture"),
    [
        (5, 1, "0:12345"),
        (5, 2, "0:12  0:345"),
        (5, 3, "0:1  0:23  0:45"),
        (5, 4, "0:1  0:23  0:45"),  # a fourth part would end no sooner
        (5, 5, "0:1  0:2  0:3  0:4  0:5"),
        (5, 16, "0:1  0:2  0:3  0:4  0:5"),
        (1, 16, "0:1"),
    ],
)
def test_a_unit_is_split_as_far_as_it_helps(seeds: int, most: int, picture: str) -> None:
    """Parts are as even as can be, and no more than end sooner."""
    assert drawn(split(unit(seeds), most)) == picture


@pytest.mark.parametrize(
    ("units", "slots", "picture"),
    [
        ([(5, 3)], 1, "0:12345"),
        ([(5, 3), (5, 3)], 2, "0:12345  1:12345"),
        ([(5, 3), (5, 3)], 3, "0:12  0:345  1:12345"),
        ([(5, 3), (5, 3)], 4, "0:12  0:345  1:12  1:345"),
        ([(5, 9), (5, 3)], 5, "0:1  0:23  0:45  1:12  1:345"),  # the longer one first
        ([(2, 27), (5, 1)], 4, "0:1  0:2  1:12  1:345"),
        ([(1, 27), (5, 1)], 9, "0:1  1:1  1:2  1:3  1:4  1:5"),
    ],
)
def test_idle_slots_go_to_who_would_end_last(units: list[tuple[int, int]], slots: int, picture: str) -> None:
    """Units that begin together share the slots that are left over."""
    assert drawn(split_over_slots([unit(*one, trial) for trial, one in enumerate(units)], slots)) == picture


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 30)), max_size=6), st.integers(0, 40))
def test_every_seed_is_in_one_part_and_parts_fit(units: list[tuple[int, int]], spare: int) -> None:
    """Whatever is shared, nothing is lost, nothing is twice, and there is a slot for each part."""
    works = [unit(*one, trial) for trial, one in enumerate(units)]
    parts = split_over_slots(works, len(works) + spare)
    assert len(parts) <= len(works) + spare
    together = [(part.trial, seed) for part in parts for seed in part.seeds]
    assert together == [(work.trial, seed) for work in works for seed in work.seeds]


def handed_out(parts: int, begun: int) -> tuple[Units, list[Work]]:
    """A unit of six seeds in so many parts, some of them begun."""
    units, work = Units(), unit(6)
    units.add(work, split(work, parts))
    given = [part for part in (units.next_part() for _ in range(begun)) if part is not None]
    return units, given


def test_a_unit_is_over_with_its_last_part() -> None:
    """Parts that wait are handed out first, and the unit comes back once, whole."""
    units, (first, second) = handed_out(3, begun=2)
    assert units.busy == 2
    assert units.ended(second) is None
    third = units.next_part()
    assert third is not None
    assert units.next_part() is None
    assert units.ended(first) is None
    whole = units.ended(third)
    assert whole is not None
    assert (whole.work.seeds, whole.end, whole.cut_short) == ((1, 2, 3, 4, 5, 6), None, False)
    assert not units.trains(first)


def test_a_part_that_dies_waits_for_the_others() -> None:
    """What it means is known when the others have ended; parts that were not begun are not begun any more."""
    units, (first, second) = handed_out(3, begun=2)
    crashed, lost = Death("ValueError: no", "", "crashed"), Death("gone", "", "lost")
    assert units.died(second, crashed, "log") is None
    assert units.next_part() is None
    whole = units.died(first, lost, "log")
    assert whole is not None
    assert whole.end == (second, crashed, "log")


def test_which_of_two_parts_was_faster_to_die_makes_no_difference() -> None:
    """Of the same kind of death that of the first seeds counts, so that a second time it is seen to be the same."""
    crashed = Death("ValueError: no", "", "crashed")
    for first_to_die in (0, 1):
        units, parts = handed_out(2, begun=2)
        assert units.died(parts[first_to_die], crashed, "log") is None
        whole = units.died(parts[1 - first_to_die], crashed, "log")
        assert whole is not None
        assert whole.end == (parts[0], crashed, "log")


def test_evaluations_that_fail_are_one_failure() -> None:
    """They count together, and only where nothing else went wrong."""
    failed = Death("OSError: no", "", "evaluation")
    units, (first, second) = handed_out(2, begun=2)
    units.died(second, failed, "second")
    whole = units.died(first, failed, "first")
    assert whole is not None
    assert whole.end is not None
    assert (whole.end[0].seeds, whole.end[2]) == ((1, 2, 3, 4, 5, 6), "second")
    units, (first, second) = handed_out(2, begun=2)
    units.died(first, failed, "")
    whole = units.died(second, Death("ValueError: no", ""), "")
    assert whole is not None
    assert whole.end is not None
    assert whole.end[0] is second
