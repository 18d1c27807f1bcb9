"""Which runs are one side."""

from tests.fakes.runs_elsewhere import imported
from tune.scoring.comparison.sides import sides_of


def test_runs_that_differ_in_their_seed_are_one_side() -> None:
    """The configuration says it; each side has the shortest name that tells it from the others."""
    runs = [imported(f"lr{lr}-seed{seed}", configuration={"lr": lr}, seed=seed) for lr in (1, 2) for seed in (7, 8)]
    first, second = sides_of(runs)
    assert [run.seed for run in first.runs] == [7, 8]
    assert (first.name, second.name) == ("lr1", "lr2")
    assert first.seeded


def test_runs_without_a_configuration_are_sides_of_their_own() -> None:
    """Nothing says that they are the same, unless their names do."""
    assert len(sides_of([imported("a"), imported("b")])) == 2
    (side,) = sides_of([imported("a/1", group="a", seed=1), imported("a/2", group="a", seed=2)])
    assert (side.name, len(side.runs)) == ("earlier.csv", 2)


def test_the_same_configuration_elsewhere_is_another_side() -> None:
    """Another source may be another code; trials of a study are sides whatever their configuration."""
    assert (
        len(sides_of([imported(source="a", configuration={"x": 1}), imported(source="b", configuration={"x": 1})])) == 2
    )
    trials = [imported(key, configuration={"x": 1}, study={"name": "s"}, seed=1) for key in "01"]
    assert [side.name for side in sides_of(trials)] == ["trial 0", "trial 1"]


def test_repeats_without_seeds_are_counted_by_their_place() -> None:
    """They are one side, of which nothing is paired."""
    (side,) = sides_of([imported(key, loss=[loss], configuration={"x": 1}) for key, loss in (("a", 3), ("b", 2))])
    assert not side.seeded
    assert side.by_seed(lambda run: run.final("validation_loss")) == {1: 3, 2: 2}


def test_how_long_a_run_was_is_a_factor_where_nothing_else_says_it() -> None:
    """The configuration before the length of the curve; a trial that was stopped early was planned longer."""
    (told,) = sides_of([imported(loss=[3, 2], configuration={"max_epochs": 9})])
    (untold,) = sides_of([imported(loss=[3, 2], configuration={"x": 1})])
    (trial,) = sides_of([imported(loss=[3, 2], configuration={"x": 1}, study={"name": "s"})])
    assert [side.factors.get("epochs") for side in (told, untold, trial)] == [None, 2, None]
    assert told.epochs == (2, 2)


def test_names_are_told_apart() -> None:
    """Two runs of one name in one file."""
    assert [side.name for side in sides_of([imported("a"), imported("a")])] == ["a (1)", "a (2)"]
