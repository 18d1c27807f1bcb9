"""The ladder: what a trial trains next, and which rungs are planned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.study.ladder import Rung, Step, cost, next_step, planned

SEEDS = (1, 12, 123)


def steps_of(ladder: list[Rung]) -> list[str]:
    """A ladder drawn as `epochs x seeds`."""
    return [f"{rung.epochs} x {rung.seeds}" for rung in ladder]


def test_what_trains_anew_climbs_to_more_seeds_only() -> None:
    """No rung of fewer epochs is planned for a training that would pay for it again."""
    assert steps_of(planned(9, 5)) == ["3 x 1", "9 x 1", "9 x 3", "9 x 5"]
    assert steps_of(planned(9, 5, resumes=False)) == ["9 x 1", "9 x 3", "9 x 5"]


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
