"""The parameters of a space, and what is wrong with one."""

from typing import Any

import pytest

from tune.errors import FileMistakes
from tune.study.document import Document
from tune.study.space import IntRange
from tune.study.study import build_study


def test_a_range_holds_its_whole_numbers() -> None:
    """Both ends and what lies between; no float, no truth value, nothing beyond."""
    one = IntRange(int=[0, 4])
    assert [value for value in (-1, 0, 1, 4, 5, 1.0, True, "1", None) if one.holds(value)] == [0, 1, 4]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"int": [1, 8], "step": 0}, "space.x.step"),
        ({"int": [1, 8], "step": 9}, "step must be at most high - low = 7, got 9"),
        ({"int": [1, 8], "step": 2, "log": True}, "step and log exclude each other"),
        ({"uniform": [0, 1], "step": -0.1}, "space.x.step"),
        ({"uniform": [0, 1], "step": 1e-9}, "step must make at most 10,000 steps, got 1,000,000,000"),
        ({"log_uniform": [1e-5, 1], "step": 0.1}, "unknown key"),
        ({"log_uniform": [1e-5, 1], "prior": 2}, "prior must be one of the values that can be taken, got 2.0"),
        ({"uniform": [0, 1], "step": 0.5, "prior": 0.4}, "prior must be one of the values that can be taken, got 0.4"),
        ({"int": [1, 8], "prior": 9}, "prior must be one of the values that can be taken, got 9"),
        ({"choice": ["a", "b"], "prior": "c"}, "prior must be one of the values that can be taken, got 'c'"),
        ({"choice": ["a", "b"], "when": {}}, "space.x.when"),
        ({"choice": ["a", "b"], "when": "y"}, "space.x.when"),
    ],
)
def test_what_makes_no_parameter_is_refused(written: dict[str, Any], said: str) -> None:
    """The message says where, and the value got or what is allowed."""
    study = {"name": "wrong", "trainer": "a:B", "space": {"x": written}, "seeds": [1, 2], "epochs": 4}
    with pytest.raises(FileMistakes) as caught:
        build_study(Document("wrong", study))
    assert said in str(caught.value)
    assert len(caught.value.mistakes) == 1
