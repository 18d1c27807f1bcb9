"""Configuration values that are lists and mappings."""

import pytest

from tune.errors import FileMistakes
from tune.study.document import Document, parse
from tune.study.study import Study, build_study, dump_study
from tune.study.values import frozen, same

LAYERS = [[64, 64], [128], {"width": 32, "depth": 4}, "none", None]


def shaped(**changes: object) -> Study:
    """A study that chooses among lists and mappings."""
    space = {"layers": {"choice": LAYERS}}
    given = {"name": "shaped", "trainer": "a:B", "space": space, "seeds": [1, 2], "epochs": 4, **changes}
    return build_study(Document("shaped", given))


def test_a_study_with_lists_as_choices_reads_as_it_is_written() -> None:
    """Lists and mappings stand in `space`, `fixed` and `search.enqueue`, and come back from YAML the same."""
    study = shaped(fixed={"betas": [0.9, 0.99]}, search={"enqueue": [{"layers": [64, 64]}]})
    again = build_study(parse(dump_study(study), "again"))
    assert again == study
    assert again.space["layers"].values == tuple(LAYERS)


def test_values_are_held_by_what_they_say() -> None:
    """The order of keys does not count; numbers of another type, and the text of a list, are other values."""
    layers = shaped().space["layers"]
    assert all(layers.holds(value) for value in (*LAYERS, {"depth": 4, "width": 32}))
    assert not any(layers.holds(value) for value in ([64.0, 64], "[64, 64]", [64], {"width": 32}, False))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ([[1, 2], [1, 2]], "each value once, got [1, 2] twice"),
        ([[1, 2], "[1, 2]"], "each value once, got [1, 2] as text and not as text"),
        ([{1: 2}], "keys of a mapping must be text, got 1"),
        ([{"a": {1, 2}}], "or a list or mapping of such; got set {1, 2}"),
    ],
)
def test_what_cannot_be_told_apart_or_kept_is_refused(choice: list[object], said: str) -> None:
    """The message says what, and where."""
    with pytest.raises(FileMistakes, match=r"space\.layers") as caught:
        shaped(space={"layers": {"choice": choice}})
    assert said in str(caught.value)


def test_a_value_in_a_set_stands_for_itself() -> None:
    """Scalars are as Python compares them, as ever; lists and mappings are by what they say."""
    assert frozen(1) == frozen(1.0)
    assert frozen([1, {"b": 2, "a": 1}]) == frozen([1, {"a": 1, "b": 2}])
    assert frozen([1]) != frozen("[1]")
    assert same(2, 2.0)
    assert not same(1, True)
    assert not same("1", 1)


def test_true_is_not_one_in_a_set() -> None:
    """Python takes them for equal, and 2 and 2.0 as well; a trainer tells the first two apart."""
    assert len({frozen(value) for value in (True, 1, False, 0, 1.0, "true")}) == 5
