"""The ladder and the promotion rule."""

from collections.abc import Collection, Hashable, Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.optimizer.promotion import Contest, Fate, ordinal


def promotable(
    scores: Mapping[int, float],
    promoted: Collection[int],
    factor: float,
    groups: Mapping[int, Hashable] | None = None,
    *,
    at_once: bool = False,
) -> list[int]:
    """Those that have earned promotion from a rung, best first, when all came there one after the other."""
    contest = Contest(factor, at_once=at_once)
    for number, score in scores.items():
        contest.put(number, score, groups[number] if groups else None, "climbed" if number in promoted else "waits")
    return list(contest.earned())


# One trial a line: its score at the rung, and what becomes of it with a reduction factor of 3.
RUNG = """
    0  0.50  stays
    1  0.10  promoted already
    2  0.90  stays
    3  0.20  promotable, second
    4  0.30  stays
    5  0.15  promotable, first
    6  0.40  stays
    7  0.60  stays
    8  0.70  stays
    9  0.80  stays
"""


def test_the_best_third_is_promoted_best_first() -> None:
    """Of ten trials at a rung three may climb; one has already."""
    rows = [line.split(None, 2) for line in RUNG.strip().splitlines()]
    scores = {int(number): float(value) for number, value, _ in rows}
    already = [int(number) for number, _, fate in rows if fate == "promoted already"]
    expected = [
        int(number) for number, _, fate in sorted(rows, key=lambda row: row[1]) if fate.startswith("promotable")
    ]
    assert promotable(scores, already, 3) == expected == [5, 3]


def test_promotions_made_too_early_use_up_the_places() -> None:
    """Of nine trials three may climb: where a bad one has, a good one that came later does not, unless the bad died."""
    scores = {number: 0.9 - number / 10 for number in range(9)}  # each better than all before
    assert promotable(scores, [2, 5, 8], 3) == []
    assert promotable(scores, [2, 5], 3) == [8]
    assert promotable(scores, [0, 1, 2, 3], 3) == []
    died = {number: score for number, score in scores.items() if number != 2}
    assert promotable(died, [2, 5], 4) == [8]
    assert promotable({**died, 9: 0.95}, [2, 5], 3) == [8, 7]


def test_each_group_has_places_of_its_own() -> None:
    """One in two of each group climbs; the places of one that waits are not taken by one that is ahead."""
    kind = dict.fromkeys(range(4), "fast") | dict.fromkeys(range(4, 8), "slow") | {8: "fast"}
    scores = {number: number / 10 for number in range(8)}
    assert promotable(scores, [], 2, kind) == [0, 1, 4, 5]
    assert promotable(scores, [0, 3], 2, kind) == [4, 5]  # 1 is of the best two, but two of its kind have climbed
    assert promotable(scores, [0, 3, 4, 7], 2, kind) == []
    assert promotable({**scores, 8: -1.0}, [0, 1, 4], 2, kind) == [5]  # 8 is best of all, one in two of five is two
    living = {number: score for number, score in scores.items() if number not in (2, 3)}
    assert promotable(living, [3], 2, kind) == [0, 4, 5]  # 3 has died, and its place is free


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=30),
    st.sampled_from([2, 2.5, 3, 4]),
)
def test_no_more_than_one_in_so_many_ever_climbs(arrivals: list[tuple[int, bool, bool]], factor: float) -> None:
    """Whatever comes when, of each group and of all, however often promotions are asked for meanwhile."""
    scores: dict[int, float] = {}
    groups: dict[int, bool] = {}
    promoted: list[int] = []
    for number, (score, group, ask) in enumerate(arrivals):
        scores[number], groups[number] = score, group
        if ask:
            promoted += promotable(scores, promoted, factor, groups)
        for kind in (True, False):
            size = sum(one == kind for one in groups.values())
            assert sum(groups[one] == kind for one in promoted) <= size / factor
    assert len(promoted) == len(set(promoted))


def test_too_few_trials_promote_none() -> None:
    """Two trials say nothing about the best third."""
    assert promotable({0: 0.1, 1: 0.2}, [], 3) == []


def test_where_each_goes_on_at_once_rank_alone_counts() -> None:
    """The first goes on without waiting for others, and those who went on before one of the best take no place."""
    assert promotable({0: 0.5}, [], 3, at_once=True) == [0]
    assert promotable({0: 0.5, 1: 0.6}, [], 3, {0: "slow", 1: "fast"}, at_once=True) == [0]
    assert promotable({0: 0.5, 1: 0.4}, [0], 3, at_once=True) == [1]
    scores = {number: 0.9 - number / 10 for number in range(6)}  # each better than all before
    assert promotable(scores, [0, 1, 2, 3], 3, at_once=True) == [5, 4]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7), st.integers(0, 5), st.booleans(), st.sampled_from(["waits", "climbed", "ended", "dies"])
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_what_comes_and_goes_leaves_the_order_as_if_all_came_at_once(
    arrivals: list[tuple[int, int, bool, str]], at_once: bool
) -> None:
    """Scores that change and trials that die leave the contest as one that never knew of what was before."""
    kept, latest = Contest(2, at_once=at_once), {}
    for number, score, group, fate in arrivals:
        if fate == "dies":
            kept.drop(number)
            latest.pop(number, None)
        else:
            kept.put(number, score, group, cast("Fate", fate))
            latest[number] = score, group, cast("Fate", fate)
    fresh = Contest(2, at_once=at_once)
    for number in sorted(latest):
        fresh.put(number, *latest[number])
    assert list(kept.earned()) == list(fresh.earned())
    assert list(kept.waiting()) == list(fresh.waiting())
    assert [kept.place(number) for number in latest] == [fresh.place(number) for number in latest]


def test_equal_scores_keep_the_older_first() -> None:
    """Ties are broken by number, so that decisions repeat."""
    contest = Contest(2)
    for number, score in {7: 0.5, 3: 0.5, 5: 0.4}.items():
        contest.put(number, score)
    assert list(contest.waiting()) == [5, 3, 7]


@pytest.mark.parametrize(
    ("place", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (22, "22nd")]
)
def test_ordinals(place: int, text: str) -> None:
    """Places read as people say them."""
    assert ordinal(place) == text
