"""Arms: what each changes, what each is called, which comes first."""

from typing import Any

from tune.study.plan.arms import Arm, Start, arms_of, carried
from tune.study.plan.section import Round

BASE = {"rate": 0.1, "width": 4, "flag": True}


def arms(base: dict[str, Any] | None = None, epochs: int = 10, seeds: int = 3, **keys: Any) -> list[Arm]:
    return arms_of("r", Round.model_validate(keys), Start(base or BASE, epochs, seeds))


def test_a_grid_is_every_combination_and_the_base_comes_first() -> None:
    """The arm of the grid that is the base is not trained twice, and stands before the others."""
    found = arms(grid={"rate": [0.2, 0.1], "width": [4, 8]})
    assert [one.name for one in found] == [
        "rate=0.1,width=4",
        "rate=0.2,width=4",
        "rate=0.2,width=8",
        "rate=0.1,width=8",
    ]
    assert [dict(one.changes) for one in found] == [{}, {"rate": 0.2}, {"rate": 0.2, "width": 8}, {"width": 8}]
    assert all(one.configuration.keys() == BASE.keys() for one in found)


def test_a_base_that_is_no_point_of_the_lists_is_an_arm_of_its_own() -> None:
    """Every arm is set against the base, so it is trained in any case."""
    assert [one.name for one in arms(one_at_a_time={"rate": [0.2, 0.3]})] == ["base", "rate=0.2", "rate=0.3"]


def test_one_at_a_time_has_the_base_once() -> None:
    """Each list has the base's value; all of these are one arm."""
    found = arms(one_at_a_time={"rate": [0.1, 0.2], "width": [4, 8], "flag": [True, False]})
    assert [one.name for one in found] == ["rate=0.1", "rate=0.2", "width=8", "flag=false"]


def test_arms_have_epochs_and_seeds_of_their_own() -> None:
    """What an arm says comes before what its round says, and that before the plan's."""
    found = {one.name: one for one in arms(arms={"long": {"epochs": 60, "seeds": 1}, "wide": {"width": 8}}, epochs=20)}
    assert (found["long"].epochs, found["long"].seeds) == (60, 1)
    assert (found["wide"].epochs, found["wide"].seeds) == (20, 3)
    of_round = arms_of("r", Round.model_validate({"arms": {"w": {"width": 8}}, "epochs": 7}), Start(BASE, 20, 3))
    assert [one.epochs for one in of_round] == [7, 7]
    assert "epochs" not in found["long"].configuration


def test_a_schedule_is_told_for_how_long_it_is_planned() -> None:
    """Where the base has `epochs`, each arm's configuration has its own."""
    found = arms({**BASE, "epochs": 10}, grid={"epochs": [10, 20], "flag": [True, False]})
    assert [(one.epochs, one.configuration["epochs"]) for one in found] == [(10, 10), (10, 10), (20, 20), (20, 20)]


def test_priorities_order_arms() -> None:
    """First, by weight, as in the file, last; the base before all."""
    found = arms(
        arms={"a": {"rate": 1.0}, "b": {"rate": 2.0}, "c": {"rate": 3.0}, "d": {"rate": 4.0}},
        first=["d"],
        last={"rate": 1.0},
        weights={"c": 2},
    )
    assert [one.name for one in found] == ["base", "d", "c", "b", "a"]


def test_a_number_is_the_same_however_it_is_written() -> None:
    """1 and 1.0 are one value, true and 1 are two."""
    found = arms({"n": 1, "flag": True}, one_at_a_time={"n": [1.0, 2]})
    assert len(found) == 2


def test_values_that_look_alike_have_names_of_their_own() -> None:
    """1 and "1", true and "true", and text with what names are made of: each is an arm, and each has a name."""
    values = [2, "2", True, "true", "a,b=1", None, "null", [1, 2], "[1, 2]", "plain"]
    found = arms({"v": "base"}, one_at_a_time={"v": values})
    assert len(found) == len(values) + 1
    assert len({one.name for one in found}) == len(found)
    assert {one.name for one in found} >= {"v=2", 'v="2"', "v=true", 'v="true"', "v=plain"}


def test_true_is_not_one() -> None:
    """Nor false zero: Python takes them for equal, a trainer does not."""
    assert len(arms({"v": False}, one_at_a_time={"v": [False, True, 0, 1]})) == 4


def test_what_rounds_found_is_carried_on() -> None:
    """What a winner changed of its own base, and what its round took over itself; where two did, the later named."""
    last = Round.model_validate({"from": ["a", "b"], "arms": {"x": {"flag": False}}})
    winners = {"a": {**BASE, "rate": 0.2}, "b": {"rate": 0.2, "width": 8, "flag": True}}
    bases = {"a": BASE, "b": {**BASE, "rate": 0.2}}
    assert carried(last, winners, bases, {"a": {}, "b": {"rate": 0.2}}) == {"rate": 0.2, "width": 8}


def test_a_round_that_found_nothing_takes_nothing_away() -> None:
    """Its winner is its own base, also in what another round has found a better value of."""
    last = Round.model_validate({"from": ["a", "b"], "arms": {"x": {"flag": False}}})
    winners = {"a": {**BASE, "rate": 0.2}, "b": BASE}
    assert carried(last, winners, {"a": BASE, "b": BASE}, {"a": {}, "b": {}}) == {"rate": 0.2}
