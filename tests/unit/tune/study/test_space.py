"""The space: how many values it has costs nothing."""

import tracemalloc
from itertools import islice, product

from tune.study.document import Document
from tune.study.space import IntRange, grid, size
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


def test_a_range_holds_its_whole_numbers() -> None:
    """Both ends and what lies between; no float, no truth value, nothing beyond."""
    one = IntRange(int=[0, 4])
    assert [value for value in (-1, 0, 1, 4, 5, 1.0, True, "1", None) if one.holds(value)] == [0, 1, 4]


def test_a_grid_is_the_product_of_its_axes() -> None:
    """In the order of `itertools.product`: the last parameter varies fastest."""
    study = wide(space={"x": {"int": [1, 3]}, "on": {"choice": ["a", "b"]}, "y": {"int": [0, 1]}})
    expected = [dict(zip(("x", "on", "y"), values, strict=True)) for values in product((1, 2, 3), "ab", (0, 1))]
    assert list(grid(study.space)) == expected
