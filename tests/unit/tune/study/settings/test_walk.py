"""Walking through a space: how many settings it has costs nothing, and each comes once."""

import tracemalloc
from itertools import islice, product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.study.document import Document
from tune.study.settings.conditions import condition_mistakes, existing
from tune.study.settings.walk import drawn, grid, size
from tune.study.study import Study, build_study

MILLIONS = 2**52


def wide(**changes: object) -> Study:
    """A study over a range that nobody could write down."""
    space = {"x": {"int": [-MILLIONS, MILLIONS]}, "on": {"choice": [True, False]}, "y": {"int": [0, MILLIONS]}}
    given = {"name": "wide", "trainer": "a:B", "space": space, "seeds": [1, 2], "epochs": 4, **changes}
    return build_study(Document("wide", given))


def test_a_range_of_millions_takes_no_memory() -> None:
    """Reading, counting, asking what holds and the first points of the grid look at no value but those they need."""
    tracemalloc.start()
    try:
        study = wide(search={"enqueue": [{"x": 5}, {"x": MILLIONS}], "method": "grid", "trials": 3})
        assert study.protected == ("on",)
        assert list(study.varying) == ["x", "on", "y"]
        assert size(study.space) == 2 * (2 * MILLIONS + 1) * (MILLIONS + 1)
        first = [{"x": -MILLIONS, "on": True, "y": value} for value in range(3)]
        assert list(islice(grid(study.space), 3)) == first
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_grid_is_the_product_of_its_axes() -> None:
    """In the order of `itertools.product`: the last parameter varies fastest."""
    study = wide(space={"x": {"int": [1, 3]}, "on": {"choice": ["a", "b"]}, "y": {"int": [0, 1]}})
    expected = [dict(zip(("x", "on", "y"), values, strict=True)) for values in product((1, 2, 3), "ab", (0, 1))]
    assert list(grid(study.space)) == expected


def test_a_condition_on_a_range_of_millions_is_counted_at_once() -> None:
    """Only the values that conditions ask for are looked at, however many switches there are."""
    switches: dict[str, Any] = {f"on{i}": {"choice": [True, False]} for i in range(40)}
    behind = {f"by{i}": {"int": [1, 3], "when": {f"on{i}": True}} for i in range(40)}
    assert size(wide(space={**switches, **behind}).space) == 4**40
    deep = {"x": {"int": [0, MILLIONS]}, "y": {"int": [1, 5], "when": {"x": [3, 4]}}}
    assert size(wide(space=deep).space) == MILLIONS - 1 + 2 * 5


@st.composite
def conditional_spaces(draw: st.DrawFn) -> dict[str, Any]:
    """Small spaces in which any parameter may be under conditions on others, before or after it."""
    count = draw(st.integers(1, 5))
    order = draw(st.permutations(range(count)))
    space: dict[str, Any] = {}
    for place in range(count):
        values = draw(st.lists(st.sampled_from([0, 1, 2, "a", [1, 2]]), min_size=1, max_size=3, unique_by=repr))
        parents = draw(st.lists(st.sampled_from([*order[:place]]), max_size=2, unique=True)) if place else []
        when = {f"p{parent}": draw(st.sampled_from([0, 1, [2, "a"], [[1, 2]]])) for parent in parents}
        space[f"p{order[place]}"] = {"choice": values, **({"when": when} if when else {})}
    return {name: space[name] for name in draw(st.permutations(list(space)))}


@settings(max_examples=150, deadline=None)
@given(conditional_spaces())
def test_a_conditional_grid_has_each_setting_once(written: dict[str, Any]) -> None:
    """It is the product of all values, without those of parameters that do not exist, and as long as is counted."""
    space = Study.model_validate(
        {"name": "a", "trainer": "a:B", "space": written, "seeds": [1], "epochs": 1}, strict=False
    ).space
    if [*condition_mistakes(space)]:
        return
    whole = (dict(zip(space, values, strict=True)) for values in product(*(one.values or () for one in space.values())))
    expected = {repr(existing(space, setting)) for setting in whole}
    found = [repr(setting) for setting in grid(space)]
    assert len(found) == size(space)
    assert {*found} == expected
    assert repr(drawn(space, Random(0))) in expected  # noqa: S311 - no secret


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ({"int": [16, 100], "step": 16}, [16, 32, 48, 64, 80, 96]),
        ({"uniform": [0, 0.5], "step": 0.1}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"uniform": [-1, 1], "step": 0.75}, [-1.0, -0.25, 0.5]),
    ],
)
def test_values_with_a_step_are_counted_from_low(written: dict[str, Any], values: list[float]) -> None:
    """Up to high, as a person would write them, and nothing else is drawn or held."""
    parameter = wide(space={"x": written}).space["x"]
    assert list(parameter.values or ()) == values
    assert parameter.extremes == (values[0], values[-1])
    random = Random(1)  # noqa: S311 - no secret
    assert {drawn({"x": parameter}, random)["x"] for _ in range(200)} == {*values}
    assert all(map(parameter.holds, values))
    assert not parameter.holds((values[0] + values[1]) / 2 if isinstance(values[0], float) else values[0] + 1)
