"""The ladder and the promotion rule."""

from collections.abc import Collection, Hashable, Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.optimizer.promotion import Contest, Fate, ordinal
from tune.study.ladder import Rung, Step, cost, next_step, planned

SEEDS = (1, 12, 123)


def climb(rungs: list[Rung], dead: frozenset[int] = frozenset()) -> list[str]:
    """Every step of a trial that climbs the whole ladder, drawn as `seeds from→to`."""
    done: dict[int, int] = {}
    picture = []
    for rung in rungs:
        while (step := next_step(rung, SEEDS, done, dead)) is not None:
            picture.append(f"{'+'.join(map(str, step.seeds))} {step.from_epoch}→{step.to_epoch}")
            done |= dict.fromkeys(step.seeds, step.to_epoch)
    return picture


def test_new_seeds_catch_up_then_join() -> None:
    """A seed that joins at a promotion trains alone from epoch 0 to where the others stand, then with them."""
    ladder = [Rung(epochs=3, seeds=1), Rung(epochs=9, seeds=2), Rung(epochs=27, seeds=3)]
    assert climb(ladder) == [
        "1 0→3",
        "12 0→3",
        "1+12 3→9",
        "123 0→9",
        "1+12+123 9→27",
    ]


def test_fixed_seeds_train_together() -> None:
    """With all seeds from the first rung on there is nothing to catch up."""
    assert climb([Rung(epochs=3, seeds=3), Rung(epochs=9, seeds=3)]) == ["1+12+123 0→3", "1+12+123 3→9"]


def test_dead_seeds_train_no_more() -> None:
    """A seed that became non-finite is left out; when all have, nothing is left to train."""
    assert climb([Rung(epochs=3, seeds=3)], frozenset({12})) == ["1+123 0→3"]
    assert climb([Rung(epochs=3, seeds=3)], frozenset(SEEDS)) == []


def test_an_interrupted_trial_goes_on_where_each_seed_stands() -> None:
    """After a kill the seeds may stand at different epochs; those behind come first."""
    rung = Rung(epochs=9, seeds=3)
    assert next_step(rung, SEEDS, {1: 4, 12: 4, 123: 2}) == Step((123,), 2, 4)
    assert next_step(rung, SEEDS, {1: 4, 12: 4, 123: 4}) == Step(SEEDS, 4, 9)
    assert next_step(rung, SEEDS, {1: 9, 12: 9, 123: 9}) is None


@given(st.dictionaries(st.sampled_from(SEEDS), st.integers(0, 12)), st.integers(1, 9), st.integers(1, 3))
def test_every_step_brings_the_rung_nearer(done: dict[int, int], epochs: int, seeds: int) -> None:
    """From any state the steps end, never train an epoch twice, and cost what `cost` says."""
    rung = Rung(epochs=epochs, seeds=seeds)
    expected, spent, state = cost(rung, done, SEEDS), 0, dict(done)
    while (step := next_step(rung, SEEDS, state)) is not None:
        assert step.to_epoch > step.from_epoch
        assert all(state.get(seed, 0) == step.from_epoch for seed in step.seeds)
        spent += len(step.seeds) * (step.to_epoch - step.from_epoch)
        state |= dict.fromkeys(step.seeds, step.to_epoch)
    assert spent == expected


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


@pytest.mark.parametrize(
    ("epochs", "seeds", "seed_epochs", "ladder"),
    [
        (27, 10, None, [(9, 1), (27, 1), (27, 3), (27, 5)]),
        (27, 10, 2400, [(9, 1), (27, 1), (27, 3), (27, 5)]),
        (27, 10, 1200, [(9, 1), (27, 1), (27, 3)]),
        (27, 10, 600, [(9, 1), (27, 1), (27, 2)]),
        (27, 10, 300, [(9, 1), (27, 1)]),
        (27, 2, None, [(9, 1), (27, 1), (27, 2)]),
        (10, 4, None, [(4, 1), (10, 1), (10, 3), (10, 4)]),
        (1, 1, None, [(1, 1)]),
    ],
)
def test_the_planned_ladder(epochs: int, seeds: int, seed_epochs: int | None, ladder: list[tuple[int, int]]) -> None:
    """Epochs first, then seeds; a small budget buys settings before seeds."""
    assert [(rung.epochs, rung.seeds) for rung in planned(epochs, seeds, seed_epochs)] == ladder


@given(st.integers(1, 100), st.integers(1, 12), st.none() | st.integers(1, 10_000))
def test_a_planned_ladder_rises(epochs: int, seeds: int, seed_epochs: int | None) -> None:
    """Each rung has more epochs or seeds than the one before, the last all epochs, and no more seeds than there are."""
    rungs = planned(epochs, seeds, seed_epochs)
    pairs = [(rung.epochs, rung.seeds) for rung in rungs]
    assert pairs == sorted(set(pairs))
    assert rungs[-1].epochs == epochs
    assert rungs[-1].seeds <= seeds
