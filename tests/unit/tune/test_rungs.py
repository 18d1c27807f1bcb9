"""The ladder and the promotion rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.rungs import Rung, Step, cost, next_step, ordinal, promotable, ranked

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


def test_too_few_trials_promote_none() -> None:
    """Two trials say nothing about the best third."""
    assert promotable({0: 0.1, 1: 0.2}, [], 3) == []


def test_equal_scores_keep_the_older_first() -> None:
    """Ties are broken by number, so that decisions repeat."""
    assert ranked({7: 0.5, 3: 0.5, 5: 0.4}) == [5, 3, 7]


@pytest.mark.parametrize(
    ("place", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (22, "22nd")]
)
def test_ordinals(place: int, text: str) -> None:
    """Places read as people say them."""
    assert ordinal(place) == text
