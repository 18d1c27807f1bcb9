"""Constraints on the settings of a study."""

from typing import Any

import pytest

from tune.errors import FileMistakes
from tune.study.document import Document, parse
from tune.study.settings.constraints import violated
from tune.study.study import Study, build_study, dump_study

SPACE: dict[str, Any] = {"width": {"int": [1, 64]}, "heads": {"choice": [2, 4, 8]}, "x": {"uniform": [0, 1]}}


def constrained(*where: str, **changes: object) -> Study:
    """A study with conditions between its parameters."""
    given = {"name": "constrained", "trainer": "a:B", "space": SPACE, "seeds": [1, 2], "epochs": 4, "where": [*where]}
    return build_study(Document("constrained", {**given, **changes}))


def test_what_is_violated_is_told_with_its_values() -> None:
    """One that names a parameter which does not exist in the setting is satisfied."""
    where = ["width % heads == 0", "heads <= most", "x < warmup"]
    assert violated(where, {"width": 8, "heads": 4, "x": 0.5, "most": 4}) == {}
    assert violated(where, {"width": 9, "heads": 8, "x": 0.5, "most": 4}) == {
        "width % heads == 0": "not so with width 9, heads 8",
        "heads <= most": "not so with heads 8, most 4",
    }
    assert violated(["width % heads == 0"], {"width": 9, "heads": 0})["width % heads == 0"].startswith("cannot be")


def test_a_study_keeps_its_constraints() -> None:
    """They are written as they were read; a study without any is written as it ever was."""
    study = constrained("width % heads == 0", "x < 0.5 or heads == 2")
    assert build_study(parse(dump_study(study), "again")) == study
    assert "where" not in dump_study(constrained())


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (["width % head == 0"], "where.0: head is neither under `space` nor under `fixed`; did you mean 'heads'?"),
        (["open('x')"], "where.0: \"open('x')\" may not stand in a condition"),
        (["width <"], "where.0: 'width <' is no condition"),
        (["heads > 8"], "where.0: nothing in the space satisfies 'heads > 8'"),
        (["width > 0", "x > 1"], "where.1: nothing in the space satisfies 'x > 1' (10,000 settings tried)"),
        (["width / x"], "where.0: nothing in the space satisfies 'width / x'"),
        (["heads == 2", "heads == 4"], "where: each can be satisfied, but nothing in the space satisfies all together"),
    ],
)
def test_a_constraint_that_rules_out_all_is_refused(where: list[str], said: str) -> None:
    """By its name, when the study is read; so are names that are none and what is no condition."""
    with pytest.raises(FileMistakes) as caught:
        constrained(*where)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("enqueue", "said"),
    [
        ({"width": 9, "heads": 8}, "search.enqueue.0: violates `where`, width % heads == 0: not so with width 9"),
        ({"warmup": 1}, "search.enqueue.0.warmup: exists only where heads is 2: give that beside it"),
        ({"width": 9, "head": 8}, "search.enqueue.0.head: is not under `space`"),
    ],
)
def test_an_enqueued_setting_that_cannot_be_is_refused(enqueue: dict[str, Any], said: str) -> None:
    """One that violates a constraint, or has a parameter that does not exist in it."""
    space = {**SPACE, "warmup": {"int": [0, 5], "when": {"heads": 2}}}
    with pytest.raises(FileMistakes) as caught:
        constrained("width % heads == 0", space=space, search={"enqueue": [enqueue]})
    assert said in str(caught.value)
    assert len(caught.value.mistakes) == 1
